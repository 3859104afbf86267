package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.status;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever is wrong with one callback, those beside it count. */
class OneBadCallbackTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Duration LONGER_THAN_ANY_WAIT = Duration.ofMinutes(1);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-06-10T08:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final Map<String, String> settings =
      new HashMap<>(
          Map.of(
              "kling.accounts.default.api-key", "key", "tracker.public-url", "http://localhost"));
  private CallbackParts callbacks;
  private String bad;
  private String good;

  @BeforeEach
  void two_tasks_at_kling() {
    GivenTasks.tenant(jdbi);
    start();
    bad = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(600));
    good = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(600));
  }

  private void start() {
    callbacks =
        new CallbackParts(
            jdbi, clock, tasks, new UpstreamParts(jdbi, clock, tasks, settings), settings);
  }

  @AfterEach
  void stop() {
    callbacks.close();
  }

  /** As they come in; rows of before the upgrade are inserted below. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"task_id\":\"1\\u0000\",\"task_status\":\"succeed\"}",
        "{\"id\":\"\\u0000\",\"status\":\"failed\"}",
        "{\"task_id\":\"1\",\"task_status\":\"RANDOM\"}",
        "{\"task_id\":\"1\",\"task_status\":\"processing\",\"task_status_msg\":\"\\u0000\"}",
        "{\"task_id\":\"1\",\"task_status\":\"succeed\",\"final_unit_deduction\":\"1E+200000\"}",
        "{\"task_id\":\"1\",\"task_status\":\"succeed\",\"task_result\":{\"videos\":\"\\ud800\"}}",
      })
  void a_poisonous_callback_delays_no_other(String body) {
    String poison = body.replace("RANDOM", incompressible(3000));
    for (String verify : List.of("unsigned", "never")) {
      settings.put("tracker.callback.verify", verify);
      callbacks.close();
      start();
      receive(bad, poison);
      receive(good, "{\"task_id\":\"2\",\"task_status\":\"processing\"}");

      callbacks.workOff();

      assertEquals("processing", status(jdbi, good), verify);
    }
    assertEquals(0, waiting(), "what cannot be applied is set aside or noted at once");
  }

  @Test
  void what_was_poisoned_before_heals_by_the_upgrade_alone() {
    insert(bad, "{\"task_id\":\"1\\u0000\",\"task_status\":\"succeed\"}");
    insert(bad, "{\"task_id\":\"1\",\"task_status\":\"" + incompressible(3000) + "\"}");
    insert(good, "{\"task_id\":\"2\",\"task_status\":\"processing\"}");

    callbacks.workOff();

    assertEquals("processing", status(jdbi, good));
    assertEquals(0, waiting());
  }

  /** Everything that the loop writes for one callback, refused in every way. */
  @ParameterizedTest
  @CsvSource({
    "task, id",
    "task_event, task_id",
    "outbox, task_id",
    "task_news, task_id",
    "callback_receipt, task_id",
    "callback_pending, receipt_id",
    "open_task, task_id",
    "dispatch_queue, task_id",
  })
  void a_write_that_fails_for_one_callback_delays_no_other(String table, String column) {
    for (String state : List.of("22003", "23514", "P0001")) {
      String body = "{\"task_id\":\"" + table + state + "\",\"task_status\":\"processing\"}";
      receive(bad, body.replace("processing", "submitted"));
      String item =
          column.equals("receipt_id")
              ? Long.toString(number(jdbi, "select max(id) from callback_receipt"))
              : bad;
      try (Refusing refusing = Refusing.rows(jdbi, table, column, item, state)) {
        for (int pass = 0; pass < (state.equals("P0001") ? SetAside.MAX_ATTEMPTS + 1 : 4); pass++) {
          receive(good, "{\"task_id\":\"2\",\"task_status\":\"word-%d\"}".formatted(pass));
          callbacks.workOff();
          assertEquals(
              pass + 1,
              number(jdbi, "select count(*) from task_news where status like 'word-%'"),
              table + " " + state);
          clock.advance(LONGER_THAN_ANY_WAIT);
        }
      }
      jdbi.useHandle(h -> h.execute("delete from set_aside"));
      jdbi.useHandle(h -> h.execute("delete from callback_pending"));
      jdbi.useHandle(h -> h.execute("delete from task_news"));
      jdbi.useHandle(h -> h.execute("delete from callback_receipt"));
    }
  }

  @Test
  void what_is_set_aside_says_why_survives_a_restart_and_can_be_tried_again() {
    settings.put("tracker.callback.verify", "never");
    callbacks.close();
    start();
    long receipt;
    try (Refusing refusing = Refusing.rows(jdbi, "task_event", "task_id", bad, "P0001")) {
      receive(bad, "{\"task_id\":\"1\",\"task_status\":\"processing\"}");
      receipt = number(jdbi, "select max(id) from callback_receipt");
      for (int i = 0; i < SetAside.MAX_ATTEMPTS; i++) {
        assertEquals(1, waiting(), "tries " + i);
        callbacks.workOff();
        clock.advance(LONGER_THAN_ANY_WAIT);
      }
      assertEquals(0, waiting());
    }
    SetAside.Item item = callbacks.setAside.page(null, SetAside.Position.START, 10).get(0);
    assertEquals("callback:" + receipt, item.id());
    assertEquals(bad, item.taskId());
    assertEquals("acme", item.tenant());
    assertEquals(SetAside.MAX_ATTEMPTS, item.attempts());
    assertTrue(item.reason().contains("refused INSERT of task_event"), item.reason());
    assertEquals("set-aside", text(jdbi, "select reason from task_news"));
    assertTrue(text(jdbi, "select detail from task_news").contains("refused INSERT of task_event"));
    assertEquals("set-aside", text(jdbi, "select verdict from callback_receipt"));
    assertEquals(
        0,
        number(
            jdbi,
            "select count(*) from open_task where task_id = '%s' and next_check_at > '%s'"
                .formatted(bad, clock.instant())),
        "Kling is asked instead");

    callbacks.close();
    start();
    callbacks.workOff();
    assertEquals("queued", status(jdbi, bad));

    assertTrue(callbacks.setAside.retry(item.id()));
    callbacks.workOff();
    assertEquals("processing", status(jdbi, bad));
    assertFalse(callbacks.setAside.retry(item.id()));
    assertEquals(List.of(), callbacks.setAside.page(null, SetAside.Position.START, 10));
  }

  @Test
  void a_claim_is_bounded_in_bytes_and_takes_one_callback_at_least() {
    PendingStore store = new PendingStore(jdbi, clock, new ReplicaId(), 2_500);
    for (int i = 0; i < 4; i++) {
      insert(bad, "{\"%d\":\"%s\"}".formatted(i, "x".repeat(992)));
    }
    insert(good, "{\"long\":\"%s\"}".formatted("x".repeat(5_000)));

    assertEquals(5, callbacks.pending.due(10).size());
    assertEquals(2, store.due(10).size(), "also where a claim fails and is divided");
    for (int most : List.of(2, 2, 1)) {
      List<PendingCallback> claimed = store.claim(10);
      assertEquals(most, claimed.size());
      assertTrue(store.isFull(claimed, 10, 1_000), "there may be more");
    }
    assertEquals(List.of(), store.claim(10));
    assertEquals(
        5,
        number(jdbi, "select count(*) from callback_pending where attempts = 89"),
        "claimed once each");
  }

  @Test
  void a_word_and_an_id_that_no_index_holds_are_bounded_even_if_the_reader_lets_them_pass() {
    tasks.note(bad, Source.CALLBACK, incompressible(3000), "not-understood", incompressible(3000));
    tasks.apply(
        new News(
            good,
            Source.POLL,
            new TaskSignal.Processing(),
            incompressible(5000),
            null,
            null,
            incompressible(3000)));

    assertEquals("processing", status(jdbi, good));
    assertTrue(number(jdbi, "select length(status) from task_news") <= 64);
    assertEquals(0, number(jdbi, "select count(*) from task where kling_task_id is not null"));
  }

  @Test
  void only_another_tasks_id_is_noted_as_that() {
    settings.put("tracker.callback.verify", "never");
    callbacks.close();
    start();
    receive(good, "{\"task_id\":\"7\",\"task_status\":\"processing\"}");
    callbacks.workOff();

    receive(bad, "{\"task_id\":\"7\",\"task_status\":\"processing\"}");
    callbacks.workOff();

    assertEquals("other-task", text(jdbi, "select reason from task_news"));
    assertEquals(List.of(), callbacks.setAside.page(null, SetAside.Position.START, 10));
  }

  private void receive(String task, String body) {
    assertEquals(200, callbacks.receive(task, body, null, null, null), body);
  }

  /** As an older version stored it, claimed again and again. */
  private void insert(String task, String body) {
    jdbi.useHandle(
        handle ->
            handle.execute(
                """
                with r as (
                  insert into callback_receipt (task_id, body_hash, body, headers, signed, verdict, received_at)
                  values (?, decode(?, 'hex'), ?, '{}', false, 'pending', ?) returning id)
                insert into callback_pending (receipt_id, due_at, attempts, claimed_until, claimed_by)
                select id, ?, 88, ?, 'somebody' from r
                """,
                task,
                HexFormat.of().formatHex(sha256(body)),
                body.getBytes(StandardCharsets.UTF_8),
                java.sql.Timestamp.from(clock.instant()),
                java.sql.Timestamp.from(clock.instant()),
                java.sql.Timestamp.from(clock.instant().minusSeconds(1))));
  }

  private static byte[] sha256(String body) {
    try {
      return java.security.MessageDigest.getInstance("SHA-256")
          .digest(body.getBytes(StandardCharsets.UTF_8));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String incompressible(int length) {
    Random random = new Random(17);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) ('0' + random.nextInt(70)));
    }
    return text.toString().replace('\\', 'x').replace('"', 'x');
  }

  private long waiting() {
    return number(jdbi, "select count(*) from callback_pending");
  }
}
