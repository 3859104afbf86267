package io.klingtracker.custody;

import io.klingtracker.database.Columns;
import io.klingtracker.database.SqlFile;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.EventId;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.TaskSql;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;

/** Results that are about to be deleted at Kling, found by going through the feeds. */
@Singleton
class ExpiryStore {

  /** Most tenants whose feeds are gone through in one statement. */
  static final int TENANTS = 20;

  /** Most events of each. */
  static final int EVENTS = 200;

  /** The next tenants that have an event which is old enough. */
  private static final String REACH =
      """
      select t.id
      from tenant t left join expiry_place p on p.tenant_id = t.id
        cross join lateral (
          select e.occurred_at from task_event e
          where e.tenant_id = t.id and (e.feed_position, e.id) > (coalesce(p.position, 0), coalesce(p.id, 0))
            and e.feed_position < (select %s)
          order by e.feed_position, e.id limit 1) n
      where t.id > :after and n.occurred_at <= :before
      order by t.id limit %s
      """
          .formatted(TaskSql.SETTLED, TENANTS);

  private static final String TELL =
      SqlFile.read(
          ExpiryStore.class,
          "Expiring",
          Map.of(
              "settled", TaskSql.SETTLED,
              "position", TaskSql.POSITION,
              "time", Rfc3339.SQL_PATTERN));

  /** Who goes through a feed at the same time tells twice. */
  private static final String ALONE =
      "select pg_try_advisory_xact_lock(hashtext('kling-task-tracker/result-expiring'))";

  /** As where tasks are counted: the planner reads and sorts all of a backlog else. */
  private static final String ORDERED = "set local enable_bitmapscan = off";

  private final Jdbi jdbi;

  /**
   * What was told.
   *
   * @param more whether a tenant may have more
   */
  record Told(List<TaskChanged> events, boolean more) {}

  @Inject
  ExpiryStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** Whether this replica is the one that looks. */
  boolean isFirst(ReplicaId me) {
    return jdbi.withHandle(me::isFirst);
  }

  /**
   * The next tenants that have events of before.
   *
   * @param after behind this one
   */
  List<String> reach(String after, Instant before) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(REACH)
                .bind("after", after)
                .bind("before", before)
                .mapTo(String.class)
                .list());
  }

  /**
   * Tells of results of some tenants' tasks that ended before, as far as Kling still has them.
   *
   * @return nothing when another replica does so
   */
  Told tell(List<String> tenants, Instant before, Instant now) {
    List<UUID> ids =
        Stream.generate(() -> EventId.next(now)).limit((long) EVENTS * tenants.size()).toList();
    List<TaskChanged> events = new ArrayList<>();
    boolean more =
        jdbi.inTransaction(
            handle -> {
              if (!handle.createQuery(ALONE).mapTo(Boolean.class).one()) {
                return false;
              }
              handle.execute(ORDERED);
              List<Boolean> rows =
                  Columns.of(handle.createQuery(TELL), tenants)
                      .texts("tenants", tenant -> tenant)
                      .and(ids)
                      .uuids("eventIds", id -> id)
                      .rest()
                      .bind("before", before)
                      .bind("now", now)
                      .bind("limit", EVENTS)
                      .map(
                          (row, context) -> {
                            boolean rest = row.getBoolean("more");
                            if (!rest) {
                              events.add(
                                  new TaskChanged(
                                      row.getString("task_id"),
                                      row.getString("tenant_id"),
                                      row.getInt("sequence"),
                                      TaskStatus.SUCCEED,
                                      false));
                            }
                            return rest;
                          })
                      .list();
              return rows.contains(true);
            });
    return new Told(events, more);
  }
}
