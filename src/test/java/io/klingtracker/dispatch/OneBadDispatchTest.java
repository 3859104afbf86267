package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.status;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.SetAside;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
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

/** Whatever is wrong with one queued task, those beside it are sent. */
class OneBadDispatchTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String MODEL = "kling-v3";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00.123Z"));
  private final ScriptedKling kling = new ScriptedKling();
  private final Map<String, String> settings =
      new HashMap<>(Map.of("kling.accounts.default.max-parallel", "1000"));
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeEach
  void tenant() {
    Rows.tenants(jdbi, "acme");
  }

  @AfterEach
  void close() {
    replicas.forEach(Replica::close);
  }

  @Test
  void what_cannot_be_made_ready_gives_its_slot_back_is_set_aside_and_can_be_tried_again() {
    Replica replica = replica();
    String bad = submit(replica);
    String body = text(jdbi, "select body from task_request");
    jdbi.useHandle(h -> h.execute("update task_request set body = '{\"broken'"));
    for (int i = 0; i < SetAside.MAX_ATTEMPTS; i++) {
      neighbourIsSent(replica);
      clock.advance(Duration.ofMinutes(2));
    }
    SetAside.Item item = replica.setAside.page("dispatch", SetAside.Position.START, 10).get(0);
    assertEquals("dispatch:" + bad, item.id());
    assertEquals("acme", item.tenant());
    assertEquals(0, number(jdbi, "select count(*) from open_task where task_id = '" + bad + "'"));
    assertTrue(
        replica
            .explainer
            .explain("acme", bad)
            .orElseThrow()
            .queueStatus()
            .reason()
            .contains("administrator"));

    Replica after = replica();
    neighbourIsSent(after);
    assertEquals("queued", status(jdbi, bad));

    jdbi.useHandle(h -> h.execute("update task_request set body = ? where task_id = ?", body, bad));
    assertTrue(after.setAside.retry(item.id()));
    pass(after);
    assertEquals("submitted", status(jdbi, bad));
  }

  @ParameterizedTest
  @CsvSource({
    "dispatch_queue, task_id",
    "open_task, task_id",
    "task, id",
    "task_event, task_id",
    "outbox, task_id",
  })
  void a_write_that_fails_for_one_task_delays_no_other(String table, String column) {
    for (String state : List.of("22003", "23514", "P0001")) {
      Replica replica = replica();
      String bad = submit(replica);
      try (Refusing refusing = Refusing.rows(jdbi, table, column, bad, state)) {
        for (int i = 0; i < (state.equals("P0001") ? SetAside.MAX_ATTEMPTS + 1 : 4); i++) {
          neighbourIsSent(replica);
          clock.advance(Duration.ofMinutes(2));
        }
      }
      assertEquals("queued", status(jdbi, bad));
    }
  }

  @Test
  void a_deadline_that_cannot_be_kept_delays_no_other() {
    Replica replica = replica();
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into account_pool (account, family, model, paused) values ('default', '', '', true)"));
    String bad =
        Replica.submit(replica.tasks, "acme", MODEL, 5, 1, clock.instant().plusSeconds(10));
    String good =
        Replica.submit(replica.tasks, "acme", MODEL, 5, 1, clock.instant().plusSeconds(10));
    try (Refusing refusing = Refusing.rows(jdbi, "task_event", "task_id", bad, "P0001")) {
      clock.advance(Duration.ofSeconds(20));
      pass(replica);
      assertEquals("failed", status(jdbi, good));
    }
    pass(replica);
    assertEquals("failed", status(jdbi, bad));
  }

  private void neighbourIsSent(Replica replica) {
    String good = submit(replica);
    pass(replica);
    assertEquals("submitted", status(jdbi, good));
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

  private void pass(Replica replica) {
    clock.advance(Duration.ofMillis(500));
    replica.dispatch();
  }
}
