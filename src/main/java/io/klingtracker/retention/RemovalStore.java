package io.klingtracker.retention;

import io.klingtracker.catalog.UnitPrice;
import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.database.SqlFile;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.CostSql;
import io.klingtracker.task.EventId;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskSql;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ObjIntConsumer;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;

/** Finds tasks that are old enough, and removes them with all that belongs to them. */
@Singleton
class RemovalStore {

  static final String CANDIDATES = SqlFile.read(RemovalStore.class, "Candidates");

  /**
   * Nobody can tell the planner how much is old enough. It takes that for little, reads all of it
   * and sorts it: five seconds for five hundred of a million.
   */
  static final String ORDERED = "set local enable_bitmapscan = off";

  private static final Map<String, String> POSITION = Map.of("position", TaskSql.POSITION);

  private static final String FEED_MARKS = SqlFile.read(RemovalStore.class, "FeedMarks", POSITION);

  private static final String REMOVE =
      removal(SqlFile.read(RemovalStore.class, "Owing"), FEED_MARKS);

  /** The same at once, whatever it owes, with an event that says so. */
  private static final String ERASE =
      removal(
          "",
          SqlFile.read(
              RemovalStore.class,
              "Told",
              Map.of("position", TaskSql.POSITION, "time", Rfc3339.SQL_PATTERN)));

  private static final String RECOUNT = SqlFile.read(RemovalStore.class, "Recount");

  /** Counting goes on behind it, and finds the events gone. */
  private static final String COUNTING = "select pg_advisory_xact_lock(" + TaskSql.COUNTING + ")";

  private static final String FORGET_ERASED =
      SqlFile.read(RemovalStore.class, "ForgetErased", Map.of("marks", FEED_MARKS));

  /** Those that run are left out, be it that they were revived a moment ago. */
  private static final String LOCK_ENDED =
      """
      select id from task
      where id = any(cast(:ids as text[])) and status in ('expired', 'succeed', 'failed', 'canceled')
      order by id for update
      """;

  /** What somebody else holds is left alone. Locked in id order, as everywhere. */
  private static final String LOCK =
      """
      select t.id from task t
      join unnest((select cast(:ids as text[])), (select cast(:statuses as task_status[])), (select cast(:befores as timestamptz[])))
        as c(id, status, before) on c.id = t.id
      -- One that expired may have come to life since.
      where t.status = c.status and coalesce(t.finished_at, t.updated_at) < c.before
      order by t.id for update of t skip locked
      """;

  /** One replica at a time, so that removals are numbered in the order in which they are seen. */
  private static final String ALONE =
      "select pg_try_advisory_xact_lock(hashtext('kling-task-tracker/retention'))";

  private static final String TENANTS =
      "select id, retention_seconds from tenant where :all or retention_seconds is not null order by id";

  /** Since when the oldest waits of what must be quick: events for Kafka, callbacks. */
  private static final String WAITING =
      """
      select least(
        (select min(e.occurred_at)
         from generate_series(0, 63) as l(lane)
           cross join lateral (
             select x.task_id, x.sequence from outbox x
             where not x.replayed and x.lane = l.lane and x.sequence > 0
               and not exists (select from set_aside a where a.kind = 'event' and a.key = x.task_id)
             order by x.id limit 1) o
           join task_event e on e.task_id = o.task_id and e.sequence = o.sequence),
        (select min(due_at) from callback_pending)) as since
      """;

  /**
   * Of the oldest requests those whose tasks ended before; the others are of tasks under way, or of
   * some that ended just now.
   */
  static final String REQUESTS =
      """
      with oldest as materialized (
        select task_id from task_request where task_id > :after and task_id < :bound order by task_id limit :limit
      ),
      removed as (
        delete from task_request r using oldest o, task t
        where r.task_id = o.task_id and t.id = o.task_id and t.status in ('expired', 'succeed', 'failed', 'canceled')
          and coalesce(t.finished_at, t.updated_at) < :before
        returning r.task_id
      )
      select (select coalesce(max(task_id), '') from oldest) as last, (select count(*) from oldest) as looked,
        (select count(*) from removed) as removed
      """;

