package io.klingtracker.events;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.SqlStatement;

/**
 * Replays, and the events that they send again, tenant by tenant in the feed's order, which keeps
 * each task's. Those still in the outbox are left to the relay: sent from here they could overtake
 * an earlier one.
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

  private static final String ASK =
      """
      insert into event_replay (id, task_id, tenant_id, from_at, to_at, events, requested_at)
      values (:replay, :task, :tenant, cast(:from as timestamptz), cast(:to as timestamptz), :events,
        cast(:now as timestamptz))
      on conflict (state) where state = 'running' do nothing
      """;

  private static final String FORGET =
      """
      delete from event_replay where state <> 'running' and id in (
        select id from event_replay order by requested_at desc offset :keep)
      """;

  private static final String CLAIM =
      """
      update event_replay set claimed_by = :owner, claimed_until = cast(:until as timestamptz)
      where id = (
        select id from event_replay
        where state = 'running'
          and (claimed_until is null or claimed_until < cast(:now as timestamptz) or claimed_by = :owner)
        limit 1 for update skip locked)
      returning *
      """;

  /** Nothing is written by a replica whose claim somebody else has by now. */
  private static final String ADVANCE =
      """
      update event_replay set sent = sent + :sent, skipped = skipped + :skipped,
        after_tenant = :afterTenant, after_position = :afterPosition, after_id = :afterId
      where id = :replay and state = 'running' and claimed_by = :owner
      """;

  private static final String FINISH =
      """
      update event_replay set state = 'done', finished_at = cast(:now as timestamptz)
      where id = :replay and state = 'running' and claimed_by = :owner
      """;

  private static final String CANCEL =
      """
      update event_replay set state = 'canceled', finished_at = cast(:now as timestamptz) where state = 'running'
      returning *
      """;

  private static final String RELEASE =
      "update event_replay set claimed_by = null, claimed_until = null where state = 'running' and claimed_by = :owner";

  private static final String LATEST =
      "select * from event_replay order by requested_at desc, id limit 1";

  private final Jdbi jdbi;

  @Inject
  ReplayStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** How far a replay is. */
  record Position(String tenant, long position, long id) {}

  /** An event and its position. */
  record Replayed(Position position, OutboxMessage message) {}

  long count(Replays.Selection selection) {
    return jdbi.withHandle(
        handle -> bind(handle.createQuery(COUNT), selection).mapTo(Long.class).one());
  }

  List<Replayed> page(Replays.Selection selection, Position after, int limit) {
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
                            new Position(
                                row.getString("tenant_id"),
                                row.getLong("feed_position"),
                                row.getLong("id")),
                            new OutboxMessage(
                                OutboxMessage.Kind.EVENT,
                                0,
                                row.getLong("id"),
                                row.getString("task_id"),
                                row.getInt("sequence"),
                                row.getObject("event_id", UUID.class),
                                row.getTimestamp("occurred_at").toInstant(),
                                row.getString("traceparent"),
                                Map.of(),
                                null,
                                row.getString("payload"),
                                0,
                                null)))
                .list());
  }

  /**
   * Notes a replay that is to be.
   *
   * @param keep how many are remembered
   * @return false when one is under way
   */
  boolean ask(UUID replay, Replays.Selection selection, long events, Instant now, int keep) {
    return jdbi.inTransaction(
        handle -> {
          handle.createUpdate(FORGET).bind("keep", Math.max(0, keep - 1)).execute();
          return bind(handle.createUpdate(ASK), selection)
                  .bind("replay", replay)
                  .bind("events", events)
                  .bind("now", now)
                  .execute()
              == 1;
        });
  }

  /** The replay under way, if it is this replica's or nobody's. */
  Optional<Replays.Replay> claim(String owner, Instant now, Instant until) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(CLAIM)
                .bind("owner", owner)
                .bind("now", now)
                .bind("until", until)
                .map((row, context) -> replay(row))
                .findOne());
  }

  /** Kafka has another page; false when the replay is not this replica's any more. */
  boolean advance(UUID replay, String owner, Position position, int sent, int skipped) {
    return jdbi.withHandle(
        handle ->
            handle
                    .createUpdate(ADVANCE)
                    .bind("replay", replay)
                    .bind("owner", owner)
                    .bind("sent", sent)
                    .bind("skipped", skipped)
                    .bind("afterTenant", position.tenant())
                    .bind("afterPosition", position.position())
                    .bind("afterId", position.id())
                    .execute()
                == 1);
  }

  void finish(UUID replay, String owner, Instant now) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(FINISH)
                .bind("replay", replay)
                .bind("owner", owner)
                .bind("now", now)
                .execute());
  }

  /** Ends the replay under way after its page. */
  Optional<Replays.Replay> cancel(Instant now) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(CANCEL)
                .bind("now", now)
                .map((row, context) -> replay(row))
                .findOne());
  }

  /** Lets another replica continue at once. */
  void release(String owner) {
    jdbi.useHandle(handle -> handle.createUpdate(RELEASE).bind("owner", owner).execute());
  }

  /** The replay that was asked for last. */
  Optional<Replays.Replay> latest() {
    return jdbi.withHandle(
        handle -> handle.createQuery(LATEST).map((row, context) -> replay(row)).findOne());
  }

  private static Replays.Replay replay(ResultSet row) throws SQLException {
    Timestamp from = row.getTimestamp("from_at");
    return new Replays.Replay(
        row.getObject("id", UUID.class),
        new Replays.Selection(
            row.getString("task_id"),
            row.getString("tenant_id"),
            from == null ? null : from.toInstant(),
            row.getTimestamp("to_at").toInstant()),
        new Position(
            row.getString("after_tenant"), row.getLong("after_position"), row.getLong("after_id")),
        row.getString("state"),
        row.getLong("events"),
        row.getLong("sent"),
        row.getLong("skipped"));
  }

  private static <T extends SqlStatement<T>> T bind(T statement, Replays.Selection selection) {
    return statement
        .bind("task", selection.taskId())
        .bind("tenant", selection.tenant())
        .bind("from", selection.from())
        .bind("to", selection.to());
  }
}
