package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.secret.Hashes;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Statements;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Many callbacks at once: what they cost, and that none suffers from another. */
class CallbackLoadTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int SENDERS = 16;
  private static final int WRITERS = 2;
  private static final int TASKS = 1536;
  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";

  /** News of a task that it does not name. */
  private static final KlingNews SAID =
      new KlingNews(null, null, KlingStatus.SUBMITTED, "submitted", "", null, null, null, null);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-06-10T08:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final Map<String, String> settings =
      Map.of(
          "kling.accounts.default.access-key", "access",
          "kling.accounts.default.secret-key", "secret-0123456789abcdef0123456789abcdef",
          "kling.accounts.default.webhook-secrets", SECRET,
          "tracker.public-url", "http://localhost");
  private final ExecutorService threads = Executors.newFixedThreadPool(SENDERS);
  private CallbackParts callbacks;

  @BeforeEach
  void a_tenant() {
    GivenTasks.tenant(jdbi);
    callbacks =
        new CallbackParts(
            jdbi,
            clock,
            tasks,
            new UpstreamParts(jdbi, clock, tasks, settings),
            settings,
            CallbackProcessor.BATCH,
            WRITERS);
  }

  @AfterEach
  void end() {
    callbacks.close();
    threads.shutdownNow();
  }

  @Test
  void under_load_a_callback_is_a_tenth_of_a_statement_and_updates_no_index() throws Exception {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < TASKS; i++) {
      ids.add(GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(3600)));
    }
    for (int from = 0; from < TASKS; from += 128) {
      tasks.apply(
          ids.subList(from, from + 128).stream()
              .map(id -> news(id, new TaskSignal.Submitted()))
              .toList());
    }
    jdbi.useHandle(h -> h.execute("vacuum analyze task"));
    // Tasks that were submitted together do not end together.
    Collections.shuffle(ids, new Random(1));
    Updates updatesBefore = updates();
    Statements statements = Statements.of(DATABASE.jdbcUrl());

    for (String status : List.of("processing", "succeed")) {
      send(ids, status);
      while (callbacks.workOff()) {
        // Until a pass is not full.
      }
    }

    assertEquals(TASKS, number(jdbi, "select count(*) from task where status = 'succeed'"));
    Map<String, Long> since = statements.since();
    double each = since.values().stream().mapToLong(Long::longValue).sum() / (2.0 * TASKS);
    System.out.printf("statements for each callback under load: %.3f%n", each);
    assertTrue(each <= 0.1, each + " statements for each callback: " + since);
    Updates updates =
        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .until(() -> updates().minus(updatesBefore), counted -> counted.all() >= 2 * TASKS);
    assertTrue(updates.heapOnly() >= 0.95 * updates.all(), updates.toString());
  }

  @Test
  void a_receipt_that_postgresql_does_not_take_harms_no_neighbour() throws Exception {
    ReceiptWriter writer = callbacks.writer;
    List<CompletableFuture<Void>> kept = new ArrayList<>();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      ids.add(GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(3600)));
    }
    try (Handle other = jdbi.open()) {
      // Whoever writes first waits here, so that the rest comes together.
      other.begin();
      other.execute("lock table callback_receipt in exclusive mode");
      List<Future<?>> firsts = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        Receipt receipt = receipt(ids.get(i), i % 20 == 13 ? "not JSON" : "{}");
        CompletableFuture<Void> stage = new CompletableFuture<>();
        kept.add(stage);
        firsts.add(
            threads.submit(
                () ->
                    writer
                        .keep(receipt)
                        .whenComplete(
                            (done, failure) -> {
                              if (failure == null) {
                                stage.complete(null);
                              } else {
                                stage.completeExceptionally(failure);
                              }
                            })));
      }
      other.commit();
      for (Future<?> first : firsts) {
        first.get(60, TimeUnit.SECONDS);
      }
    }

    for (int i = 0; i < 60; i++) {
      boolean stored = true;
      try {
        kept.get(i).orTimeout(20, TimeUnit.SECONDS).join();
      } catch (CompletionException e) {
        stored = false;
      }
      assertEquals(i % 20 != 13, stored, "number " + i);
    }
    assertEquals(57, number(jdbi, "select count(*) from callback_receipt"));
    assertEquals(57, number(jdbi, "select count(*) from callback_pending"));
  }

  private record Updates(long all, long heapOnly) {
    Updates minus(Updates other) {
      return new Updates(all - other.all, heapOnly - other.heapOnly);
    }
  }

  /** Every session tells of its counters within a while. */
  private Updates updates() {
    jdbi.useHandle(h -> h.execute("select pg_stat_force_next_flush()"));
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname ="
                        + " 'task'")
                .map((row, context) -> new Updates(row.getLong(1), row.getLong(2)))
                .one());
  }

  /** They all come while the table is held up: more than the database keeps up with. */
  private void send(List<String> ids, String status) throws Exception {
    CountDownLatch waiting = new CountDownLatch(ids.size() - WRITERS);
    List<Future<CompletableFuture<Void>>> answers = new ArrayList<>();
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("lock table callback_receipt in exclusive mode");
      String timestamp = Long.toString(clock.instant().getEpochSecond());
      for (String id : ids) {
        String body = body(id, status);
        answers.add(
            threads.submit(
                () -> {
                  CompletableFuture<Void> stored =
                      callbacks.take(id, body, id, timestamp, signature(id, timestamp, body));
                  waiting.countDown();
                  return stored;
                }));
      }
      assertTrue(waiting.await(60, TimeUnit.SECONDS), "they wait for nobody but the writers");
      other.commit();
    }
    for (Future<CompletableFuture<Void>> answer : answers) {
      answer.get(60, TimeUnit.SECONDS).get(60, TimeUnit.SECONDS);
    }
  }

  private static String body(String id, String status) {
    return """
    {"task_id":"k-%s","task_status":"%s","task_info":{"external_task_id":"%s"},
     "task_result":{"videos":[{"id":"1","url":"https://v1.klingai.com/1.mp4","duration":"5"}]}}\
    """
        .formatted(id, status, id);
  }

  private static News news(String id, TaskSignal signal) {
    return new News(id, Source.DISPATCH, signal, "k-" + id, null, null, signal.status().wireName());
  }

  private Receipt receipt(String taskId, String headers) {
    return Receipt.of(
        taskId, "{}".getBytes(StandardCharsets.UTF_8), headers, true, SAID, clock.instant());
  }

  private static String signature(String id, String timestamp, String body) {
    byte[] key = Base64.getDecoder().decode(SECRET.substring(6));
    byte[] text = (id + "." + timestamp + "." + body).getBytes(StandardCharsets.UTF_8);
    return "v1," + Base64.getEncoder().encodeToString(Hashes.hmacSha256(key, text));
  }
}
