package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.secret.Secrets;
import io.klingtracker.task.NewTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.Submission;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.tracking.TrackingParts;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever happens to callbacks on their way, a task ends as Kling says it did. Worlds of many
 * histories at once, each world from its seed; {@code -Dhistories.worlds=500} plays more of them.
 */
class HistoriesTest {

  private static final int HISTORIES = 60;
  private static final int ROUNDS = 400;
  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
  private static final byte[] KEY =
      "testsecrettestsecrettestsecret12".getBytes(StandardCharsets.UTF_8);
  private static final List<String> GARBAGE =
      List.of("", "{", "[]", "null", "{\"code\":1303}", "{\"task_id\":\"1\"}", "\u0000");

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Integer.getInteger("histories.worlds", 34));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void every_history_ends_in_kling_s_truth(long seed) {
    jdbi.useHandle(h -> h.execute("insert into tenant values ('acme', 'Acme', now())"));
    try (World world = new World(seed)) {
      world.play();
      world.settle();
      world.check();
    }
  }

  /** Something that happens to one task. */
  private interface Step {
    void happen();
  }

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
    private final List<Step> onTheWay = new ArrayList<>();
    private int webhookIds;

    World(long seed) {
      this.seed = seed;
      this.random = new Random(seed);
      this.signs = random.nextInt(3) == 0;
      Map<String, String> settings = new HashMap<>();
      settings.put("kling.accounts.default.api-key", "key");
      settings.put("tracker.reconcile.rate", "1000000");
      settings.put("tracker.reconcile.batch", Integer.toString(3 + random.nextInt(200)));
      settings.put("tracker.callback.batch", Integer.toString(1 + random.nextInt(100)));
      settings.put("tracker.callback.writers", "1");
      if (signs) {
        settings.put("kling.accounts.default.webhook-secrets", SECRET);
      }
      if (random.nextInt(4) == 0) {
        settings.put("tracker.callback.verify", "always");
      }
      this.kling = new FakeKling(random, clock, random.nextBoolean());
      kling.awayShare = random.nextInt(3) * 0.15;
      this.tasks = TasksOnDatabase.of(jdbi, clock);
      TrackingParts tracking = new TrackingParts(jdbi, clock, tasks, settings);
      this.callbacks = new CallbackParts(jdbi, clock, tasks, tracking, settings);
      this.reconciler =
          new ReconcileParts(
              jdbi, clock, tasks, tracking, kling, kling, new SameThread(), settings);
      for (int i = 0; i < HISTORIES; i++) {
        histories.add(new History(this, i));
      }
    }

    /** Everybody's steps and everybody's callbacks, in any order that could be. */
    void play() {
      boolean longNight = random.nextInt(4) == 0;
      List<History> going = new ArrayList<>(histories);
      while (!going.isEmpty() || !onTheWay.isEmpty()) {
        int dice = random.nextInt(100);
        clock.advance(Duration.ofMillis(random.nextInt(400)));
        if (dice < 45 && !going.isEmpty()) {
          History history = going.get(random.nextInt(going.size()));
          if (!history.step()) {
            going.remove(history);
          }
        } else if (dice < 90 && !onTheWay.isEmpty()) {
          onTheWay.remove(random.nextInt(onTheWay.size())).happen();
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

    void settle() {
      for (int round = 0; round < ROUNDS && open() > 0; round++) {
        clock.advance(Duration.ofSeconds(10L << Math.min(round / 10, 9)));
        callbacks.workOff();
        reconciler.runOnce();
      }
    }

    private long open() {
      return number(
          "select (select count(*) from open_task) + (select count(*) from callback_pending)");
    }

    void check() {
      assertEquals(0, open(), "seed " + seed + ": what is left to do");
      histories.forEach(History::check);
      assertEquals(
          0,
          number(
              """
              select count(*) from (select task_id, id, sequence,
                lag(sequence, 1, 0) over (partition by task_id order by id) as before from outbox) o
              where sequence <> before + 1\
              """),
          "seed " + seed + ": events that are on their way to Kafka out of order, twice, or not");
      assertEquals(
          number("select count(*) from task_event"), number("select count(*) from outbox"));
      assertEquals(
          0,
          number(
              "select count(*) from task t where sequence <> (select count(*) from task_event e"
                  + " where e.task_id = t.id)"),
          "seed " + seed + ": sequence and events");
      long finals = number("select count(*) from callback_receipt where verdict = 'pending'");
      assertEquals(0, finals, "seed " + seed + ": receipts without a verdict");
    }

    int send(String taskId, String body, boolean signature) {
      if (!signature) {
        return callbacks.receive(taskId, body, null, null, null);
      }
      String id = Integer.toString(++webhookIds);
      String timestamp = Long.toString(clock.instant().getEpochSecond());
      byte[] text = (id + "." + timestamp + "." + body).getBytes(StandardCharsets.UTF_8);
      String signed = "v1," + Base64.getEncoder().encodeToString(Secrets.hmacSha256(KEY, text));
      return callbacks.receive(taskId, body, id, timestamp, "v1,bm8= " + signed);
    }

    @Override
    public void close() {
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

    History(World world, int number) {
      this.world = world;
      this.random = world.random;
      this.taskId = ((Submission.Stored) world.tasks.submit(task())).taskId();
      this.end = random.nextBoolean() ? "succeed" : "failed";
      String klingId = Long.toString(878_106_242_831_892_487L + number);
      this.truth = world.kling.accept(klingId, taskId);
      jdbi.useHandle(
          h -> {
            h.execute("update dispatch_queue set sent_at = now() where task_id = ?", taskId);
            h.createUpdate(
                    """
                    insert into open_task (task_id, account, upstream_model, family, slots, next_check_at)
                    values (:id, 'default', 'kling-v3', 'video', 1, cast(:due as timestamptz))
                    """)
                .bind("id", taskId)
                .bind("due", world.clock.instant().plus(Duration.ofHours(24)).toString())
                .execute();
          });
      int answered = random.nextInt(4);
      for (int i = 0; i < 4; i++) {
        if (i == answered) {
          steps.add(this::createAnswered);
        }
        int now = i;
        switch (i) {
          case 0 -> steps.add(() -> callBack("submitted"));
          case 1 -> steps.add(() -> reach("processing"));
          case 2 -> steps.add(() -> reach(end));
          default -> steps.add(this::disturb);
        }
        if (random.nextInt(3) == 0 && now < 3) {
          steps.add(this::disturb);
        }
      }
    }

    boolean step() {
      steps.remove(0).happen();
      return !steps.isEmpty();
    }

    private void createAnswered() {
      world.tasks.apply(
          new News(
              taskId,
              Source.DISPATCH,
              new TaskSignal.Submitted(),
              truth.id,
              null,
              world.clock.instant().plusSeconds(30),
              "submitted"));
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
        world.onTheWay.add(() -> expect(200, world.send(taskId, body, world.signs)));
      }
    }

    /** What should change nothing. */
    private void disturb() {
      String other = end.equals("succeed") ? "failed" : "succeed";
      switch (random.nextInt(6)) {
        case 0 -> forge(truth.ended() ? other : random.nextBoolean() ? "succeed" : "failed");
        case 1 ->
            world.onTheWay.add(
                () -> {
                  // Kling's own contradiction is only one once its end is known.
                  if (status().equals(end)) {
                    expect(200, world.send(taskId, world.kling.body(truth, other, 0), world.signs));
                  }
                });
        case 2 -> {
          FakeKling.Truth stranger =
              world.histories.isEmpty() ? truth : world.histories.get(0).truth;
          if (stranger != truth) {
            String body = world.kling.body(stranger, "failed", random.nextInt(8));
            world.onTheWay.add(() -> expect(200, world.send(taskId, body, world.signs)));
          }
        }
        case 3 -> {
          String body = world.kling.body(truth, "paused-" + random.nextInt(3), random.nextInt(8));
          world.onTheWay.add(() -> expect(200, world.send(taskId, body, world.signs)));
        }
        case 4 -> {
          String body = GARBAGE.get(random.nextInt(GARBAGE.size()));
          world.onTheWay.add(() -> expect(400, world.send(taskId, body, world.signs)));
        }
        default -> {
          String body = world.kling.body(truth, "processing", random.nextInt(8));
          world.onTheWay.add(() -> expect(200, world.send(taskId, body, world.signs)));
        }
      }
    }

    /** Somebody who knows the URL but not the secret. */
    private void forge(String status) {
      String body = world.kling.body(truth, status, random.nextInt(8));
      world.onTheWay.add(() -> expect(world.signs ? 401 : 200, world.send(taskId, body, false)));
    }

    private void expect(int status, int answered) {
      assertEquals(status, answered, "seed " + world.seed + ": answer to a callback");
    }

    private String status() {
      return text("select status::text from task where id = '" + taskId + "'");
    }

    void check() {
      assertEquals(end, status(), "seed " + world.seed + " task " + taskId);
      assertEquals(truth.id, text("select kling_task_id from task where id = '" + taskId + "'"));
      List<String> statuses =
          jdbi.withHandle(
              h ->
                  h.createQuery(
                          "select status::text from task_event where task_id = :id order by"
                              + " sequence")
                      .bind("id", taskId)
                      .mapTo(String.class)
                      .list());
      assertEquals("queued", statuses.get(0));
      assertEquals(end, statuses.get(statuses.size() - 1), "seed " + world.seed + statuses);
      assertTrue(
          statuses.stream().distinct().count() == statuses.size(),
          "seed " + world.seed + ": a status twice in " + statuses);
    }
  }

  private static NewTask task() {
    return new NewTask(
        "acme",
        "text2video",
        "{}",
        null,
        null,
        "kling-v3",
        "kling-v3",
        "video",
        1,
        null,
        5,
        null,
        null);
  }

  private long number(String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(Long.class).one());
  }

  private String text(String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(String.class).one());
  }
}
