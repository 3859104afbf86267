package io.klingtracker.task;

import static io.klingtracker.testing.Rows.count;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.database.GroupCommit;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.share.Shares;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Submissions that share a statement are answered as if each had come alone. */
class GroupedSubmissionsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00.123Z");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TaskStore store = new TaskStore(jdbi, Clock.fixed(NOW, ZoneOffset.UTC));

  @BeforeEach
  void two_tenants() {
    Rows.tenants(jdbi, "alone", "grouped");
  }

  @Test
  void a_poisoned_submission_harms_no_neighbour() throws Exception {
    List<NewTask> tasks = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      // PostgreSQL takes no U+0000 in a text, and nobody but a tenant's own.
      String tenant = i == 11 ? "nobody" : "grouped";
      tasks.add(task(tenant, i == 7 ? "a \0 b" : "body " + i, "shot-" + i, null));
    }

    List<Object> answers = together(tasks);

    for (int i = 0; i < tasks.size(); i++) {
      Class<?> expected = i == 7 || i == 11 ? RuntimeException.class : Submission.Stored.class;
      assertInstanceOf(expected, answers.get(i), "number " + i);
    }
    assertEquals(18, count(jdbi, "task"));
    assertEquals(18, count(jdbi, "task_event"));
    assertEquals(18, count(jdbi, "outbox"));
    assertEquals(18, count(jdbi, "dispatch_queue"));
    assertEquals(18, count(jdbi, "task_request where task_id in (select id from task)"));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void a_group_is_answered_as_if_each_had_come_alone(long seed) throws Exception {
    List<Object> alone = new ArrayList<>();
    List<NewTask> some = some("alone", seed);
    for (NewTask task : some) {
      alone.addAll(store.submit(List.of(new TaskStore.Entry(task, null))));
    }

    List<Object> grouped = together(some("grouped", seed));

    assertEquals(words(some, alone), words(some("grouped", seed), grouped), "seed " + seed);
    for (String table : List.of("task", "task_event", "dispatch_queue", "idempotency_key")) {
      assertEquals(
          count(jdbi, table + " where tenant_id = 'alone'"),
          count(jdbi, table + " where tenant_id = 'grouped'"),
          table + ", seed " + seed);
    }
  }

  @Test
  void a_database_that_stands_still_defers_what_is_too_much_and_loses_nothing() throws Exception {
    int senders = 60;
    int room = 10;
    // One place is kept for another tenant.
    int mine = room - 1;
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    SubmissionWriter writer =
        new SubmissionWriter(
            store,
            Settings.of(
                TaskConfig.class, Map.of("tracker.task.submit.queue", Integer.toString(room))),
            () -> true,
            new Shares(registry));
    ExecutorService threads = Executors.newFixedThreadPool(senders);
    List<Future<Submission>> answers = new ArrayList<>();
    CountDownLatch putOff = new CountDownLatch(senders - mine);
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("lock table task_request in exclusive mode");
      for (int i = 0; i < senders; i++) {
        NewTask task = task("grouped", "body " + i, null, null);
        answers.add(
            threads.submit(
                () -> {
                  try {
                    return writer.submit(task, null);
                  } catch (ProblemException e) {
                    putOff.countDown();
                    throw e;
                  }
                }));
      }
      // Nothing moves in the database, and they are answered all the same.
      assertTrue(putOff.await(60, TimeUnit.SECONDS));
      // Another tenant still finds a place in the queue.
      Future<Submission> another =
          threads.submit(() -> writer.submit(task("alone", "body", null, null), null));
      await().until(() -> registry.get("tracker.share.held").gauge().value() == room);
      answers.add(another);
      other.rollback();
    } finally {
      threads.shutdown();
    }

    int stored = 0;
    for (Future<Submission> answer : answers) {
      try {
        assertInstanceOf(Submission.Stored.class, answer.get(60, TimeUnit.SECONDS));
        stored++;
      } catch (ExecutionException e) {
        ProblemException problem = assertInstanceOf(ProblemException.class, e.getCause());
        assertEquals(ErrorCode.UNAVAILABLE, problem.code());
        assertEquals(Duration.ofSeconds(1), problem.retryAfter());
      }
    }
    writer.close();
    assertEquals(room, stored);
    assertEquals(stored, count(jdbi, "task"));
    assertEquals(stored, count(jdbi, "dispatch_queue"));
  }

  /** Few keys and few external ids, so that they meet in every way. */
  private static List<NewTask> some(String tenant, long seed) {
    Random random = new Random(seed);
    List<NewTask> tasks = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      byte[] hash = new byte[32];
      hash[0] = (byte) random.nextInt(2);
      NewTask.Idempotency key =
          random.nextBoolean()
              ? new NewTask.Idempotency("k" + random.nextInt(6), hash, new UUID(seed, i))
              : null;
      tasks.add(
          task(tenant, "body " + i, random.nextBoolean() ? "e" + random.nextInt(12) : null, key));
    }
    return tasks;
  }

  /** Answers without what differs between two runs: which of the submissions each is about. */
  private List<String> words(List<NewTask> tasks, List<Object> answers) {
    List<String> words = new ArrayList<>();
    Map<String, Integer> stored = new java.util.HashMap<>();
    for (int i = 0; i < answers.size(); i++) {
      Object answer = answers.get(i);
      if (answer instanceof Submission.Stored task) {
        stored.put(task.taskId(), i);
        assertEquals(
            tasks.get(i).body(),
            jdbi.withHandle(
                h ->
                    h.createQuery("select body from task_request where task_id = :id")
                        .bind("id", task.taskId())
                        .mapTo(String.class)
                        .one()));
      }
    }
    for (Object answer : answers) {
      if (answer instanceof Submission.Stored task) {
        words.add("stored " + stored.get(task.taskId()));
      } else if (answer instanceof Submission.Replayed first) {
        words.add(
            "replayed "
                + stored.get(first.taskId())
                + " "
                + first.requestId()
                + " "
                + first.externalTaskId());
      } else {
        words.add(answer.toString());
      }
    }
    return words;
  }

  /** All in one group, but for one more that comes first. */
  private List<Object> together(List<NewTask> tasks) throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch gate = new CountDownLatch(1);
    List<Integer> sizes = new ArrayList<>();
    try (GroupCommit<TaskStore.Entry, Submission> commit =
        new GroupCommit<>(
            "submissions",
            new GroupCommit.Bounds(true, 2048, 1, 128),
            items -> {
              sizes.add(items.size());
              if (sizes.size() == 1) {
                begun.countDown();
                try {
                  gate.await();
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
                return List.of(new Submission.KeyRunning());
              }
              return store.submit(items);
            })) {
      CompletableFuture<Void> first =
          CompletableFuture.runAsync(
              () -> commit.add("", new TaskStore.Entry(tasks.get(0), null)),
              task -> new Thread(task).start());
      begun.await();
      List<CompletableFuture<Submission>> stages =
          tasks.stream()
              .map(task -> commit.add("", new TaskStore.Entry(task, null)).toCompletableFuture())
              .toList();
      gate.countDown();
      first.join();
      List<Object> answers = new ArrayList<>();
      for (CompletableFuture<Submission> stage : stages) {
        try {
          answers.add(stage.orTimeout(20, TimeUnit.SECONDS).join());
        } catch (CompletionException e) {
          answers.add(e.getCause());
        }
      }
      assertEquals(tasks.size(), sizes.get(1));
      return answers;
    }
  }

  private static NewTask task(
      String tenant, String body, String externalTaskId, NewTask.Idempotency key) {
    return GivenTask.of(tenant).body(body).externalTaskId(externalTaskId).key(key).task();
  }
}
