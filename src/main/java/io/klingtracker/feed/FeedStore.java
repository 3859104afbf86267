package io.klingtracker.feed;

import io.klingtracker.database.Columns;
import io.klingtracker.task.TaskSql;
import io.klingtracker.task.TaskStatus;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/**
 * Reads of {@code task_event} in the feed's order.
 *
 * <p>An event's {@code feed_position} is the number of the transaction that wrote it, shifted as
 * {@code feed_epoch} says, or its task's previous position if that is higher. A reader is shown
 * positions below {@code pg_snapshot_xmin(pg_current_snapshot())}, likewise shifted, only: every
 * transaction with a lower number has ended, so whatever is still to come is at that position or
 * above, hence behind every cursor given out so far.
 */
@Singleton
class FeedStore {

  private static final String COLUMNS =
      "e.feed_position, e.id, e.task_id, e.sequence, e.event_id, e.status::text as status, e.payload::text as payload";

  /** Bytes of events that are read at once, of one tenant or task; one event is always read. */
  static final int MAX_BYTES = 4 << 20;

  private static final String PAGE =
      """
      select * from (
        select e.*, sum(octet_length(payload)) over (order by feed_position, id) - octet_length(payload) as bytes_before
        from (
          select %s from task_event e
          where e.tenant_id = :tenant and (e.feed_position, e.id) > (:position, :id)
            and e.feed_position < %s
          order by e.feed_position, e.id
          limit :limit) e
      ) placed where bytes_before < :maxBytes order by feed_position, id
      """
          .formatted(COLUMNS, TaskSql.SETTLED);

  /** The news of all tenants that somebody follows, in one statement. */
  private static final String NEWS =
      """
      select * from (
        select w.tenant, e.*,
          sum(octet_length(payload)) over (partition by w.tenant order by e.feed_position, e.id) - octet_length(payload)
            as bytes_before
        from unnest(cast(:tenants as text[]), cast(:positions as bigint[]), cast(:ids as bigint[]))
            as w(tenant, position, id)
          cross join lateral (
            select %s from task_event e
            where e.tenant_id = w.tenant and (e.feed_position, e.id) > (w.position, w.id)
              and e.feed_position < %s
            order by e.feed_position, e.id
            limit :limit) e
      ) placed where bytes_before < :maxBytes order by tenant, feed_position, id
      """
          .formatted(COLUMNS, TaskSql.SETTLED);

  private static final String HEAD = "select " + TaskSql.SETTLED + " - 1";

  /** What was erased stood there too. */
  private static final String PLACE =
      """
      select feed_position, id from task_event where event_id = :eventId and tenant_id = :tenant
      union all
      select feed_position, id from erased_event where event_id = :eventId and tenant_id = :tenant
      """;

  private static final String REMOVALS =
      """
      select coalesce(max(removal), 0) as newest,
        coalesce(bool_or(removal > :known and (position, id) > (:position, :id)), false) as missed
      from feed_removed where tenant_id = :tenant
      """;

  private static final String OF_TASK =
      """
      select * from (
        select e.*, sum(octet_length(payload)) over (order by sequence) - octet_length(payload) as bytes_before
        from (
          select %s from task_event e where e.task_id = :task and e.sequence > :after
          order by e.sequence
          limit :limit) e
      ) placed where bytes_before < :maxBytes order by sequence
      """
          .formatted(COLUMNS);

  private static final String SEQUENCES =
      "select id, sequence from task where id = any(cast(:ids as text[]))";

  private final Jdbi jdbi;

  @Inject
  FeedStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  List<FeedEvent> page(String tenant, Cursor after, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(PAGE)
                .bind("tenant", tenant)
                .bind("position", after.position())
                .bind("id", after.id())
                .bind("limit", limit)
                .bind("maxBytes", MAX_BYTES)
                .map((row, context) -> event(row))
                .list());
  }

  /** Per tenant what follows its cursor, at most {@code limit} events each. */
  Map<String, List<FeedEvent>> news(Map<String, Cursor> cursors, int limit) {
    Map<String, List<FeedEvent>> news = new HashMap<>();
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createQuery(NEWS), cursors.entrySet())
                .texts("tenants", Map.Entry::getKey)
                .longs("positions", entry -> entry.getValue().position())
                .longs("ids", entry -> entry.getValue().id())
                .rest()
                .bind("limit", limit)
                .bind("maxBytes", MAX_BYTES)
                .map(
                    (row, context) ->
                        news.computeIfAbsent(row.getString("tenant"), name -> new ArrayList<>())
                            .add(event(row)))
                .list());
    return news;
  }

  /** Behind everything that can be read now. */
  Cursor head() {
    return jdbi.withHandle(
        handle -> new Cursor(handle.createQuery(HEAD).mapTo(Long.class).one(), Cursor.LAST_ID));
  }

  Optional<Cursor> placeOf(String tenant, UUID eventId) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(PLACE)
                .bind("tenant", tenant)
                .bind("eventId", eventId)
                .map((row, context) -> new Cursor(row.getLong(1), row.getLong(2)))
                .findOne());
  }

  /**
   * What retention took of a tenant's feed.
   *
   * @param newest the last removal; 0 when there was none
   * @param missed whether a reader has not read something that is gone by now
   */
  record Removals(long newest, boolean missed) {}

  /** What a reader has to know of removals, to be asked after its page was read. */
  Removals removals(String tenant, Bookmark reader) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(REMOVALS)
                .bind("tenant", tenant)
                .bind("known", reader.removal())
                .bind("position", reader.cursor().position())
                .bind("id", reader.cursor().id())
                .map(
                    (row, context) -> new Removals(row.getLong("newest"), row.getBoolean("missed")))
                .one());
  }

  /** One task's events after a sequence. */
  List<FeedEvent> ofTask(String taskId, int after, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OF_TASK)
                .bind("task", taskId)
                .bind("after", after)
                .bind("limit", limit)
                .bind("maxBytes", MAX_BYTES)
                .map((row, context) -> event(row))
                .list());
  }

  /** How far tasks are by now. */
  Map<String, Integer> sequences(Collection<String> taskIds) {
    Map<String, Integer> sequences = new HashMap<>();
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createQuery(SEQUENCES), taskIds)
                .texts("ids", id -> id)
                .rest()
                .map((row, context) -> sequences.put(row.getString(1), row.getInt(2)))
                .list());
    return sequences;
  }

  private static FeedEvent event(ResultSet row) throws SQLException {
    String status = row.getString("status");
    return new FeedEvent(
        new Cursor(row.getLong("feed_position"), row.getLong("id")),
        row.getString("task_id"),
        row.getInt("sequence"),
        row.getObject("event_id", UUID.class),
        status == null ? null : TaskStatus.of(status),
        row.getString("payload"));
  }
}
