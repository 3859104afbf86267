package io.klingtracker.faults;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.RequestOptions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/** What can be had of memory, threads and metrics without a key, or with few bytes. */
@Attack
final class Row53BoughtBeforeTheGate extends Row {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String JSON = "Content-Type: application/json\r\n";
  private static final String SUBMIT = "/kling/v1/videos/text2video";
  private static final int ANNOUNCING = 5_800;
  private static final int ANNOUNCED = 65_536;
  private static final int DRIPPING = 80;
  private static final int STREAMS = 1_000;
  private static final int MEDIA = 31 << 20;
  private static final int BATCH = 32 << 20;
  private static final int METHODS = 5_000;
  private static final int JUNK_PATHS = 300;
  private static final int FIRST = 10;

  /** The service's own at their first use: some timers, of which each is four. */
  private static final int MAX_NEW_SERIES = 40;

  private static final int AT_ONCE = 16;
  private static final int LARGE = 12;

  /** Generous: what is judged is that all find room, not how fast a machine stores them. */
  private static final Duration LARGE_LIMIT = Duration.ofMinutes(10);

  private String largeTenant = "";

  Row53BoughtBeforeTheGate() {
    super(
        53,
        "announced and dripped bodies, endless streams, invented methods, large pictures",
        "the process survives with 384 MiB, health answers; I9");
  }

  @Override
  void attack(Scene scene) throws Exception {
    Tenant greedy = scene.installation().tenant("greedy");
    scene.measures().phase("drip");
    drip(scene, greedy);
    scene.measures().phase("streams");
    streams(scene, greedy);
    scene.measures().phase("methods");
    methods(scene);
    scene.measures().phase("framing");
    framing(scene, greedy);
    scene.measures().phase("announce");
    announce(scene);
    scene.measures().phase("media");
    media(scene, greedy);
    scene.measures().phase("large");
    large(scene);
  }

  /** Tasks with large pictures, stored one by one, which the dispatcher then has all at once. */
  private void large(Scene scene) {
    Tenant artist = scene.installation().tenant("artist");
    byte[] request = picture(artist, "");
    int stored = 0;
    long end = System.nanoTime() + LARGE_LIMIT.toNanos();
    while (stored < LARGE && System.nanoTime() < end) {
      Attacker.Answer answer = scene.attacker().send(scene.port(), request, LIMIT);
      if (answer.status() == 200) {
        stored++;
      } else if (answer.status() == 429 || answer.status() == 503) {
        // No room, or a statement that took too long on a busy machine; both ask to come again.
        scene.watch(Duration.ofSeconds(1));
      } else {
        scene.findings().add("a large picture is stored", answer.toString());
        return;
      }
    }
    scene.note(stored + " tasks with a picture of 31 MiB stored");
    scene
        .findings()
        .require(stored == LARGE, "large pictures find room one by one", stored + " stored");
    largeTenant = artist.id();
    while (waiting(scene) > 0 && scene.installation().isAlive() && System.nanoTime() < end) {
      scene.watch(Duration.ofSeconds(1));
    }
  }

  private long waiting(Scene scene) {
    return scene
        .installation()
        .sql()
        .number("select count(*) from dispatch_queue where tenant_id = ?", largeTenant);
  }

