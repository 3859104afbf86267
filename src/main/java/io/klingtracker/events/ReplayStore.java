package io.klingtracker.events;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.SqlStatement;

/**
 * Events to send again, tenant by tenant in the feed's order, which keeps each task's. Those still
 * in the outbox are left to the relay: sent from here they could overtake an earlier one.
 */
@Singleton
class ReplayStore {

  private static final String WHERE =
      """
      where (cast(:task as text) is null or e.task_id = :task)
        and (cast(:tenant as text) is null or e.tenant_id = :tenant)
        and (cast(:from as timestamptz) is null or e.occurred_at >= cast(:from as timestamptz))
        and (cast(:to as timestamptz) is null or e.occurred_at < cast(:to as timestamptz))
        and not exists (select from outbox o where o.lane = outbox_lane(e.task_id) and o.id = e.id)
      """;

  private static final String COUNT = "select count(*) from task_event e " + WHERE;

  private static final String PAGE =
      """
      select e.tenant_id, e.feed_position, e.id, e.task_id, e.sequence, e.event_id, e.occurred_at, e.traceparent,
        e.payload::text as payload
      from task_event e
      """
          + WHERE
          + """
        and (e.tenant_id, e.feed_position, e.id) > (:afterTenant, :afterPosition, :afterId)
      order by e.tenant_id, e.feed_position, e.id
      limit :limit
      """;

  private final Jdbi jdbi;

  @Inject
  ReplayStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** Where a replay stands. */
  record Place(String tenant, long position, long id) {
    static final Place START = new Place("", 0, 0);
  }

  /** An event and its place. */
  record Replayed(Place place, OutboxMessage message) {}

  long count(Replays.Selection selection) {
    return jdbi.withHandle(
        handle -> bind(handle.createQuery(COUNT), selection).mapTo(Long.class).one());
  }

  List<Replayed> page(Replays.Selection selection, Place after, int limit) {
    return jdbi.withHandle(
        handle ->
            bind(handle.createQuery(PAGE), selection)
                .bind("afterTenant", after.tenant())
                .bind("afterPosition", after.position())
                .bind("afterId", after.id())
                .bind("limit", limit)
                .map(
                    (row, context) ->
                        new Replayed(
                            new Place(
                                row.getString("tenant_id"),
                                row.getLong("feed_position"),
                                row.getLong("id")),
                            new OutboxMessage(
                                0,
                                row.getLong("id"),
                                row.getString("task_id"),
                                row.getInt("sequence"),
                                row.getObject("event_id", UUID.class),
                                row.getTimestamp("occurred_at").toInstant(),
                                row.getString("traceparent"),
                                row.getString("payload"),
                                null)))
                .list());
  }

  private static <T extends SqlStatement<T>> T bind(T statement, Replays.Selection selection) {
    return statement
        .bind("task", selection.taskId())
        .bind("tenant", selection.tenant())
        .bind("from", selection.from())
        .bind("to", selection.to());
  }
}
