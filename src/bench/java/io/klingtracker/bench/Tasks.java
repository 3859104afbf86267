package io.klingtracker.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

/**
 * Tasks made in bulk, in the rows that submission and dispatch would have left. An id is a number
 * behind a prefix that sorts history before what is still open.
 */
final class Tasks {

  static final String TENANT = "bench";

  /** Ids of tasks that ended long ago. */
  static final String ENDED = "task_01m0000000";

  /** Ids of tasks that run at Kling. */
  static final String OPEN = "task_01m8000000";

  private static final String ID = "'%s' || lpad(n::text, 16, '0')";

  /** A check or a reference that holds for what comes then. */
  private static final String LATER = " not valid";

  private Tasks() {}

  /** What {@code Secrets} and the database call the task of this number. */
  static String id(String prefix, long number) {
    String digits = Long.toString(number);
    return prefix + "0".repeat(16 - digits.length()) + digits;
  }

  /**
   * Tasks that Kling runs: sent, acknowledged, silent so far. They hold no slot, since no account
   * has so many.
   */
  static void open(Database database, long first, long count) {
    fill(
        database,
        OPEN,
        first,
        count,
        """
        insert into task (id, tenant_id, kind, model, upstream_model, account, kling_task_id, status, previous_status,
            sequence, units_expected, feed_position, created_at, dispatched_at, updated_at)
        select %1$s, 'bench', 'text2video', 'kling-v3', 'kling-v3', 'default', 'k' || n, 'submitted', 'queued', 2, 3,
          pg_current_xact_id()::text::bigint, now(), now(), now()
        """,
        """
        insert into task_request (task_id, body)
        select %1$s, '{"model_name":"kling-v3","prompt":"A red kite over the sea","duration":"5"}'
        """,
        event(database, first, count, 1, "queued", "null", "submit"),
        event(database, first, count, 2, "submitted", "'queued'", "dispatch"),
        """
        insert into open_task (task_id, tenant_id, account, model, family, slots, next_check_at)
        select %1$s, 'bench', 'default', 'kling-v3', 'video', 0, now() + interval '1 day'
        """);
  }

  /** Tasks that ended well, a second after one another, with their first and last events. */
  static void ended(Database database, long first, long count) {
    fill(
        database,
        ENDED,
        first,
        count,
        """
        insert into task (id, tenant_id, kind, model, upstream_model, account, kling_task_id, status, previous_status,
            sequence, units_expected, units, feed_position, created_at, dispatched_at, updated_at, finished_at, result)
        select %1$s, 'bench', 'text2video', 'kling-v3', 'kling-v3', 'default', 'e' || n, 'succeed', 'submitted', 3, 3, 3,
          1, timestamptz '2026-01-01' + n * interval '1 second', now(), now(), now(),
          '{"videos":[{"id":"1","url":"https://result.example/1.mp4","duration":"5"}]}'
        """,
        event(database, first, count, 3, "succeed", "'submitted'", "callback"));
  }

  /**
   * The same for very many. Keys and indexes come after the rows, in one go each, of both tables
   * side by side; checks and references hold for what comes then.
   */
  static void endedInBulk(Database database, long first, long count) {
    List<String> constraints = constraints(database, "drop constraint %3$I");
    List<String> again = constraints(database, "add constraint %3$I %4$s");
    Collections.reverse(constraints);
    List<String> indexes =
        database.texts(
            """
            select indexdef from pg_indexes
            where tablename in ('task', 'task_event') and indexname not in (select conname from pg_constraint)
            """);
    for (String index : indexes) {
      database.execute("drop index " + index.replaceAll(".* INDEX (\\S+) ON .*", "$1"));
    }
    constraints.forEach(database::execute);
    // Nobody changes them any more, so they need no room for that.
    String options =
        database.text(
            "select array_to_string(reloptions, ', ') from pg_class where relname = 'task'");
    database.execute("alter table task set (fillfactor = 100)");
    ended(database, first, count);
    database.execute("alter table task set (" + options + ")");
    Stream.of("task", "task_event")
        .parallel()
        .forEach(
            table ->
                Stream.concat(again.stream(), indexes.stream())
                    .filter(addition -> addition.matches("(?s).*[ .]" + table + " .*"))
                    .filter(addition -> !addition.endsWith(LATER))
                    .forEach(
                        addition ->
                            database.execute("set maintenance_work_mem = '1GB'", addition)));
    again.stream().filter(addition -> addition.endsWith(LATER)).forEach(database::execute);
    database.execute("vacuum analyze task", "vacuum analyze task_event");
  }

  /** An alteration for each constraint of the large tables, keys before what refers to them. */
  private static List<String> constraints(Database database, String alteration) {
    return new ArrayList<>(
        database.texts(
            """
            select format('alter table %%1$s %s', conrelid::regclass, contype, conname,
              pg_get_constraintdef(oid) || case when contype in ('c', 'f') then '%s' else '' end)
            from pg_constraint
            where contype in ('p', 'u', 'c', 'f')
              and (conrelid in ('task'::regclass, 'task_event'::regclass)
                or confrelid in ('task'::regclass, 'task_event'::regclass))
            order by contype in ('c', 'f'), conname
            """
                .formatted(alteration, LATER)));
  }

  /** One event each, numbered as if they had been drawn one by one. */
  private static String event(
      Database database,
      long first,
      long count,
      int sequence,
      String status,
      String previous,
      String source) {
    long last =
        database.number(
            "select setval(s, nextval(s) + %d) from pg_get_serial_sequence('task_event', 'id') s"
                .formatted(count));
    return """
        insert into task_event (id, task_id, sequence, event_id, tenant_id, status, previous_status, source, occurred_at,
            feed_position, payload)
          overriding system value
        select n + %1$d, %%1$s, %2$d, (%2$d || lpad(n::text, 31, '0'))::uuid, 'bench', '%3$s', %4$s, '%5$s', now(), 1,
          ('{"task_id":"' || %%1$s || '","sequence":%2$d,"status":"%3$s"}')::json
        """
        .formatted(last - first - count, sequence, status, previous, source);
  }

  private static void fill(
      Database database, String prefix, long first, long count, String... statements) {
    String id = ID.formatted(prefix);
    // Side by side, which rows that come in whole allow: they need no look at their parents. Their
    // log is not filled with zeros first.
    Arrays.stream(statements)
        .parallel()
        .forEach(
            statement ->
                database.execute(
                    "set session_replication_role = replica",
                    "set wal_init_zero = off",
                    statement.formatted(id)
                        + " from generate_series(%d, %d) as g(n)"
                            .formatted(first, first + count - 1)));
  }
}
