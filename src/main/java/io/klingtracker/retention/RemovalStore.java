package io.klingtracker.retention;

import io.klingtracker.catalog.UnitPrice;
import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.database.SqlFile;
import io.klingtracker.task.CostSql;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskSql;
import io.klingtracker.task.TaskStatus;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** Finds tasks that are old enough, and removes them with all that hangs on them. */
@Singleton
class RemovalStore {

  static final String CANDIDATES = SqlFile.read(RemovalStore.class, "Candidates");

  /**
   * Nobody can tell the planner how much is old enough. It takes that for little, reads all of it
   * and sorts it: five seconds for five hundred of a million.
   */
  static final String ORDERED = "set local enable_bitmapscan = off";

  private static final String REMOVE =
      SqlFile.read(
          RemovalStore.class,
          "Remove",
          Map.of(
              "position", TaskSql.POSITION,
              "unsent", CostSql.UNSENT,
              "units", CostSql.UNITS,
              "money", CostSql.AMOUNT.replace(":unitPrice", "0"),
              "money_at_one", CostSql.AMOUNT.replace(":unitPrice", "1")));

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

  /**
   * The rate is that of all replicas together: the first of those that live is the one that
   * removes.
   */
  private static final String FIRST = "select coalesce(min(id) = :me, false) from replica";

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

  /** A task that is no more. */
  record Removed(String taskId, String tenant) {}

  @Inject
  RemovalStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** Whether this replica is the one that removes. */
  boolean isFirst(String replica) {
    return jdbi.withHandle(
        handle -> handle.createQuery(FIRST).bind("me", replica).mapTo(Boolean.class).one());
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

  /** Removes those of them that still are as they were and owe nothing. */
  List<Removed> remove(List<Candidate> candidates) {
    if (candidates.isEmpty()) {
      return List.of();
    }
    return jdbi.inTransaction(
        handle -> {
          if (!handle.createQuery(ALONE).mapTo(Boolean.class).one()) {
            return List.of();
          }
          List<String> locked = lock(handle, candidates);
          // What came while we waited for nobody is seen by the next statement.
          return locked.isEmpty() ? new ArrayList<Removed>() : remove(handle, locked);
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
    return handle
        .createQuery(REMOVE)
        .bindArray("ids", String.class, ids)
        .bind("currency", UnitPrice.currency())
        .map((row, context) -> new Removed(row.getString("id"), row.getString("tenant_id")))
        .list();
  }
}
