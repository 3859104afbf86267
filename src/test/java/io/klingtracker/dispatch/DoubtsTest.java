package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.status;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.CatalogOver;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.loops.SetAside;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.QueueView.QueueStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A create in doubt has an end and a reason, holds a slot for a bounded time, and is paid once. */
class DoubtsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String MODEL = "kling-v3";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00.123Z"));
  private final ScriptedKling kling = new ScriptedKling();
  private final Map<String, String> settings = new HashMap<>();
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeEach
  void tenant() {
    Rows.tenants(jdbi, "acme");
  }

  @AfterEach
  void close() {
    replicas.forEach(Replica::close);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fails", "is missing", "leaves out"})
  void whom_a_bulk_question_does_not_tell_of_is_asked_for_alone_in_the_same_round(String bulk) {
    kling.takesIds = true;
    kling.lists = answer(bulk);
    Replica replica = replica();
    for (int i = 0; i < 3; i++) {
      kling.creates.add(new CreateAnswer.Unknown("read timeout"));
      kling.has.add(submit(replica));
    }
    dispatch(replica);

    replica.reconciler.runOnce();

    assertEquals(3, number(jdbi, "select count(*) from task where status = 'submitted'"));
    assertEquals(3, kling.created.size());
  }

  private static ListAnswer answer(String bulk) {
    return switch (bulk) {
      case "fails" -> new ListAnswer.NoAnswer("HTTP 502 with an unreadable body");
      case "is missing" -> new ListAnswer.NoList("no such route");
      default -> new ListAnswer.Found(List.of());
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"code 1002: api key not found", "HTTP 404 with an unreadable body"})
  void what_could_not_be_asked_is_not_taken_for_unknown_and_ends(String failure) {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    kling.query = new QueryAnswer.NoAnswer(failure);
    String task = submit(replica);
    dispatch(replica);
    String other = submit(replica);

    rounds(replica, Duration.ofMinutes(28), Duration.ofMinutes(4));
    assertEquals(List.of(task), kling.created);
    String reason = explain(replica, task).reason();
    assertTrue(reason.contains("could not be asked: " + failure), reason);
    assertEquals(Map.of(Doubts.Cause.NOT_ASKED, 1L), counts(replica));

    // Whatever became of it, it does not run any more: the slot is the next one's.
    rounds(replica, Duration.ofMinutes(4), Duration.ofMinutes(2));
    assertEquals(List.of(task, other), kling.created);
    assertEquals("queued", status(jdbi, task));

    rounds(replica, Duration.ofHours(24), Duration.ofHours(4));
    assertEquals("expired", status(jdbi, task));
    assertTrue(
        text(jdbi, "select status_message from task where id = '" + task + "'").contains(failure));
    assertEquals(
        0, number(jdbi, "select count(*) from dispatch_queue where task_id = '" + task + "'"));

    kling.query = new QueryAnswer.Found(ScriptedKling.news(task));
    rounds(replica, Duration.ofHours(2), Duration.ofHours(1));
    assertEquals(1, kling.created.stream().filter(task::equals).count());
  }

  @Test
  void an_answer_about_another_task_says_nothing_of_ours() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    kling.query = new QueryAnswer.Found(ScriptedKling.news("task_00000000000000000000000000"));
    String task = submit(replica);
    dispatch(replica);

    rounds(replica, Duration.ofMinutes(10), Duration.ofMinutes(1));

    assertEquals(List.of(task), kling.created);
    assertEquals("queued", status(jdbi, task));
    assertTrue(explain(replica, task).reason().contains("another task"));
  }

  @Test
  void where_lists_cannot_be_read_it_takes_longer_to_be_certain() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    kling.lists = new ListAnswer.NoAnswer("HTTP 502");
    String task = submit(replica);
    dispatch(replica);

    rounds(replica, Duration.ofSeconds(50), Duration.ofSeconds(10));
    assertEquals(List.of(task), kling.created);

    rounds(replica, Duration.ofSeconds(30), Duration.ofSeconds(10));
    assertEquals(List.of(task, task), kling.created);
    assertEquals("submitted", status(jdbi, task));
  }

  @Test
  void what_an_unproved_callback_speaks_of_is_not_sent_again() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    dispatch(replica);
    jdbi.useHandle(h -> h.execute("update open_task set proving = 'succeed'"));

    rounds(replica, Duration.ofMinutes(5), Duration.ofMinutes(1));

    assertEquals(List.of(task), kling.created);
  }

  @Test
  void what_kling_says_it_has_holds_its_slot_no_longer_than_a_render_and_expires() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    String task = submit(replica);
    kling.creates.add(
        new CreateAnswer.Exists(1201, task, "External_task_id " + task + " already exists"));
    dispatch(replica);
    String other = submit(replica);
    assertEquals(Map.of(Doubts.Cause.EXISTS, 1L), counts(replica));

    rounds(replica, Duration.ofMinutes(45), Duration.ofMinutes(11));
    assertEquals(List.of(task, other), kling.created);

    rounds(replica, Duration.ofHours(24), Duration.ofHours(4));
    assertEquals("expired", status(jdbi, task));
    assertEquals(List.of(task, other), kling.created);
    assertEquals(Map.of(), counts(replica));
  }

  @Test
  void what_gets_lost_again_and_again_is_set_aside_and_can_be_tried_again() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    String task = submit(replica);
    for (int i = 0; i < SetAside.MAX_ATTEMPTS; i++) {
      kling.creates.add(new CreateAnswer.Unknown("HTTP 200 with an unreadable body"));
    }

    rounds(replica, Duration.ofHours(5), Duration.ofMinutes(7));

    assertEquals(SetAside.MAX_ATTEMPTS, kling.created.size());
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertTrue(explain(replica, task).reason().contains("administrator"));
    SetAside.Item item = replica.setAside.page("dispatch", SetAside.Position.START, 10).get(0);
    assertEquals("dispatch:" + task, item.id());
    assertTrue(item.reason().contains("Kling has none of them"), item.reason());

    assertTrue(replica.setAside.retry(item.id()));
    dispatch(replica);
    assertEquals("submitted", status(jdbi, task));
  }

  @Test
  void the_timeline_says_when_a_doubt_began_and_how_it_ended() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("read timeout"));
    String task = submit(replica);
    dispatch(replica);
    rounds(replica, Duration.ofMinutes(1), Duration.ofSeconds(31));

    assertEquals(
        "in-doubt, not-accepted",
        text(
            jdbi,
            "select string_agg(reason, ', ' order by id) from task_news where task_id = '"
                + task
                + "'"));
    assertTrue(
        text(jdbi, "select detail from task_news where reason = 'in-doubt'")
            .contains("read timeout"));
  }

  @ParameterizedTest
  @CsvSource({"accepted, false", "accepted, true", "lost, false", "lost, true"})
  void a_task_whose_callback_overtook_the_answer_is_checked_like_any_other(
      String answer, boolean plain) {
    Replica replica = replica();
    String task = submit(replica);
    KlingNews news = ScriptedKling.news(task);
    if (answer.equals("lost")) {
      kling.creates.add(new CreateAnswer.Unknown("reset"));
    }
    News processing =
        new News(
            task,
            Source.CALLBACK,
            new TaskSignal.Processing(),
            news.klingTaskId(),
            null,
            null,
            "processing");
    kling.onCreate =
        () -> {
          if (plain) {
            replica.tasks.applyAtOnce(List.of(processing), moved -> moved);
          } else {
            replica.tasks.apply(processing);
          }
        };

    dispatch(replica);

    assertEquals("processing", status(jdbi, task));
    Instant next =
        jdbi.withHandle(
            h -> h.createQuery("select next_check_at from open_task").mapTo(Instant.class).one());
    assertTrue(next.isBefore(clock.instant().plusSeconds(60)), next + " " + clock.instant());
    clock.advance(Duration.ofMinutes(1));
    kling.query =
        new QueryAnswer.Found(
            new KlingNews(
                news.klingTaskId(),
                task,
                KlingStatus.SUCCEED,
                "succeed",
                "",
                "{}",
                null,
                null,
                null));
    replica.reconciler.runOnce();
    assertEquals("succeed", status(jdbi, task));
    assertEquals(1, kling.created.size());
  }

  @Test
  void a_word_that_nobody_knows_is_an_acceptance_all_the_same() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    kling.query =
        new QueryAnswer.Found(
            new KlingNews("123", task, KlingStatus.UNKNOWN, "waiting", "", null, null, null, null));
    dispatch(replica);

    rounds(replica, Duration.ofMinutes(2), Duration.ofSeconds(20));

    assertEquals("submitted", status(jdbi, task));
    assertEquals(List.of(task), kling.created);
  }

  @Test
  void where_kling_keeps_no_id_of_ours_nothing_is_sent_again() {
    try (CatalogOver over =
        new CatalogOver("models: {kling-v3: {takes: {external_task_id: false}}}")) {
      Replica replica = replica();
      kling.creates.add(new CreateAnswer.Unknown("reset"));
      String task = submit(replica);
      dispatch(replica);

      rounds(replica, Duration.ofMinutes(10), Duration.ofMinutes(1));

      assertEquals(List.of(task), kling.created);
      String reason = explain(replica, task).reason();
      assertTrue(reason.contains("keeps no id of ours"), reason);
    }
  }

  @Test
  void a_model_that_the_configuration_switches_off_is_not_sent_and_its_slot_is_another_s_at_once() {
    settings.put("kling.accounts.default.max-parallel", "1");
    settings.put("kling.discontinued-models", "kling-v3");
    Replica replica = replica();
    int[] settled = {0};
    replica.dispatcher.onSettled(() -> settled[0]++);
    String task = submit(replica);

    dispatch(replica);

    assertEquals("failed", status(jdbi, task));
    assertEquals(List.of(), kling.created);
    assertEquals(1, settled[0]);
  }

  @Test
  void a_task_whose_model_is_switched_off_while_it_is_queued_fails_unsent() {
    Replica replica = replica();
    String task = submit(replica);

    try (CatalogOver over = new CatalogOver("models: {kling-v3: {retired: 2026-01-31}}")) {
      dispatch(replica);
    }

    assertEquals("failed", status(jdbi, task));
    assertEquals(List.of(), kling.created);
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertTrue(
        text(jdbi, "select status_message from task where id = '" + task + "'")
            .contains("The model 'kling-v3' has been discontinued"));
  }

  private Replica replica() {
    Replica replica = new Replica(jdbi, clock, settings, kling);
    replicas.add(replica);
    return replica;
  }

  private String submit(Replica replica) {
    clock.advance(Duration.ofMillis(1));
    return Replica.submit(replica.tasks, "acme", MODEL, 5);
  }

  private void rounds(Replica replica, Duration time, Duration step) {
    for (Instant end = clock.instant().plus(time); clock.instant().isBefore(end); ) {
      clock.advance(step);
      replica.reconciler.runOnce();
      dispatch(replica);
    }
  }

  private void dispatch(Replica replica) {
    clock.advance(Duration.ofMillis(500));
    replica.dispatch();
  }

  private QueueStatus explain(Replica replica, String task) {
    clock.advance(Duration.ofSeconds(1));
    return replica.explainer.explain("acme", task).orElseThrow().queueStatus();
  }

  private static Map<Doubts.Cause, Long> counts(Replica replica) {
    Map<Doubts.Cause, Long> counts = new HashMap<>();
    replica.doubts.counts().forEach(count -> counts.put(count.cause(), count.creates()));
    return counts;
  }

  @Test
  void what_a_callback_speaks_of_is_not_sent_again_however_late_it_comes() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    dispatch(replica);
    Doubts.Doubt doubt =
        new Doubts.Doubt(
            jdbi.withHandle(
                h ->
                    h.createQuery("select sent_at from dispatch_queue").mapTo(Instant.class).one()),
            Doubts.Cause.NO_ANSWER,
            0,
            false,
            null);
    jdbi.useHandle(h -> h.execute("update open_task set checks = 7"));
    Instant now = clock.instant();

    assertFalse(replica.doubts.free(task, doubt, 6, now), "asked before it was told to ask");
    jdbi.useHandle(h -> h.execute("update open_task set proving = 'succeed'"));
    assertFalse(replica.doubts.free(task, doubt, 7, now), "to be proved");
    jdbi.useHandle(h -> h.execute("update open_task set proving = null"));
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into callback_receipt (task_id, body, body_hash, headers, signed, received_at,"
                    + " verdict) values (?, '', sha256(''), '{}', true, now(), 'pending')",
                task));
    assertFalse(replica.doubts.free(task, doubt, 7, now), "not read yet");
    jdbi.useHandle(h -> h.execute("update callback_receipt set verdict = 'not-understood'"));

    assertTrue(replica.doubts.free(task, doubt, 7, now));
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
  }

  @Test
  void what_kling_names_with_another_tasks_id_is_not_sent_again() {
    Replica replica = replica();
    String first = submit(replica);
    dispatch(replica);
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    String id = ScriptedKling.news(first).klingTaskId();
    kling.query =
        new QueryAnswer.Found(
            new KlingNews(
                id, task, KlingStatus.SUBMITTED, "submitted", "", null, null, null, null));
    dispatch(replica);

    rounds(replica, Duration.ofMinutes(10), Duration.ofMinutes(1));

    assertEquals(List.of(first, task), kling.created);
    assertEquals(Map.of(Doubts.Cause.EXISTS, 1L), counts(replica));
  }

  @Test
  void as_long_as_the_first_may_still_arrive_nothing_is_sent_again() {
    settings.put("kling.timeout.read", "30s");
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    dispatch(replica);

    rounds(replica, Duration.ofSeconds(70), Duration.ofSeconds(10));
    assertEquals(List.of(task), kling.created);

    rounds(replica, Duration.ofSeconds(30), Duration.ofSeconds(10));
    assertEquals(List.of(task, task), kling.created);
  }

  @Test
  void a_doubt_whose_answer_is_set_aside_holds_its_slot_no_longer_than_others() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    dispatch(replica);
    kling.has.add(task);
    try (Refusing refusing = Refusing.rows(jdbi, "task_event", "task_id", task, "22003")) {
      clock.advance(Duration.ofMinutes(1));
      replica.reconciler.runOnce();
      assertEquals(1, number(jdbi, "select count(*) from set_aside"));
      assertEquals(1, number(jdbi, "select slots from open_task"));

      rounds(replica, Duration.ofMinutes(32), Duration.ofMinutes(4));
      assertEquals(0, number(jdbi, "select slots from open_task"));
    }
    assertEquals(List.of(task), kling.created);
  }
}
