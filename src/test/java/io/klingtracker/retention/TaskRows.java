package io.klingtracker.retention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.Rows;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** The rows of a task in all tables that name tasks. */
final class TaskRows {

  /** Every table that names tasks. Whoever adds one says here that removal minds it. */
  private static final Set<String> TABLES =
      Set.of(
          // Goes with the task.
          "task_event",
          "task_request",
          "task_news",
          "task_label",
          "tracked_id",
          "callback_receipt",
          "callback_missing",
          "webhook_settled",
          "webhook_gone",
          "webhook_attempt",
          // Tells of an erasure.
          "erased_event",
          // Keeps the task.
          "dispatch_queue",
          "open_task",
          "webhook_delivery",
          "idempotency_key",
          "set_aside",
          "outbox",
          "custody_queue",
          // Outlives it.
          "custody_copy");

  /** Those that a task that may be removed has no row in. */
  private static final Set<String> OWING =
      Set.of(
          "dispatch_queue",
          "open_task",
          "webhook_delivery",
          "idempotency_key",
          "set_aside",
          "outbox",
          "custody_queue",
          "erased_event");

  private final Jdbi jdbi;

  TaskRows(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** A row in each table that may have one of a task that owes nothing. */
  void everything(String id) {
    jdbi.useHandle(
        h -> {
          UUID event =
              h.createQuery("select event_id from task_event where task_id = ? and sequence = 3")
                  .bind(0, id)
                  .mapTo(UUID.class)
                  .one();
          h.execute(
              "insert into task_news (task_id, at, source, reason) values (?, now(), 'poll', 'older')",
              id);
          h.execute("insert into tracked_id values ('default', ?, 'acme', ?)", id, id);
          receipt(h, id);
          h.execute("insert into callback_missing values (?, 'default', now())", id);
          h.execute("insert into webhook_gone values (?, now())", id);
          h.execute(
              """
              insert into webhook_settled (task_id, sequence, event_id, tenant_id, host, status, state, attempts,
                planned_at, settled_at)
              values (?, 3, ?, 'acme', 'h', 'succeed', 'delivered', 1, now(), now())
              """,
              id,
              event);
          h.execute(
              """
              insert into webhook_attempt (event_id, tenant_id, task_id, host, at, status, latency_ms)
              values (?, 'acme', ?, 'h', now(), 200, 1)
              """,
              event,
              id);
          h.execute(
              """
              insert into custody_copy (tenant_id, task_id, index, type, bytes, sha256, kept_at, object)
              values ('acme', ?, 0, 'video/mp4', 1, sha256('a'), now(), 'acme/a')
              """,
              id);
        });
  }

  /** Kling told something of it; the receipt. */
  static long receipt(Handle h, String id) {
    return h.createQuery(
            """
            insert into callback_receipt (task_id, body_hash, body, headers, signed, verdict, received_at)
            values (?, sha256('a'), 'a', '{}', false, 'pending', now()) returning id
            """)
        .bind(0, id)
        .mapTo(Long.class)
        .one();
  }

  /** How many rows each table has of a task. */
  Map<String, Long> of(String id) {
    Set<String> tables =
        Set.copyOf(
            Rows.texts(
                jdbi,
                """
                select table_name from information_schema.columns
                where table_schema = 'public' and column_name = 'task_id'
                """));
    assertEquals(TABLES, tables, "tables that name tasks");
    return tables.stream()
        .collect(
            Collectors.toMap(
                table -> table,
                table -> Rows.count(jdbi, table + " where task_id = '" + id + "'")));
  }

  /** Of the tables that have rows of every task those with so many. */
  static Set<String> without(Map<String, Long> rows, long count) {
    return rows.entrySet().stream()
        .filter(row -> row.getValue() == count && !OWING.contains(row.getKey()))
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }

  /** Those that have rows. */
  static Map<String, Long> nonzero(Map<String, Long> rows) {
    Map<String, Long> some = new HashMap<>(rows);
    some.values().removeIf(count -> count == 0);
    return some;
  }

  /** What a task may still owe: a statement that makes it so. */
  record Owed(String what, String sql) {
    @Override
    public String toString() {
      return what;
    }
  }

  /** All that a task may owe. */
  static Stream<Owed> owed() {
    return Stream.of(
        new Owed(
            "a question to Kling",
            """
            insert into open_task (task_id, account, family, slots, next_check_at)
            values (:id, 'default', 'video', 0, now())
            """),
        new Owed(
            "a create",
            "insert into dispatch_queue (task_id, tenant_id, family, due_at) values (:id, 'acme', 'video', now())"),
        new Owed(
            "an event",
            "insert into outbox (lane, id, task_id, sequence) values (outbox_lane(:id), 1, :id, 3)"),
        new Owed(
            "a webhook",
            """
            insert into webhook_delivery (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
            values (:id, 3, gen_random_uuid(), 'acme', 'h', 'succeed', now(), now())
            """),
        new Owed(
            "a callback",
            """
            with r as (
              insert into callback_receipt (task_id, body_hash, body, headers, signed, verdict, received_at)
              values (:id, sha256('a'), 'a', '{}', false, 'pending', now()) returning id)
            insert into callback_pending (receipt_id, due_at) select id, now() from r
            """),
        new Owed(
            "a repeated answer",
            """
            insert into idempotency_key (tenant_id, key, request_hash, request_id, task_id, created_at)
            values ('acme', 'k', 'h', gen_random_uuid(), :id, now())
            """),
        new Owed(
            "a copy of its result",
            "insert into custody_queue (task_id, tenant_id, due_at) values (:id, 'acme', now())"),
        new Owed(
            "an administrator's look",
            """
            insert into set_aside (kind, key, task_id, reason, attempts, at)
            values ('callback', '7', :id, 'why', 1, now())
            """));
  }
}
