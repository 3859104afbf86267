package io.klingtracker.counts;

import io.klingtracker.database.Columns;
import io.klingtracker.database.SqlFile;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.TaskSql;
import io.klingtracker.task.TaskStatus;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * The sums of tasks by hour and status. They are brought on by whole ranges of a tenant's feed,
 * together with the place up to which they are, so that each event counts once, whoever is cut
 * short.
 */
@Singleton
class SumStore {

  /** Most tenants whose events are counted in one statement. */
  static final int TENANTS = 20;

  /** Most events of each. */
  static final int EVENTS = 500;

  /**
   * The planner cannot know how long a backlog is. It takes it for short, reads all of it and sorts
   * it.
   */
  static final String ORDERED = "set local enable_bitmapscan = off";

  /** Up to which event each of the next tenants can be counted that have some to count. */
  static final String REACH =
      """
      select t.id as tenant, n.feed_position, n.id, n.events
      from tenant t left join task_sum_place p on p.tenant_id = t.id
        cross join lateral (
          select r.feed_position, r.id, count(*) over () as events
          from (
            select e.feed_position, e.id from task_event e
            where e.tenant_id = t.id and (e.feed_position, e.id) > (coalesce(p.position, 0), coalesce(p.id, 0))
              and e.feed_position < (select %s)
            order by e.feed_position, e.id limit %s) r
          order by r.feed_position desc, r.id desc limit 1) n
      where t.id > :after
      order by t.id limit %s
      """
          .formatted(TaskSql.SETTLED, EVENTS, TENANTS);

  static final String ADD =
      SqlFile.read(SumStore.class, "Add", Map.of("events", String.valueOf(EVENTS)));

  /** Who counts at the same time counts twice. */
  private static final String ALONE = "select pg_try_advisory_xact_lock(" + TaskSql.COUNTING + ")";

  /** Most statuses are left again: their sums would stay as rows of nothing. */
  private static final String TIDY =
      "delete from task_sum where ctid = any(cast(cast(:places as text[]) as tid[]))";

  /**
   * Where no time is asked for, the sums of all hours are. An hour that retention took may be left
   * below nothing by a task of it that changes.
   */
  static final String COUNTS =
      """
      select status::text as status, kind, nullif(model, '') as model, sum(tasks)::bigint as tasks
      from task_sum
      where tenant_id = :tenant and %s
        and (cast(:status as text) is null or status = cast(:status as task_status))
        and (cast(:kind as text) is null or kind = :kind)
        and (cast(:model as text) is null or model = :model)
      group by 1, 2, 3 having sum(tasks) > 0
      order by 1, 2, 3 limit :limit
      """;

  static final String OF_ALL = "hour = '-infinity'";

  static final String SINCE = "hour >= date_trunc('hour', cast(:since as timestamptz), 'UTC')";

  private static final String HAS_KIND =
      "select exists (select from task_sum where tenant_id = :tenant and hour = '-infinity' and kind = :kind)";

  private final Jdbi jdbi;

  /**
   * Up to where a tenant can be counted.
   *
   * @param position {@code task_event.feed_position} of the last event
   * @param id its {@code task_event.id}
   * @param more whether there may be others behind it
   */
  record Reach(String tenant, long position, long id, boolean more) {}

  /**
   * Which tasks are asked for; null is any.
   *
   * @param since those created in its hour or later
   */
  record Filter(
      @Nullable TaskStatus status,
      @Nullable String kind,
      @Nullable String model,
      @Nullable Instant since) {}

  @Inject
  SumStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  boolean isFirst(ReplicaId me) {
    return jdbi.withHandle(me::isFirst);
  }

  /**
   * The next tenants that have events to count, by id.
   *
   * @param after behind this tenant
   * @return fewer than {@link #TENANTS} are all
   */
  List<Reach> reach(String after) {
    return jdbi.inTransaction(
        handle -> {
          handle.execute(ORDERED);
          return handle
              .createQuery(REACH)
              .bind("after", after)
              .map(
                  (row, context) ->
                      new Reach(
                          row.getString("tenant"),
                          row.getLong("feed_position"),
                          row.getLong("id"),
                          row.getInt("events") == EVENTS))
              .list();
        });
  }

  /** Counts what is not counted yet up to there, unless somebody else is at it. */
  void add(List<Reach> reached) {
    jdbi.useTransaction(
        handle -> {
          // The next statement sees what the one before us has counted.
          if (handle.createQuery(ALONE).mapTo(Boolean.class).one()) {
            add(handle, reached);
          }
        });
  }

  private static void add(Handle handle, List<Reach> reached) {
    handle.execute(ORDERED);
    List<String> nothing =
        Columns.of(handle.createQuery(ADD), reached)
            .texts("tenants", Reach::tenant)
            .longs("positions", Reach::position)
            .longs("ids", Reach::id)
            .rest()
            .map((row, context) -> row.getLong("tasks") == 0 ? row.getString("place") : "")
            .filter(place -> !place.isEmpty())
            .list();
    if (!nothing.isEmpty()) {
      Columns.of(handle.createUpdate(TIDY), nothing)
          .texts("places", place -> place)
          .rest()
          .execute();
    }
  }

  /** How many tasks a tenant has, by status, kind and model; at most {@code limit} lines. */
  List<CountsResource.Count> counts(String tenant, Filter filter, int limit) {
    TaskStatus status = filter.status();
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(COUNTS.formatted(filter.since() == null ? OF_ALL : SINCE))
                .bindMap(filter.since() == null ? Map.of() : Map.of("since", filter.since()))
                .bind("tenant", tenant)
                .bind("status", status == null ? null : status.wireName())
                .bind("kind", filter.kind())
                .bind("model", filter.model())
                .bind("limit", limit)
                .map(
                    (row, context) ->
                        new CountsResource.Count(
                            row.getString("status"),
                            row.getString("kind"),
                            row.getString("model"),
                            row.getLong("tasks")))
                .list());
  }

  /** Whether a tenant ever had a task of this kind, whether or not that was removed. */
  boolean hasKind(String tenant, String kind) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(HAS_KIND)
                .bind("tenant", tenant)
                .bind("kind", kind)
                .mapTo(Boolean.class)
                .one());
  }
}
