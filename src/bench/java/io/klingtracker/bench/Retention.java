package io.klingtracker.bench;

import io.klingtracker.task.TaskId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * What tasks cost that come and go: the bytes of one, and whether tables, dead rows and processor
 * time stay level while as many are removed as are made.
 *
 * <p>An age is an hour at least, so what is to be removed is made as if it had ended two hours ago:
 * copies of tasks that went all the way through the service, row by row.
 */
final class Retention implements Bench.Group {

  private static final int TASKS = 5_000;
  private static final int CONNECTIONS = 16;

  /** Made and removed a second. */
  private static final int RATE = 100;

  private static final int MINUTES = 10;

  /**
   * By then something was removed. Autovacuum comes every few minutes, and dead rows go up and down
   * with it: the most of some minutes is compared with the most of others.
   */
  private static final int LEVEL_FROM = 2;

  private static final Duration LIMIT = Duration.ofSeconds(120);
  private static final Duration AGO = Duration.ofHours(2);

  /** Tables without what a database has that is empty, indexes and long texts included. */
  private static final String SIZES =
      """
      select relname || ' ' || pg_total_relation_size(oid) from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' order by pg_total_relation_size(oid) desc
      """;

  private static final String SIZE =
      "select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'";

  private static final String DEAD = "select sum(n_dead_tup) from pg_stat_user_tables";

  /**
   * Copies of %1$s tasks from id %2$s on, under ids that begin with %3$s and go on with numbers
   * above %4$s, which ended at %5$s.
   */
  private static final String AGED =
      """
      with template as materialized (
        select id as old, '%3$s' || lpad((%4$s + row_number() over (order by id))::text, 16, '0') as id
        from (select id from task where id >= '%2$s' and status = 'succeed' order by id limit %1$s) a
      ),
      made as (
        insert into task
        select r.* from template c join task t on t.id = c.old
          cross join lateral jsonb_populate_record(t, jsonb_build_object('id', c.id, 'kling_task_id', c.id,
            'created_at', '%5$s', 'updated_at', '%5$s', 'finished_at', '%5$s',
            'feed_position', pg_current_xact_id()::text::bigint)) r
      ),
      request as (
        insert into task_request select c.id, q.body from template c join task_request q on q.task_id = c.old
      ),
      receipt as (
        insert into callback_receipt overriding system value
        select r.* from template c join callback_receipt q on q.task_id = c.old
          cross join lateral jsonb_populate_record(q, jsonb_build_object('task_id', c.id, 'received_at', '%5$s',
            'id', nextval(pg_get_serial_sequence('callback_receipt', 'id')))) r
      )
      insert into task_event overriding system value
      select r.* from (
        select c.id, e from template c join task_event e on e.task_id = c.old order by c.id, e.sequence) s
        cross join lateral jsonb_populate_record(s.e, jsonb_build_object('task_id', s.id, 'occurred_at', '%5$s',
          'id', nextval(pg_get_serial_sequence('task_event', 'id')), 'event_id', gen_random_uuid(),
          'feed_position', pg_current_xact_id()::text::bigint)) r
      """;

  private final List<Double> sizes = new ArrayList<>();
  private final List<Double> dead = new ArrayList<>();
  private final Costs costs = new Costs();
  private String templates = "";
  private long made;

  @Override
  public String name() {
    return "retention";
  }

  @Override
  public boolean byNameOnly() {
    return true;
  }

  @Override
  public void run(Bench bench) {
    Database database = bench.stack().database("retention");
    templates = TaskId.firstAt(Instant.now());
    Map<String, String> slots = Map.of("kling.accounts.default.max-parallel", "10000");
    try (Service service = bench.service(database, "bench.retention", slots).awaitReady()) {
      ofOne(bench, service, database);
      // A second's, so that a service that has just started has something to remove.
      age(database);
      await(
          "counted",
          () ->
              database.number(
                      "select coalesce(sum(tasks), 0) from task_sum where hour = '-infinity'")
                  == database.number("select count(*) from task"));
    }
    Map<String, String> ages = Map.of("tracker.retention.tasks", "1h");
    try (Service service = bench.service(database, "bench.retention", ages).awaitReady()) {
      await("removed", () -> removed(database) >= RATE);
      steady(bench, service, database);
    }
    report(bench, removed(database));
    bench.stack().drop(database);
  }

  /** Tasks all the way through, and what they leave in each table. */
  private void ofOne(Bench bench, Service service, Database database) {
    int tasks = bench.options().smoke() ? RATE : TASKS;
    Map<String, Long> before = sizes(database);
    Loader.closed(service.port(), CONNECTIONS, submissions(tasks), LIMIT).clean("submissions");
    long all = database.number("select count(*) from task");
    end(service, database, all);
    report(bench, database, before, all);
  }

  private static Loader.Requests submissions(int tasks) {
    Iterator<byte[]> requests = Collections.nCopies(tasks, Submissions.REQUEST).iterator();
    return () -> requests.hasNext() ? requests.next() : null;
  }