  /** What was being written while its task was erased, and came after. */
  private static final String ERASE_LATE =
      """
      with erased as (select event_id, task_id from erased_event where at >= :since),
      attempts as (delete from webhook_attempt a using erased e where a.event_id = e.event_id),
      receipts as (
        delete from callback_receipt r using (select distinct task_id from erased) e where r.task_id = e.task_id
        returning r.id
      )
      delete from callback_pending p using receipts r where p.receipt_id = r.id
      """;

  private final Jdbi jdbi;

  /**
   * Tasks of one tenant and status that are kept for so long.
   *
   * @param before those that ended before are old enough
   */
  record Aged(String tenant, TaskStatus status, Instant before) {}

  /** A tenant, and its own age where it has one. */
  record TenantAge(String tenant, Optional<Duration> age) {}

  /** A task that may be old enough; {@code ended} when it reached this status. */
  record Candidate(String taskId, TaskStatus status, Instant before, Instant ended) {}

  /**
   * A task that is no more.
   *
   * @param status with which it ended
   * @param sequence of its last change
   */
  record Removed(String taskId, String tenant, TaskStatus status, int sequence) {}

  @Inject
  RemovalStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** Whether this replica is the one that removes: the rate is that of all together. */
  boolean isFirst(ReplicaId me) {
    return jdbi.withHandle(me::isFirst);
  }