  @Override
  void afterwards(Scene scene) {
    long left = waiting(scene);
    scene.findings().require(left == 0, "all large pictures are dispatched", left + " wait");
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Whoever announces a body and sends nothing of it. */
  private static void announce(Scene scene) throws Exception {
    int count = (int) Math.min(ANNOUNCING, Row31SlowConnections.openFilesAllowed() * 4 / 10);
    byte[] head =
        Attacker.head("POST", SUBMIT, null, JSON + "Content-Length: " + ANNOUNCED + "\r\n");
    try (Swarm swarm = new Swarm(scene.port())) {
      swarm
          .dripping(Duration.ofSeconds(20), number -> text(" "))
          .open(count, number -> head)
          .run(scene.run().seconds(40));
      scene.note("announcing " + ANNOUNCED + " bytes: " + swarm);
    }
  }

  /** Bodies at a byte every three seconds, some with a key. */
  private static void drip(Scene scene, Tenant greedy) throws Exception {
    try (Swarm swarm = new Swarm(scene.port())) {
      swarm
          .dripping(Duration.ofSeconds(3), number -> text("a"))
          .open(
              DRIPPING,
              number ->
                  Attacker.head(
                      "POST",
                      SUBMIT,
                      number % 4 == 0 ? null : greedy.apiKey(),
                      JSON + "Content-Length: 70000\r\n"))
          .run(scene.run().seconds(40));
      scene.note("dripping bodies of 70 kB: " + swarm);
    }
  }

  /** One HTTP/2 connection with as many bodies under way as it is allowed, none of which ends. */
  private static void streams(Scene scene, Tenant greedy) throws Exception {
    Vertx vertx = Vertx.vertx();
    AtomicInteger opened = new AtomicInteger();
    Map<Integer, Integer> statuses = new TreeMap<>();
    try {
      HttpClient client =
          vertx.createHttpClient(
              new HttpClientOptions()
                  .setProtocolVersion(HttpVersion.HTTP_2)
                  .setHttp2ClearTextUpgrade(false)
                  .setLocalAddress(Attacker.address().getHostAddress()),
              new io.vertx.core.http.PoolOptions().setHttp2MaxSize(1));
      for (int i = 0; i < STREAMS; i++) {
        RequestOptions options =
            new RequestOptions()
                .setMethod(HttpMethod.POST)
                .setHost("127.0.0.1")
                .setPort(scene.port())
                .setURI(SUBMIT)
                .putHeader("Content-Type", "application/json");
        if (i % 4 != 0) {
          options.putHeader("Authorization", "Bearer " + greedy.apiKey());
        }
        client
            .request(options)
            .onSuccess(
                request -> {
                  opened.incrementAndGet();
                  endless(vertx, request);
                  request
                      .response()
                      .onSuccess(
                          answer -> {
                            synchronized (statuses) {
                              statuses.merge(answer.statusCode(), 1, Integer::sum);
                            }
                          });
                });
      }
      scene.watch(scene.run().seconds(40));
      synchronized (statuses) {
        scene.note(
            "HTTP/2: %d of %d endless streams begun, answers %s"
                .formatted(opened.get(), STREAMS, statuses));
      }
    } finally {
      vertx.close().toCompletionStage().toCompletableFuture().get();
    }
  }

  private static void endless(Vertx vertx, HttpClientRequest request) {
    request.exceptionHandler(gone -> {});
    request.setChunked(true);
    request.write(Buffer.buffer("{\"prompt\":\""));
    vertx.setPeriodic(
        1_000,
        timer -> request.write(Buffer.buffer("a")).onFailure(gone -> vertx.cancelTimer(timer)));
  }

  /** Pictures that are allowed, two at once, and a body that nobody announced the size of. */
  private static void media(Scene scene, Tenant greedy) {
    byte[] request = picture(greedy, "Tracker-Dry-Run: true\r\n");
    Callable<Attacker.Answer> one = () -> scene.attacker().send(scene.port(), request, LIMIT);
    List<Attacker.Answer> answers = scene.attacker().sendAll(List.of(one, one), 2);
    scene.note("two dry runs of 31 MiB: " + statuses(answers));
    byte[] part = new byte[64 * 1024];
    java.util.Arrays.fill(part, (byte) ' ');
    Callable<Attacker.Answer> batch =
        () ->
            scene
                .attacker()
                .send(
                    scene.port(),
                    out -> {
                      out.write(
                          Attacker.head(
                              "POST",
                              "/v1/tasks/batch",
                              greedy.apiKey(),
                              JSON + "Transfer-Encoding: chunked\r\n"));
                      out.write(text("8\r\n{\"ids\":[\r\n"));
                      for (int sent = 0; sent < BATCH; sent += part.length) {
                        out.write(text(Integer.toHexString(part.length) + "\r\n"));
                        out.write(part);
                        out.write(text("\r\n"));
                      }
                      out.write(text("2\r\n]}\r\n0\r\n\r\n"));
                    },
                    LIMIT);
    List<Attacker.Answer> batches = scene.attacker().sendAll(List.of(batch, batch, batch), 3);
    scene.note("three batches of 32 MiB in chunks: " + statuses(batches));
    for (Attacker.Answer answer : batches) {
      scene
          .findings()
          .require(
              answer.status() == 413
                  || answer.status() == Attacker.CLOSED
                  || answer.status() == 429,
              "a batch of 32 MiB is refused",
              answer.toString());
    }
  }

  /** Of a kind whose pictures have no bound of their own below the body's. */
  private static byte[] picture(Tenant tenant, String headers) {
    String body =
        "{\"model_name\":\"kling-v3-omni\",\"prompt\":\"a\",\"image_list\":[{\"image_url\":\"%s\",\"type\":\"first_frame\"}]}"
            .formatted("A".repeat(MEDIA));
    return Attacker.request(
        "POST", "/kling/v1/videos/omni-video", tenant.apiKey(), JSON + headers, text(body));
  }

  private static Map<Integer, Long> statuses(List<Attacker.Answer> answers) {
    return answers.stream()
        .collect(
            Collectors.groupingBy(Attacker.Answer::status, TreeMap::new, Collectors.counting()));
  }

  /** Labels of metrics are ours to choose, not a caller's. */
  private static void methods(Scene scene) {
    // The first of a kind brings about the series of its answer, with a histogram's buckets; no
    // further one may.
    invented(scene, 0, FIRST, FIRST);
    Set<String> before = series(scene);
    List<Attacker.Answer> answers = invented(scene, FIRST, METHODS, JUNK_PATHS);
    Set<String> grown = series(scene);
    grown.removeAll(before);
    scene.note(
        "%d invented methods, %d junk paths: answers %s, %d more series of metrics"
            .formatted(METHODS, JUNK_PATHS, statuses(answers), grown.size()));
    scene
        .findings()
        .require(
            grown.size() <= MAX_NEW_SERIES,
            "metrics cannot be grown from outside",
            grown.size() + " more series, as " + grown);
    String page = metrics(scene);
    scene
        .findings()
        .require(
            page.contains("/v1/tasks"),
            "real routes have labels of their own",
            "none of /v1/tasks after junk paths");
  }

  private static List<Attacker.Answer> invented(Scene scene, int from, int methods, int paths) {
    List<Callable<Attacker.Answer>> requests = new ArrayList<>();
    for (int i = from; i < methods; i++) {
      byte[] request =
          Attacker.request("M" + Integer.toString(i, 36), "/v1/tasks", null, "", new byte[0]);
      requests.add(() -> scene.attacker().send(scene.port(), request, LIMIT));
    }
    for (int i = from; i < paths; i++) {
      byte[] request = Attacker.request("GET", "/junk/" + i + "/x", null, "", new byte[0]);
      requests.add(() -> scene.attacker().send(scene.port(), request, LIMIT));
    }
    return scene.attacker().sendAll(requests, AT_ONCE);
  }

  /**
   * A histogram is one, however many buckets it has: they come with the first of its kind. The
   * Kafka client's own come all at once, some seconds after the first event, whatever is asked
   * meanwhile.
   */
  private static Set<String> series(Scene scene) {
    return metrics(scene)
        .lines()
        .filter(line -> !line.startsWith("#") && !line.startsWith("kafka_"))
        .map(line -> line.substring(0, line.lastIndexOf(' ')).replaceFirst(",?le=\"[^\"]*\"", ""))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static String metrics(Scene scene) {
    return scene.installation().calls().get(scene.installation().url() + "/q/metrics", null).body();
  }

  /** Framings that two readers understand in two ways. */
  private static void framing(Scene scene, Tenant greedy) {
    for (String headers :
        List.of(
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 99999999999999999999\r\n")) {
      byte[] head = Attacker.head("POST", "/v1/tasks/batch", greedy.apiKey(), JSON + headers);
      Attacker.Answer answer =
          scene
              .attacker()
              .send(
                  scene.port(),
                  out -> {
                    out.write(head);
                    out.write(text("0\r\n\r\nGET /q/health HTTP/1.1\r\nHost: smuggled\r\n\r\n"));
                  },
                  Duration.ofSeconds(40));
      scene
          .findings()
          .require(
              answer.status() >= 400 && answer.status() < 502 && answer.status() != 500
                  || answer.status() == Attacker.CLOSED,
              "an ambiguous framing is refused",
              headers.strip().replace("\r\n", ", ") + ": " + answer);
    }
  }
}
