package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.events.RelayParts;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.secret.Hashes;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.testing.TrackerStack;
import io.klingtracker.upstream.Reports;
import io.klingtracker.upstream.UpstreamParts;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Whatever happens to callbacks on their way, a task ends as Kling says it did, and Kafka has every
 * change once and in order. Worlds of many histories at once, each world from its seed; {@code
 * -Dhistories.worlds=500} plays more of them, {@code -Dhistories.each=250} more in each, {@code
 * -Dhistories.first=7} begins with another seed.
 */
class HistoriesTest {

  private static final int HISTORIES = Integer.getInteger("histories.each", 60);
  private static final int WORLDS = 8;
  private static final String TOPIC = "histories";

  /** Senders who call at the same moment, and tasks that take their next step. */
  private static final int AT_ONCE = 8;

  private static final int ROUNDS = 400;
  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
  private static final byte[] KEY =
      "testsecrettestsecrettestsecret12".getBytes(StandardCharsets.UTF_8);
  private static final List<String> GARBAGE =
      List.of("", "{", "[]", "null", "{\"code\":1303}", "{\"task_id\":\"1\"}", "\u0000");

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  /** Held, since loggers that nobody holds forget their levels. */
  private static final Logger ALARMS = Logger.getLogger(Reports.class.getName());

  private final Jdbi jdbi = DATABASE.jdbi();

  @BeforeAll
  static void thousands_of_alarms_are_not_printed() {
    ALARMS.setLevel(Level.OFF);
  }

  @AfterAll
  static void alarms_are_printed_again() {
    ALARMS.setLevel(null);
  }

  @Test
  void every_history_ends_in_kling_s_truth_and_is_on_kafka_once_in_order() throws Exception {
    String kafka = TrackerStack.kafkaBootstrapServers();
    long first = Long.getLong("histories.first", 1);
    int worlds = Integer.getInteger("histories.worlds", WORLDS);
    Map<String, List<String>> committed = new HashMap<>();
    for (long seed = first; seed < first + worlds; seed++) {
      DATABASE.truncate();
      Rows.tenants(jdbi, "acme");
      try (RelayParts relay = new RelayParts(jdbi, kafka, TOPIC);
          World world = new World(seed)) {
        world.play();
        world.settle();
        world.check();
        relay.drain();
        committed.putAll(eventIds());
      }
    }

    Map<String, List<String>> onKafka = RelayParts.eventIds(kafka, TOPIC);
    committed.forEach(
        (task, ids) -> assertEquals(ids, onKafka.get(task), () -> "events of " + task));
    assertEquals(committed.keySet(), onKafka.keySet());
    System.out.printf(
        "histories: %d, with %d changes, each once and in order on Kafka%n",
        committed.size(), committed.values().stream().mapToInt(List::size).sum());
  }

  /** Of every change that was committed, by task and in order of their sequence. */
  private Map<String, List<String>> eventIds() {
    Map<String, List<String>> ids = new HashMap<>();
    jdbi.useHandle(
        h ->
            h.createQuery(
                    "select task_id, event_id::text from task_event order by task_id, sequence")
                .map(
                    (row, context) ->
                        ids.computeIfAbsent(row.getString(1), task -> new ArrayList<>())
                            .add(row.getString(2)))
                .list());
    return ids;
  }

  /** Something that happens to one task; news that comes of it, or null. */
  private interface Step {
    @Nullable News happen();
  }

  /** A callback on its way; null when it does not arrive after all. */
  private interface Sender {
    @Nullable CompletableFuture<Integer> send();
  }

  /** A callback on its way, and how it is answered. */
  private record Sent(Sender sender, int expected) {}

  private final class World implements AutoCloseable {
    private final long seed;
    private final Random random;
    private final TestClock clock = new TestClock(Instant.parse("2026-03-29T00:30:00.123Z"));
    private final boolean signs;
    private final FakeKling kling;
    private final Tasks tasks;
    private final CallbackParts callbacks;
    private final ReconcileParts reconciler;
    private final List<History> histories = new ArrayList<>();
    private final List<Sent> onTheWay = new ArrayList<>();
    private final ExecutorService senders = Executors.newFixedThreadPool(4);
    private int webhookIds;