  /** All tenants, or those with an age of their own. */
  List<TenantAge> tenants(boolean all) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(TENANTS)
                .bind("all", all)
                .map(
                    (row, context) ->
                        new TenantAge(
                            row.getString("id"),
                            Optional.ofNullable(row.getObject("retention_seconds", Long.class))
                                .map(Duration::ofSeconds)))
                .list());
  }

  /** Since when the oldest event or callback waits; empty when none does. */
  Optional<Instant> waitsSince() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(WAITING)
                .map((row, context) -> Optional.ofNullable(Rows.instantOrNull(row, "since")))
                .one());
  }

  /**
   * The oldest tasks that may be removed.
   *
   * @param after behind this id
   * @param limit most of them; fewer are all that there are
   */
  List<Candidate> candidates(List<Aged> aged, String after, int limit) {
    if (aged.isEmpty()) {
      return List.of();
    }
    return jdbi.inTransaction(
        handle -> {
          handle.execute(ORDERED);
          return candidates(handle, aged, after, limit);
        });
  }

  private static List<Candidate> candidates(
      Handle handle, List<Aged> aged, String after, int limit) {
    return Columns.of(handle.createQuery(CANDIDATES), aged)
        .texts("tenants", Aged::tenant)
        .texts("statuses", one -> one.status().wireName())
        .written("befores", Aged::before)
        // A task ended no sooner than it was created.
        .texts("bounds", one -> TaskId.firstAt(one.before()))
        .rest()
        .bind("after", after)
        .bind("limit", limit)
        .map(
            (row, context) ->
                new Candidate(
                    row.getString("task_id"),
                    TaskStatus.of(row.getString("status")),
                    Rows.instant(row, "before"),
                    Rows.instant(row, "occurred_at")))
        .list();
  }

  /**
   * What one transaction removed.
   *
   * @param whole false when others of the candidates are to be removed by another one
   */
  record Removal(List<Removed> removed, boolean whole) {
    private static final Removal NONE = new Removal(List.of(), true);
  }

  /**
   * Removes those of them that still are as they were and owe nothing, as many as the archive takes
   * at once.
   *
   * @param archive has them first
   */
  Removal remove(List<Candidate> candidates, Archive archive) {
    if (candidates.isEmpty()) {
      return Removal.NONE;
    }
    return jdbi.inTransaction(
        handle -> {
          if (!handle.createQuery(ALONE).mapTo(Boolean.class).one()) {
            return Removal.NONE;
          }
          archive.deleteBegun();
          List<String> locked = lock(handle, candidates);
          if (locked.isEmpty()) {
            return Removal.NONE;
          }
          // What came while we waited for nobody is seen by the next statements.
          Archive.Wrote wrote = archive.write(handle, locked);
          return wrote.ids().isEmpty()
              ? Removal.NONE
              : new Removal(remove(handle, wrote.ids()), wrote.whole());
        });
  }

  /**
   * What became of some requests.
   *
   * @param last the task of the last one that was looked at
   * @param looked how many were
   * @param removed how many of them are gone
   */
  record Requests(String last, int looked, int removed) {}

  /**
   * Removes the requests of tasks that ended before.
   *
   * @param after behind this task
   * @param limit most of them that are looked at; fewer are all that there are
   */
  Requests removeRequests(Instant before, String after, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(REQUESTS)
                .bind("before", before)
                .bind("bound", TaskId.firstAt(before))
                .bind("after", after)
                .bind("limit", limit)
                .map(
                    (row, context) ->
                        new Requests(
                            row.getString("last"), row.getInt("looked"), row.getInt("removed")))
                .one());
  }

  /**
   * Erases those of the tasks that have ended, whatever they owe.
   *
   * @param also is done in the same transaction, with how many there are, unless there are none
   */
  List<Removed> erase(List<String> taskIds, Instant now, ObjIntConsumer<Handle> also) {
    return jdbi.inTransaction(
        handle -> {
          List<String> ids =
              Columns.of(handle.createQuery(LOCK_ENDED), taskIds)
                  .texts("ids", id -> id)
                  .rest()
                  .mapTo(String.class)
                  .list();
          if (ids.isEmpty()) {
            return List.of();
          }
          also.accept(handle, ids.size());
          handle.execute(COUNTING);
          Columns.of(handle.createUpdate(RECOUNT), ids).texts("ids", id -> id).rest().execute();
          return removed(
              Columns.of(handle.createQuery(ERASE), ids)
                  .texts("ids", id -> id)
                  .uuids("eventIds", id -> EventId.next(now))
                  .rest()
                  .bind("now", now));
        });
  }

  /** Removes what came of tasks while they were erased, of those erased since. */
  void eraseLate(Instant since) {
    jdbi.useHandle(handle -> handle.createUpdate(ERASE_LATE).bind("since", since).execute());
  }

  /**
   * Forgets erasures of before, of which Kafka knows.
   *
   * @param limit most of their events
   * @return how many
   */
  int forgetErased(Instant before, int limit) {
    return jdbi.inTransaction(
        handle ->
            handle.createQuery(ALONE).mapTo(Boolean.class).one()
                ? handle
                    .createQuery(FORGET_ERASED)
                    .bind("before", before)
                    .bind("limit", limit)
                    .mapTo(Integer.class)
                    .one()
                : 0);
  }

  private static List<String> lock(Handle handle, List<Candidate> candidates) {
    return Columns.of(handle.createQuery(LOCK), candidates)
        .texts("ids", Candidate::taskId)
        .texts("statuses", one -> one.status().wireName())
        .written("befores", Candidate::before)
        .rest()
        .mapTo(String.class)
        .list();
  }

  private static List<Removed> remove(Handle handle, List<String> ids) {
    return removed(Columns.of(handle.createQuery(REMOVE), ids).texts("ids", id -> id).rest());
  }

  private static List<Removed> removed(Query statement) {
    return statement
        .bind("currency", UnitPrice.currency())
        .map(
            (row, context) ->
                new Removed(
                    row.getString("id"),
                    row.getString("tenant_id"),
                    TaskStatus.of(row.getString("status")),
                    row.getInt("sequence")))
        .list();
  }

  private static String removal(String unless, String told) {
    return SqlFile.read(
        RemovalStore.class,
        "Remove",
        Map.of(
            "unless",
            unless,
            "told",
            told,
            "unsent",
            CostSql.UNSENT,
            "units",
            CostSql.UNITS,
            "money",
            CostSql.AMOUNT.replace(":unitPrice", "0"),
            "money_at_one",
            CostSql.AMOUNT.replace(":unitPrice", "1")));
  }
}