  private static void end(Service service, Database database, long all) {
    await("submitted", () -> count(database, "submitted") == all);
    Loader.Requests callbacks =
        SignedCallbacks.of(
            database.texts("select id || ' ' || kling_task_id from task order by id"));
    Loader.closed(service.port(), CONNECTIONS, callbacks, LIMIT).clean("callbacks");
    await(
        "published",
        () ->
            count(database, "succeed") == all
                && database.number("select count(*) from outbox") == 0);
  }

  private static void report(Bench bench, Database database, Map<String, Long> before, long all) {
    Map<String, Long> bytes = new LinkedHashMap<>();
    sizes(database)
        .forEach(
            (table, size) -> {
              long each = Math.round((size - before.getOrDefault(table, 0L)) / (double) all);
              if (database.number("select count(*) from " + table) >= all) {
                bytes.put(table, each);
              }
            });
    bench
        .report()
        .figure(
            "bytes of one task with its indexes, of a request of %d bytes, from a submission to the second callback (%,d tasks)"
                .formatted(
                    database.number("select max(octet_length(body)) from task_request"), all),
            "%,d: %s"
                .formatted(
                    bytes.values().stream().mapToLong(Long::longValue).sum(),
                    bytes.entrySet().stream()
                        .map(table -> "%s %,d".formatted(table.getKey(), table.getValue()))
                        .collect(Collectors.joining(", "))));
  }

  /** As many are made each second as may be removed, and more. */
  private void steady(Bench bench, Service service, Database database) {
    Meter meter = new Meter(bench, service);
    int minutes = bench.options().smoke() ? 2 : MINUTES;
    int seconds = bench.options().smoke() ? 1 : 60;
    long due = System.nanoTime();
    for (int minute = 1; minute <= minutes; minute++) {
      Meter.Reading before = meter.read();
      for (int second = 0; second < seconds; second++) {
        age(database);
        due += 1_000_000_000L;
        Database.pause(Math.max(0, (due - System.nanoTime()) / 1_000_000));
      }
      costs.add(half(minute, minutes), meter.since(before, (long) RATE * seconds));
      sizes.add(database.decimal(SIZE) / 1_048_576);
      dead.add(database.decimal(DEAD));
      bench
          .report()
          .progress(
              "   %s: %s MiB, %s dead rows, %d removed"
                  .formatted(
                      minute,
                      Spread.number(sizes.get(minute - 1)),
                      Spread.number(dead.get(minute - 1)),
                      removed(database)));
    }
  }

  private static String half(int minute, int minutes) {
    return minute <= minutes / 2 ? "first" : "second";
  }

  private void age(Database database) {
    Instant ended = Instant.now().minus(AGO);
    database.execute(AGED.formatted(RATE, templates, TaskId.firstAt(ended), made, ended));
    made += RATE;
  }

  private long removed(Database database) {
    return made - database.number("select count(*) from task where id < '" + templates + "'");
  }

  private static long count(Database database, String status) {
    return database.number("select count(*) from task where status = '" + status + "'");
  }

  private static Map<String, Long> sizes(Database database) {
    Map<String, Long> sizes = new LinkedHashMap<>();
    database
        .texts(SIZES)
        .forEach(
            row -> {
              String[] words = row.split(" ");
              sizes.put(words[0], Long.parseLong(words[1]));
            });
    return sizes;
  }

  private static void await(String what, BooleanSupplier condition) {
    if (!Database.await(LIMIT, condition)) {
      throw new IllegalStateException("tasks are not " + what + " within " + LIMIT);
    }
  }

  private void report(Bench bench, long removed) {
    String load = "%d/s made and removed".formatted(RATE);
    bench.report().figure("%s: removed of %,d".formatted(load, made), "%,d".formatted(removed));
    level(bench, load + ": MiB of all tables, most of the second half ÷ of minutes 2 to 5", sizes);
    level(bench, load + ": dead rows, most of the second half ÷ of minutes 2 to 5", dead);
    Spread first = costs.micros("first");
    Spread second = costs.micros("second");
    bench
        .report()
        .ratio(
            "",
            load + ": processor time of a task, second half ÷ first",
            second.text(" µs"),
            first.text(" µs"),
            Spread.of(second.median() / first.median()),
            Goal.atMost(1.1));
    costs.report(bench.report(), "a task that was made and one removed", "second");
  }

  private static void level(Bench bench, String what, List<Double> minutes) {
    int half = minutes.size() / 2;
    Spread before = Spread.of(minutes.subList(Math.min(LEVEL_FROM - 1, half - 1), half));
    Spread after = Spread.of(minutes.subList(half, minutes.size()));
    bench
        .report()
        .ratio(
            "",
            what,
            after.text(""),
            before.text(""),
            Spread.of(after.max() / before.max()),
            Goal.atMost(1.1));
  }
}