    World(long seed) {
      this.seed = seed;
      this.random = new Random(seed);
      this.signs = random.nextInt(3) == 0;
      Map<String, String> settings = new HashMap<>();
      settings.put("kling.accounts.default.api-key", "key");
      settings.put("tracker.reconcile.rate", "1000000");
      settings.put("tracker.reconcile.batch", Integer.toString(3 + random.nextInt(200)));
      int batch = 1 + random.nextInt(100);
      if (signs) {
        settings.put("kling.accounts.default.webhook-secrets", SECRET);
      }
      if (random.nextInt(4) == 0) {
        settings.put("tracker.callback.verify", "always");
      }
      this.kling = new FakeKling(random, clock, random.nextBoolean());
      kling.awayShare = random.nextInt(3) * 0.15;
      this.tasks = TasksOnDatabase.of(jdbi, clock);
      UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, settings);
      this.callbacks =
          new CallbackParts(jdbi, clock, tasks, upstream, settings, batch, ReceiptWriter.WRITERS);
      this.reconciler =
          new ReconcileParts(jdbi, clock, tasks, upstream, kling, new SameThread(), settings);
      List<String> ids =
          IntStream.range(0, HISTORIES)
              .parallel()
              .mapToObj(i -> GivenTasks.stored(tasks))
              .sorted()
              .toList();
      GivenTasks.sent(jdbi, ids, clock.instant().plus(Duration.ofHours(24)));
      ids.forEach(id -> histories.add(new History(this, id)));
    }

    /** Everybody's steps and everybody's callbacks, in any order that could be. */
    void play() {
      boolean longNight = random.nextInt(4) == 0;
      List<History> going = new ArrayList<>(histories);
      while (!going.isEmpty() || !onTheWay.isEmpty()) {
        int dice = random.nextInt(100);
        clock.advance(Duration.ofMillis(random.nextInt(400)));
        if (dice < 45 && !going.isEmpty()) {
          step(going);
        } else if (dice < 90 && !onTheWay.isEmpty()) {
          arrive();
        } else if (dice < 96) {
          callbacks.workOff();
        } else {
          clock.advance(Duration.ofSeconds(random.nextInt(20)));
          reconciler.runOnce();
        }
        if (longNight && going.size() < HISTORIES / 2) {
          longNight = false;
          double before = kling.awayShare;
          kling.awayShare = 1;
          clock.advance(Duration.ofHours(25));
          reconciler.runOnce();
          kling.awayShare = before;
        }
      }
    }

    private void step(List<History> going) {
      Set<History> some = new LinkedHashSet<>();
      for (int i = 1 + random.nextInt(AT_ONCE); i > 0; i--) {
        some.add(going.get(random.nextInt(going.size())));
      }
      List<News> news = new ArrayList<>();
      for (History history : some) {
        News said = history.step();
        if (said != null) {
          news.add(said);
        }
        if (history.steps.isEmpty()) {
          going.remove(history);
        }
      }
      if (!news.isEmpty()) {
        tasks.apply(news);
      }
    }

    private void arrive() {
      Map<CompletableFuture<Integer>, Integer> answers = new LinkedHashMap<>();
      for (int i = 1 + random.nextInt(AT_ONCE); i > 0 && !onTheWay.isEmpty(); i--) {
        Sent sent = onTheWay.remove(random.nextInt(onTheWay.size()));
        CompletableFuture<Integer> answer = sent.sender().send();
        if (answer != null) {
          answers.put(answer, sent.expected());
        }
      }
      answers.forEach(
          (answer, expected) ->
              assertEquals(expected, answer.join(), "seed " + seed + ": answer to a callback"));
    }

    void settle() {
      for (int round = 0; round < ROUNDS && open() > 0; round++) {
        clock.advance(Duration.ofSeconds(10L << Math.min(round / 10, 9)));
        callbacks.workOff();
        reconciler.runOnce();
      }
    }

    private long open() {
      return number(
          jdbi,
          "select (select count(*) from open_task) + (select count(*) from callback_pending)");
    }

    void check() {
      assertEquals(0, open(), "seed " + seed + ": what is left to do");
      Map<String, List<String>> ends = new HashMap<>();
      jdbi.useHandle(
          h ->
              h.createQuery(
                      """
                      select t.id, t.kling_task_id, t.status::text, array_agg(e.status::text order by e.sequence),
                        array_agg(e.sequence order by e.sequence) = array(select generate_series(1, t.sequence))
                      from task t join task_event e on e.task_id = t.id group by t.id\
                      """)
                  .map(
                      (row, context) -> {
                        assertTrue(row.getBoolean(5), "seed " + seed + ": sequence and events");
                        List<String> end =
                            new ArrayList<>(List.of(row.getString(2), row.getString(3)));
                        end.addAll(List.of((String[]) row.getArray(4).getArray()));
                        return ends.put(row.getString(1), end);
                      })
                  .list());
      histories.forEach(history -> history.check(ends.getOrDefault(history.taskId, List.of())));
      long pending =
          number(jdbi, "select count(*) from callback_receipt where verdict = 'pending'");
      assertEquals(0, pending, "seed " + seed + ": receipts without a verdict");
    }

