package io.klingtracker.events;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** The outbox: read in order, deleted once Kafka has acknowledged. */
@Singleton
class OutboxStore {

  private static final String LOCK =
      "select pg_try_advisory_lock(hashtext('kling-task-tracker/relay'))";

  private static final String NEXT =
      """
      select o.lane, o.id, o.task_id, o.sequence, e.event_id, e.occurred_at, e.traceparent, e.payload::text as payload
      from generate_series(0, 63) l(lane)
        cross join lateral (select * from outbox x where x.lane = l.lane order by x.id limit :perLane) o
        join task_event e on e.task_id = o.task_id and e.sequence = o.sequence
      order by o.id
      limit :limit
      """;

  private static final String DELETE =
      """
      delete from outbox o using unnest(cast(:lanes as int[]), cast(:ids as bigint[])) as d(lane, id)
      where o.lane = d.lane and o.id = d.id
      """;

  private static final int LANES = 64;

  private final Jdbi jdbi;

  @Inject
  OutboxStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  Handle open() {
    return jdbi.open();
  }

  /**
   * Whether this session is, or now becomes, the one relay. The lock is the session's: it dies with
   * the connection.
   */
  boolean lock(Handle session) {
    return session.createQuery(LOCK).mapTo(Boolean.class).one();
  }

  /** Gives the lock back before the session goes back to the pool. */
  void unlock(Handle session) {
    session.execute("select pg_advisory_unlock_all()");
  }

  List<OutboxMessage> next(Handle session, int limit) {
    return session
        .createQuery(NEXT)
        .bind("perLane", Math.max(1, limit / LANES * 4))
        .bind("limit", limit)
        .map(
            (row, context) ->
                new OutboxMessage(
                    row.getInt("lane"),
                    row.getLong("id"),
                    row.getString("task_id"),
                    row.getInt("sequence"),
                    row.getObject("event_id", UUID.class),
                    row.getTimestamp("occurred_at").toInstant(),
                    row.getString("traceparent"),
                    row.getString("payload")))
        .list();
  }

  void delete(Handle session, List<OutboxMessage> sent) {
    session
        .createUpdate(DELETE)
        .bindArray("lanes", Integer.class, sent.stream().map(OutboxMessage::lane).toList())
        .bindArray("ids", Long.class, sent.stream().map(OutboxMessage::id).toList())
        .execute();
  }
}
