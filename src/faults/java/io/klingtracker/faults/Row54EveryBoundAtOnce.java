package io.klingtracker.faults;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

/** One tenant takes all it can of everything that is shared, at once. */
@Attack
final class Row54EveryBoundAtOnce extends Row {

  private static final String JSON = "Content-Type: application/json\r\n";
  private static final int MEDIA_BODIES = 16;
  private static final int TRACKED = 3_000;
  private static final int HOSTS = 3_000;
  private static final int MODELS = 400;

  /** Of its requests so many, and one more, may be deferred. */
  private static final double PUT_OFF = 0.1;

  Row54EveryBoundAtOnce() {
    super(54, "one tenant at every bound at once", "the other is served; I7 I8 I9");
  }

  @Override
  boolean leavesTraces() {
    return true;
  }

  @Override
  void attack(Scene scene) throws Exception {
    Tenant greedy = scene.installation().tenant("greedy");
    String own = submit(scene, greedy, 0, "").json().at("/data/task_id").asText();
    Duration time = scene.run().seconds(60);
    AtomicInteger mostSlots = new AtomicInteger();
    ExecutorService threads = Executors.newCachedThreadPool();
    try (Swarm waits = new Swarm(scene.port());
        Swarm streams = new Swarm(scene.port());
        Swarm media = new Swarm(scene.port())) {
      List<Future<?>> running = new ArrayList<>();
      running.add(
          threads.submit(
              () ->
                  waits
                      .open(
                          Installation.MAX_WATCHERS * 2,
                          number -> get("/v1/tasks/" + own + "?wait=60&after=100", greedy))
                      .run(time)));
      running.add(
          threads.submit(
              () ->
                  streams
                      .open(
                          Installation.MAX_WATCHERS * 2, number -> get("/v1/events/stream", greedy))
                      .run(time)));
      byte[] start =
          Attacker.head(
              "POST",
              "/kling/v1/videos/image2video",
              greedy.apiKey(),
              JSON + "Content-Length: 20000000\r\n");
      running.add(
          threads.submit(
              () ->
                  media
                      .dripping(Duration.ofSeconds(1), number -> new byte[1000])
                      .open(MEDIA_BODIES, number -> start)
                      .run(time)));
      running.add(threads.submit(() -> tracked(scene, greedy, time)));
      running.add(threads.submit(() -> hosts(scene, greedy, time)));
      running.add(threads.submit(() -> models(scene, greedy, time, mostSlots)));
      for (Future<?> one : running) {
        one.get();
      }
      scene.note("long-polls of one tenant: " + waits);
      scene.note("streams of one tenant: " + streams);
      scene.note("half-sent media bodies: " + media);
      judge(scene, mostSlots.get());
    } finally {
      threads.shutdownNow();
    }
  }

  private static void judge(Scene scene, int slots) {
    Measures measures = scene.measures();
    for (String kind : HonestTraffic.KINDS) {
      int asked = measures.count(kind, "attack");
      int good = measures.count(kind, "attack", 200);
      scene
          .findings()
          .require(
              asked - good <= 1 + PUT_OFF * asked && good > 0,
              "the other tenant is served",
              "%s: %d of %d answered 200".formatted(kind, good, asked));
      double before = measures.millis(kind, "before", 0.99);
      scene.note(
          String.format(
              Locale.ROOT,
              "%s: p99 %.2f times that of before",
              kind,
              before == 0 ? 0 : measures.millis(kind, "attack", 0.99) / before));
    }
    // Two accounts, each with its slots for all names that nobody knows.
    int allowed = 2 * Installation.MAX_PARALLEL;
    scene.note("at most " + slots + " tasks of invented models at Kling, allowed are " + allowed);
    scene
        .findings()
        .require(
            slots <= allowed,
            "invented models share one pool of slots",
            slots + " at Kling, allowed are " + allowed);
  }

  private static byte[] get(String path, Tenant tenant) {
    return Attacker.head("GET", path, tenant.apiKey(), "Accept: */*\r\n");
  }

  private static Calls.Answer submit(Scene scene, Tenant tenant, int number, String more) {
    return scene
        .installation()
        .calls()
        .post(
            scene.installation().url() + "/kling/v1/videos/text2video",
            tenant.apiKey(),
            "{\"model_name\":\"kling-v2-6\",\"prompt\":\"%d\"%s}".formatted(number, more));
  }

  /** As many as go into the time, four at once. */
  private static int many(int most, Duration time, IntFunction<Calls.Answer> one) {
    long end = System.nanoTime() + time.toNanos();
    AtomicInteger next = new AtomicInteger();
    AtomicInteger done = new AtomicInteger();
    ExecutorService four = Executors.newFixedThreadPool(4);
    try {
      List<Callable<Integer>> workers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        workers.add(
            () -> {
              int number = next.getAndIncrement();
              while (number < most && System.nanoTime() < end) {
                if (one.apply(number).ok()) {
                  done.incrementAndGet();
                }
                number = next.getAndIncrement();
              }
              return 0;
            });
      }
      four.invokeAll(workers);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      four.shutdownNow();
    }
    return done.get();
  }

  /** Ids that no Kling knows: each is asked about. */
  private static int tracked(Scene scene, Tenant greedy, Duration time) {
    int done =
        many(
            TRACKED,
            time,
            number ->
                scene
                    .installation()
                    .calls()
                    .post(
                        scene.installation().url() + "/v1/tasks/track",
                        greedy.apiKey(),
                        "{\"kind\":\"text2video\",\"account\":\"default\",\"kling_task_id\":\"8%017d\"}"
                            .formatted(number)));
    scene.note(done + " made-up ids tracked");
    return done;
  }

  /** A host for each task: every port of loopback is one, and nobody listens on these. */
  private static int hosts(Scene scene, Tenant greedy, Duration time) {
    int done =
        many(
            HOSTS,
            time,
            number ->
                submit(
                    scene,
                    greedy,
                    number,
                    ",\"callback_url\":\"http://127.1.%d.%d:9/\""
                        .formatted(number / 250, 1 + number % 250)));
    scene.note(done + " tasks with a receiver of their own");
    return done;
  }

  /** Models that nobody knows, on a kind that has no table of them. */
  private static int models(Scene scene, Tenant greedy, Duration time, AtomicInteger mostSlots) {
    Thread looking =
        new Thread(
            () -> {
              while (!Thread.currentThread().isInterrupted()) {
                mostSlots.accumulateAndGet(atKling(scene), Math::max);
                scene.watch(Duration.ofMillis(100));
              }
            },
            "slots");
    looking.setDaemon(true);
    looking.start();
    int done =
        many(
            MODELS,
            time,
            number ->
                scene
                    .installation()
                    .calls()
                    .post(
                        scene.installation().url() + "/kling/v1/videos/video-extend",
                        greedy.apiKey(),
                        "{\"video_id\":\"8781062428318%05d\",\"model_name\":\"invented-%d\"}"
                            .formatted(number, number)));
    looking.interrupt();
    scene.note(done + " tasks of invented models");
    return done;
  }

  /** Creates that Kling accepted and has not called the end of. */
  private static int atKling(Scene scene) {
    try {
      return (int)
          scene
              .installation()
              .sql()
              .number(
                  """
                  select count(*) from open_task o join task t on t.id = o.task_id
                   where o.slots > 0 and t.model like 'invented-%'""");
    } catch (IllegalStateException e) {
      return 0;
    }
  }
}