    CompletableFuture<Integer> send(String taskId, String body, boolean signature) {
      if (!signature) {
        return arrives(() -> callbacks.receive(taskId, body, null, null, null));
      }
      String id = Integer.toString(++webhookIds);
      String timestamp = Long.toString(clock.instant().getEpochSecond());
      byte[] text = (id + "." + timestamp + "." + body).getBytes(StandardCharsets.UTF_8);
      String signed = "v1," + Base64.getEncoder().encodeToString(Hashes.hmacSha256(KEY, text));
      return arrives(() -> callbacks.receive(taskId, body, id, timestamp, "v1,bm8= " + signed));
    }

    private CompletableFuture<Integer> arrives(Supplier<Integer> callback) {
      return CompletableFuture.supplyAsync(callback, senders);
    }

    @Override
    public void close() {
      senders.shutdown();
      callbacks.close();
    }
  }

  /** The story of one task: its steps in their order, and callbacks that go their own ways. */
  private final class History {
    private final World world;
    private final Random random;
    private final String taskId;
    private final FakeKling.Truth truth;
    private final String end;
    private final List<Step> steps = new ArrayList<>();

    History(World world, String taskId) {
      this.world = world;
      this.random = world.random;
      this.taskId = taskId;
      this.end = random.nextBoolean() ? "succeed" : "failed";
      String klingId = Long.toString(878_106_242_831_892_487L + world.histories.size());
      this.truth = world.kling.accept(klingId, taskId);
      int answered = random.nextInt(4);
      for (int i = 0; i < 4; i++) {
        if (i == answered) {
          steps.add(this::createAnswered);
        }
        int now = i;
        switch (i) {
          case 0 -> then(() -> callBack("submitted"));
          case 1 -> then(() -> reach("processing"));
          case 2 -> then(() -> reach(end));
          default -> then(this::disturb);
        }
        if (random.nextInt(3) == 0 && now < 3) {
          then(this::disturb);
        }
      }
    }

    private void then(Runnable step) {
      steps.add(
          () -> {
            step.run();
            return null;
          });
    }

    @Nullable News step() {
      return steps.remove(0).happen();
    }

    private News createAnswered() {
      return new News(
          taskId,
          Source.DISPATCH,
          new TaskSignal.Submitted(),
          truth.id,
          null,
          world.clock.instant().plusSeconds(30),
          "submitted");
    }

    private void reach(String status) {
      if (status.equals("processing") && random.nextInt(3) == 0) {
        return;
      }
      truth.becomes(status);
      callBack(status);
    }

    /** Lost, sent once, or sent again and again, and each on a way of its own. */
    private void callBack(String status) {
      int times = List.of(0, 0, 1, 1, 1, 2, 5).get(random.nextInt(7));
      String body = world.kling.body(truth, status, random.nextInt(8));
      for (int i = 0; i < times; i++) {
        arrives(200, body, world.signs);
      }
    }

    private void arrives(int expected, String body, boolean signature) {
      world.onTheWay.add(new Sent(() -> world.send(taskId, body, signature), expected));
    }

    /** What should change nothing. */
    private void disturb() {
      String other = end.equals("succeed") ? "failed" : "succeed";
      switch (random.nextInt(6)) {
        case 0 -> forge(truth.ended() ? other : random.nextBoolean() ? "succeed" : "failed");
        case 1 ->
            // Kling's own contradiction is only one once its end is known.
            world.onTheWay.add(
                new Sent(
                    () ->
                        status().equals(end)
                            ? world.send(taskId, world.kling.body(truth, other, 0), world.signs)
                            : null,
                    200));
        case 2 -> {
          FakeKling.Truth stranger =
              world.histories.isEmpty() ? truth : world.histories.get(0).truth;
          if (stranger != truth) {
            String body = world.kling.body(stranger, "failed", random.nextInt(8));
            arrives(200, body, world.signs);
          }
        }
        case 3 -> {
          String body = world.kling.body(truth, "paused-" + random.nextInt(3), random.nextInt(8));
          arrives(200, body, world.signs);
        }
        case 4 -> {
          String body = GARBAGE.get(random.nextInt(GARBAGE.size()));
          arrives(400, body, world.signs);
        }
        default -> {
          String body = world.kling.body(truth, "processing", random.nextInt(8));
          arrives(200, body, world.signs);
        }
      }
    }

    /** Somebody who knows the URL but not the secret. */
    private void forge(String status) {
      String body = world.kling.body(truth, status, random.nextInt(8));
      arrives(world.signs ? 401 : 200, body, false);
    }

    private String status() {
      return text(jdbi, "select status::text from task where id = '" + taskId + "'");
    }

    /** Kling's id, the status, and all statuses on the way there. */
    void check(List<String> ended) {
      String where = "seed " + world.seed + " task " + taskId + " " + ended;
      assertEquals(List.of(truth.id, end, "queued"), ended.subList(0, 3), where);
      List<String> statuses = ended.subList(2, ended.size());
      assertEquals(end, statuses.get(statuses.size() - 1), where);
      assertEquals(statuses.size(), statuses.stream().distinct().count(), where);
    }
  }
}
