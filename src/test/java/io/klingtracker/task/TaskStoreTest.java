package io.klingtracker.task;

import static io.klingtracker.testing.Rows.count;
import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.Sweeps;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestDatabase;
import java.math.BigDecimal;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
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
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TaskStoreTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00.123Z");
  private static final String TENANT = "acme";

  private static final TaskConfig LIMITS = Settings.of(TaskConfig.class, Map.of());

  private final Jdbi jdbi = DATABASE.jdbi();
  private final Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
  private final TaskStore store = new TaskStore(jdbi, clock);
  private final NewsStore news = new NewsStore(jdbi, clock, Map::of, () -> null);

  @BeforeEach
  void a_tenant() {
    Rows.tenants(jdbi, TENANT);
  }

  @Test
  void a_submission_writes_task_request_event_outbox_and_queue() throws Exception {
    Submission.Stored stored =
        assertInstanceOf(Submission.Stored.class, submit(task("shot-1", null), "00-trace"));

    assertEquals(1, count(jdbi, "task"));
    assertEquals("{\"prompt\":\"a cat\"}", text(jdbi, "select body from task_request"));
    assertEquals(1, count(jdbi, "outbox"));
    assertEquals(1, count(jdbi, "dispatch_queue"));
    assertEquals("00-trace", text(jdbi, "select traceparent from task_event"));
    JsonNode event = new ObjectMapper().readTree(text(jdbi, "select payload from task_event"));
    assertEquals(
        List.of(
            "event_id",
            "sequence",
            "task_id",
            "external_task_id",
            "kling_task_id",
            "tenant",
            "account",
            "kind",
            "model",
            "status",
            "previous_status",
            "status_message",
            "error_code",
            "late",
            "source",
            "occurred_at",
            "result",
            "units",
            "error_class",
            "retryable",
            "cost",
            "metadata",
            "custody_url"),
        names(event));
    assertEquals(stored.taskId(), event.get("task_id").asText());
    assertEquals("queued", event.get("status").asText());
    assertEquals("submit", event.get("source").asText());
    assertEquals("2026-01-31T12:00:00.123Z", event.get("occurred_at").asText());
    assertEquals(1, event.get("sequence").asInt());
    assertTrue(event.get("previous_status").isNull());
  }

  @Test
  void a_used_external_id_stores_nothing() {
    submit(task("shot-1", null), null);

    Submission second = submit(task("shot-1", null), null);

    assertEquals(new Submission.ExternalIdTaken("shot-1"), second);
    assertEquals(1, count(jdbi, "task"));
    assertEquals(1, count(jdbi, "task_event"));
  }

  @Test
  void the_same_key_and_body_is_answered_from_the_first_submission() {
    NewTask.Idempotency key = key("k", (byte) 1);
    Submission.Stored first = (Submission.Stored) submit(task("shot-1", key), null);

    Submission second = submit(task("shot-1", key("k", (byte) 1)), null);

    assertEquals(new Submission.Replayed(first.taskId(), "shot-1", NOW, key.requestId()), second);
    assertEquals(1, count(jdbi, "task"));
  }

  @Test
  void a_key_is_forgotten_after_its_time_and_its_task_stays() {
    submit(task(null, key("k", (byte) 1)), null);
    Clock later = Clock.fixed(NOW.plus(Duration.ofHours(24)).plusMillis(1), ZoneOffset.UTC);

    new IdempotencySweep(jdbi, Clock.fixed(NOW, ZoneOffset.UTC), LIMITS, new Sweeps(new Loops()))
        .runOnce();
    assertEquals(1, count(jdbi, "idempotency_key"));
    new IdempotencySweep(jdbi, later, LIMITS, new Sweeps(new Loops())).runOnce();

    assertEquals(0, count(jdbi, "idempotency_key"));
    assertEquals(1, count(jdbi, "task"));
  }

  @Test
  void the_same_key_with_another_body_is_refused() {
    submit(task(null, key("k", (byte) 1)), null);

    assertEquals(new Submission.KeyReused(), submit(task(null, key("k", (byte) 2)), null));
    assertEquals(1, count(jdbi, "task"));
  }

  @Test
  void fifty_submissions_with_one_key_at_once_make_one_task() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(16);
    try {
      List<Callable<Submission>> calls =
          Collections.nCopies(50, () -> submit(task(null, key("k", (byte) 1)), null));
      int stored = 0;
      for (Future<Submission> answer : threads.invokeAll(calls)) {
        Submission submission = answer.get();
        stored += submission instanceof Submission.Stored ? 1 : 0;
        assertTrue(
            submission instanceof Submission.Stored || submission instanceof Submission.Replayed,
            submission.toString());
      }
      assertEquals(1, stored);
      assertEquals(1, count(jdbi, "task"));
    } finally {
      threads.shutdownNow();
    }
  }

  @ParameterizedTest
  @MethodSource("io.klingtracker.task.TaskStatusTest#every_pair")
  void the_lifecycle_in_sql_is_the_one_in_java(TaskStatus from, TaskStatus to) {
    boolean accepts =
        jdbi.withHandle(
            h ->
                h.createQuery(
                        "select task_accepts(cast(:from as task_status), cast(:to as task_status))")
                    .bind("from", from.wireName())
                    .bind("to", to.wireName())
                    .mapTo(Boolean.class)
                    .one());
    assertEquals(from.accepts(to), accepts);
  }

  @Test
  void news_moves_the_task_and_leaves_an_event() throws Exception {
    String id = stored();
    apply(news(id, new TaskSignal.Submitted(), "77"));

    Outcome outcome =
        apply(
            new News(
                id,
                Source.CALLBACK,
                new TaskSignal.Succeed("{\"videos\":[{\"id\":\"1\",\"new_key\":1.50}]}"),
                "77",
                Cost.charged(new BigDecimal("3.0"), null, null),
                null,
                "succeed"));

    assertEquals(
        new Outcome.Moved(new TaskChanged(id, TENANT, 3, TaskStatus.SUCCEED, false)), outcome);
    assertEquals(0, count(jdbi, "dispatch_queue"));
    JsonNode event =
        new ObjectMapper()
            .readTree(text(jdbi, "select payload from task_event where sequence = 3"));
    assertEquals("submitted", event.get("previous_status").asText());
    assertEquals("77", event.get("kling_task_id").asText());
    assertEquals(
        "3.0", text(jdbi, "select payload ->> 'units' from task_event where sequence = 3"));
    assertEquals(1.5, event.at("/result/videos/0/new_key").asDouble());
    assertEquals(
        NOW.plus(Duration.ofDays(30)),
        jdbi.withHandle(
            h -> h.createQuery("select result_expires_at from task").mapTo(Instant.class).one()));
  }

  @Test
  void repeated_older_and_contradicting_news_is_noted_and_changes_nothing() {
    String id = stored();
    apply(news(id, new TaskSignal.Processing(), "77"));

    assertEquals(
        new Outcome.Ignored(TaskStatus.PROCESSING, "repeated"),
        apply(news(id, new TaskSignal.Processing(), "77")));
    assertEquals(
        new Outcome.Ignored(TaskStatus.PROCESSING, "older"),
        apply(news(id, new TaskSignal.Submitted(), "77")));
    assertEquals(
        new Outcome.Ignored(TaskStatus.PROCESSING, "other-task"),
        apply(news(id, new TaskSignal.Succeed(null), "78")));
    apply(news(id, new TaskSignal.Failed(null, "no"), "77"));
    assertEquals(
        new Outcome.Ignored(TaskStatus.FAILED, "contradicts"),
        apply(news(id, new TaskSignal.Succeed(null), "77")));
    assertEquals(3, count(jdbi, "task_event"));
    assertEquals(4, count(jdbi, "task_news"));
  }

  @Test
  void kling_s_truth_replaces_expired_and_is_marked_late() {
    String id = stored();
    apply(News.of(id, Source.POLL, new TaskSignal.Expired("no news")));

    apply(news(id, new TaskSignal.Succeed(null), "77"));

    assertEquals(
        "true", text(jdbi, "select payload ->> 'late' from task_event where sequence = 3"));
  }

  @Test
  void one_batch_serves_many_tasks_and_says_which_do_not_exist() {
    String first = stored();
    String second = stored();
    String none = TaskId.next(NOW);

    Map<String, Outcome> outcomes =
        news.apply(
            List.of(
                News.of(second, Source.CANCEL, new TaskSignal.Canceled("by the caller")),
                news(first, new TaskSignal.Submitted(), "1"),
                news(none, new TaskSignal.Submitted(), "2")),
            null);

    assertInstanceOf(Outcome.Moved.class, outcomes.get(first));
    assertInstanceOf(Outcome.Moved.class, outcomes.get(second));
    assertEquals(new Outcome.NoSuchTask(), outcomes.get(none));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
  void one_history_shuffled_and_repeated_ends_in_the_same_place(long seed) {
    Random random = new Random(seed);
    String id = stored();
    List<News> history = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      history.add(news(id, new TaskSignal.Submitted(), "77"));
      history.add(news(id, new TaskSignal.Processing(), "77"));
      history.add(news(id, new TaskSignal.Succeed("{\"videos\":[]}"), "77"));
    }
    Collections.shuffle(history, random);

    history.forEach(this::apply);

    assertEquals("succeed", text(jdbi, "select status from task"), "seed " + seed);
    long events = count(jdbi, "task_event");
    assertEquals(events, number(jdbi, "select max(sequence) from task_event"), "seed " + seed);
    assertEquals(events, number(jdbi, "select sequence from task"), "seed " + seed);
    assertEquals(events, count(jdbi, "outbox"), "seed " + seed);
    assertEquals(
        history.size() - events + 1,
        number(jdbi, "select sum(repeats + 1) from task_news"),
        "seed " + seed);
  }

  @Test
  void a_refused_create_ends_its_task_gives_the_slot_back_and_names_no_account() {
    String id = stored();
    jdbi.useHandle(
        h -> {
          h.execute(
              "update dispatch_queue set sent_at = now(), claimed_by = 'me', attempts = 2 where task_id = ?",
              id);
          h.execute(
              """
              insert into open_task (task_id, account, family, slots, next_check_at)
              values (?, 'default', 'video', 1, now())
              """,
              id);
        });
    List<News> refused =
        List.of(News.of(id, Source.DISPATCH, new TaskSignal.Failed(1201, "no prompt")));

    assertEquals(List.of(), news.endQueued(refused, new ClaimToken("me", 1), null, null));
    assertEquals(List.of(), news.endQueued(refused, null, null, null));
    assertEquals("queued", text(jdbi, "select status from task"));

    List<TaskChanged> ended = news.endQueued(refused, new ClaimToken("me", 2), null, null);

    assertEquals(List.of(new TaskChanged(id, TENANT, 2, TaskStatus.FAILED, false)), ended);
    assertEquals(0, count(jdbi, "open_task"));
    assertEquals(0, count(jdbi, "dispatch_queue"));
    assertEquals(
        1,
        number(
            jdbi,
            """
            select count(*) from task t join task_event e on e.task_id = t.id and e.sequence = 2
            where t.account is null and t.dispatched_at is null and t.error_code = 1201
              and t.status_message = 'no prompt' and t.finished_at = t.updated_at and e.payload ->> 'account' is null
            """));
  }

  @Test
  void nobody_asks_on_about_a_task_that_has_ended() {
    String id = stored();
    apply(news(id, new TaskSignal.Succeed("{\"videos\":[]}"), "77"));
    jdbi.useHandle(
        h ->
            h.execute(
                """
                insert into open_task (task_id, account, family, slots, next_check_at)
                values (?, 'default', 'video', 1, now())
                """,
                id));

    apply(news(id, new TaskSignal.Succeed("{\"videos\":[]}"), "77"));

    assertEquals(0, count(jdbi, "open_task"));
  }

  @Test
  void the_same_news_again_fills_no_table() {
    String id = stored();
    for (int i = 0; i < 100; i++) {
      apply(news(id, new TaskSignal.Processing(), "77"));
      news.note(id, Source.CALLBACK, "odd", "not-understood", "the same");
    }

    assertEquals(2, count(jdbi, "task_news"));
    assertEquals(99 + 100, number(jdbi, "select sum(repeats + 1) from task_news"));
  }

  @Test
  void different_news_without_end_fills_no_table_either() {
    String id = stored();
    for (int i = 0; i < 600; i++) {
      news.note(id, Source.CALLBACK, "word-" + i, "not-understood", null);
    }

    assertEquals(500, count(jdbi, "task_news"));
  }

  @Test
  void a_task_that_another_transaction_holds_is_left_alone() {
    String held = stored();
    String free = stored();
    String none = TaskId.next(NOW);

    Map<String, Outcome> outcomes;
    try (Handle other = jdbi.open()) {
      other.begin();
      other.execute("select from task where id = ? for update", held);
      outcomes =
          news.applyUnlocked(
              List.of(
                  news(held, new TaskSignal.Submitted(), "1"),
                  news(free, new TaskSignal.Submitted(), "2"),
                  news(none, new TaskSignal.Submitted(), "3")),
              null);
      other.rollback();
    }

    assertEquals(new Outcome.Busy(), outcomes.get(held));
    assertInstanceOf(Outcome.Moved.class, outcomes.get(free));
    assertEquals(new Outcome.NoSuchTask(), outcomes.get(none));
  }

  @Test
  void news_too_old_to_move_the_task_may_name_kling_s_id_first() {
    String id = stored();
    apply(News.of(id, Source.CALLBACK, new TaskSignal.Processing()));

    Outcome outcome = apply(news(id, new TaskSignal.Submitted(), "77"));

    assertEquals(new Outcome.Ignored(TaskStatus.PROCESSING, "older"), outcome);
    assertEquals("77", text(jdbi, "select kling_task_id from task"));
  }

  @Test
  void a_task_submitted_elsewhere_is_watched_and_not_dispatched() {
    TrackedTask tracked =
        new TrackedTask(TENANT, "text2video", "default", "77", "shot-1", null, "video");

    Submission.Stored stored =
        assertInstanceOf(Submission.Stored.class, store.track(tracked, null));

    assertEquals(0, count(jdbi, "dispatch_queue"));
    assertEquals("queued", text(jdbi, "select status from task_event"));
    assertEquals(1, count(jdbi, "outbox"));
    assertEquals(
        0, number(jdbi, "select slots from open_task where tracked and ask_id = 'shot-1'"));
    assertEquals(
        new Submission.KlingIdTaken("77"),
        store.track(
            new TrackedTask(TENANT, "text2video", "default", "77", null, null, "video"), null));
    assertEquals(
        new Submission.ExternalIdTaken("shot-1"),
        store.track(
            new TrackedTask(TENANT, "text2video", "default", null, "shot-1", null, "video"), null));
    assertInstanceOf(
        Outcome.Moved.class, apply(news(stored.taskId(), new TaskSignal.Submitted(), "77")));
  }

  @Test
  void a_final_status_cannot_be_changed_even_by_hand() {
    String id = stored();
    apply(News.of(id, Source.CANCEL, new TaskSignal.Canceled("by the caller")));

    org.junit.jupiter.api.Assertions.assertThrows(
        org.jdbi.v3.core.statement.UnableToExecuteStatementException.class,
        () -> jdbi.useHandle(h -> h.execute("update task set status = 'succeed'")));
  }

  /** Who delivers them is not to look for what was never planned, nor to miss what was. */
  @Test
  void a_change_says_whether_a_webhook_is_told() {
    String silent = stored();
    String called = stored("https://hooks.example/kling");
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into open_task (task_id, account, model, family, slots, next_check_at)"
                    + " select id, 'default', 'kling-v3', 'video', 1, now() from task"));

    assertFalse(((Outcome.Moved) apply(submitted(silent))).change().webhook());
    assertTrue(((Outcome.Moved) apply(submitted(called))).change().webhook());
    jdbi.useHandle(
        handle ->
            news.applyAtOnce(
                    handle,
                    List.of(
                        News.of(silent, Source.CALLBACK, new TaskSignal.Processing()),
                        News.of(called, Source.CALLBACK, new TaskSignal.Processing())),
                    null)
                .forEach(
                    moved ->
                        assertEquals(
                            moved.change().taskId().equals(called), moved.change().webhook())));
    List<String> queued = List.of(stored(), stored("https://hooks.example/kling"));
    List<TaskChanged> ended =
        news.endQueued(
            queued.stream()
                .map(id -> News.of(id, Source.DEADLINE, new TaskSignal.Failed(null, "too late")))
                .toList(),
            null,
            null,
            null);

    assertEquals(
        List.of(false, true),
        queued.stream()
            .map(id -> ended.stream().filter(c -> c.taskId().equals(id)).findAny().orElseThrow())
            .map(TaskChanged::webhook)
            .toList());
    assertEquals(3, count(jdbi, "webhook_delivery"));
  }

  private static News submitted(String id) {
    return News.of(id, Source.DISPATCH, new TaskSignal.Submitted());
  }

  private Outcome apply(News news) {
    return this.news.apply(List.of(news), null).get(news.taskId());
  }

  @Test
  void no_more_is_tracked_than_may_be_however_many_ask_at_once() throws Exception {
    TaskStore few = new TaskStore(jdbi, clock, 3);
    ExecutorService callers = Executors.newFixedThreadPool(12);
    CountDownLatch together = new CountDownLatch(12);
    try {
      List<Future<Submission>> answers = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        String klingTaskId = "9" + i;
        answers.add(
            callers.submit(
                () -> {
                  together.countDown();
                  together.await();
                  return few.track(
                      new TrackedTask(
                          TENANT, "text2video", "default", klingTaskId, null, null, "video"),
                      null);
                }));
      }
      int stored = 0;
      for (Future<Submission> answer : answers) {
        stored += answer.get(120, TimeUnit.SECONDS) instanceof Submission.Stored ? 1 : 0;
      }
      assertEquals(3, stored);
    } finally {
      callers.shutdownNow();
    }
  }

  private static News news(String id, TaskSignal signal, String klingTaskId) {
    return new News(
        id, Source.CALLBACK, signal, klingTaskId, null, null, signal.status().wireName());
  }

  private Submission submit(NewTask task, String traceparent) {
    return store.submit(List.of(new TaskStore.Entry(task, traceparent))).get(0);
  }

  private String stored() {
    return stored(null);
  }

  private String stored(String callbackUrl) {
    return ((Submission.Stored) submit(task(null, callbackUrl, null), null)).taskId();
  }

  private static NewTask task(String externalTaskId, NewTask.Idempotency key) {
    return task(externalTaskId, null, key);
  }

  private static NewTask task(String externalTaskId, String callbackUrl, NewTask.Idempotency key) {
    return GivenTask.of(TENANT)
        .body("{\"prompt\":\"a cat\"}")
        .externalTaskId(externalTaskId)
        .callbackUrl(callbackUrl)
        .units("3.0")
        .key(key)
        .task();
  }

  private static NewTask.Idempotency key(String key, byte body) {
    byte[] hash = new byte[32];
    hash[0] = body;
    return new NewTask.Idempotency(key, hash, UUID.randomUUID());
  }

  private static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
