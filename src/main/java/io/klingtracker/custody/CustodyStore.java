package io.klingtracker.custody;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.database.SqlFile;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.time.Rfc3339;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.jdbi.v3.core.statement.Update;
import org.jspecify.annotations.Nullable;

/** The queue of what is to be copied, and the copies. */
@Singleton
class CustodyStore {

  private static final String CLAIM = SqlFile.read(CustodyStore.class, "Claim");

  /**
   * Only whoever holds the claim says what has become of a task's results. Whoever erases the task
   * meanwhile waits, and finds the copy, or is waited for.
   */
  private static final String KEEP =
      """
      insert into custody_copy (tenant_id, task_id, index, type, bytes, sha256, kept_at, object)
      select q.tenant_id, q.task_id, :index, :type, :bytes, :sha256, cast(:now as timestamptz), :object
      from custody_queue q join task t on t.id = q.task_id
      where q.task_id = :task and q.claimed_by = :claim
      for key share of t
      on conflict (task_id, index) do nothing
      """;

  /** As everywhere, the task before what hangs on it. */
  /** In id order, and before their copies, as everywhere. */
  private static final String LOCK =
      "select id from task where id = any(cast(:tasks as text[])) order by id for no key update";

  private static final String DONE =
      "delete from custody_queue where task_id = :task and claimed_by = :claim";

  /** What is ours and not in our hands: its claim's answer, or its settlement, was lost. */
  private static final String LET_GO =
      """
      update custody_queue set claimed_until = null, claimed_by = null
      where claimed_by like :ours and task_id <> all(cast(:held as text[]))
      """;

  private static final String AGAIN =
      """
      update custody_queue set claimed_by = null, claimed_until = null, due_at = :due, reason = :reason
      where task_id = :task and claimed_by = :claim
      """;

  /** What callers see of the copies, and Kafka of the task. */
  private static final String SHOW =
      """
      with shown as (
        update task t set results = (
          select json_agg(json_build_object('index', c.index, 'type', c.type, 'bytes', c.bytes,
            'sha256', encode(c.sha256, 'hex'),
            'kept_at', to_char(c.kept_at at time zone 'UTC', %s)) order by c.index)
          from custody_copy c where c.task_id = t.id and c.erased_at is null)
        where t.id = any(cast(:tasks as text[]))
        returning t.id
      ),
      told as (
        insert into outbox (lane, id, task_id, sequence)
        select outbox_lane(id), outbox_next(), id, 0 from shown
      )
      select id from shown
      """
          .formatted(Rfc3339.SQL_PATTERN);

  private static final String COPY =
      """
      select object, type, bytes, encode(sha256, 'hex') as sha256 from custody_copy
      where tenant_id = :tenant and task_id = :task and index = :index and erased_at is null
      """;

  private static final String OWNER =
      """
      select tenant_id from task where id = :task
      union all
      select tenant_id from custody_copy where task_id = :task and erased_at is null
      limit 1
      """;

  private static final String ERASED =
      """
      select task_id, object from custody_copy where erased_at is not null order by erased_at limit :limit
      """;

  private static final String OLD =
      "select task_id, object from custody_copy where kept_at < :before order by kept_at limit :limit";

  private static final String DELETE =
      """
      delete from custody_copy
      where task_id = any(cast(:tasks as text[])) and object = any(cast(:objects as text[]))
      """;

  private static final String OLDEST = "select min(due_at) from custody_queue where due_at <= :now";

  private static final String WAITING = "select count(*) from custody_queue";

  private final Jdbi jdbi;

  /**
   * A task whose results this replica copies.
   *
   * @param attempts with this one
   * @param claim names the claim
   * @param linkEnds when Kling's links are dead; null when nobody knows
   * @param kept indexes of those that are copied already
   */
  record Claimed(
      String taskId,
      String tenant,
      int attempts,
      String claim,
      @Nullable String result,
      @Nullable Instant linkEnds,
      Set<Integer> kept) {}

  /** A copy to be kept; {@code sha256} has 32 bytes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Copy(int index, MediaType type, long bytes, byte[] sha256, String object) {}

  /** A copy that is kept; {@code sha256} in hex. */
  record Kept(String object, String type, long bytes, String sha256) {}

  /** A copy that is to go. */
  record Gone(String taskId, String object) {}

  @Inject
  CustodyStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * Claims what is due.
   *
   * @param claim see {@link ReplicaId#claim}
   * @param limit tasks at most
   * @param perTenant under way of one tenant, on all replicas together
   */
  List<Claimed> claim(String claim, int limit, int perTenant, Instant now) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(CLAIM)
                .bind("claim", claim)
                .bind("until", now.plus(Presence.CLAIM))
                .bind("limit", limit)
                .bind("perTenant", perTenant)
                .bind("now", now)
                .map((row, context) -> claimed(row))
                .list());
  }

  /**
   * Frees what a replica has claimed and does not work on.
   *
   * @param held the tasks that it does work on
   */
  void letGo(String replica, Collection<String> held) {
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createUpdate(LET_GO), held)
                .texts("held", task -> task)
                .rest()
                .bind("ours", replica + "/%")
                .execute());
  }

  private static Claimed claimed(ResultSet row) throws SQLException {
    Array kept = row.getArray("kept");
    return new Claimed(
        row.getString("task_id"),
        row.getString("tenant_id"),
        row.getInt("attempts"),
        row.getString("claimed_by"),
        row.getString("result"),
        Rows.instantOrNull(row, "result_expires_at"),
        Arrays.stream((Object[]) kept.getArray())
            .map(index -> ((Number) index).intValue())
            .collect(Collectors.toCollection(TreeSet::new)));
  }

  /** Notes a copy; false when the claim is lost, or the task was erased. */
  boolean keep(Claimed claimed, Copy copy, Instant now) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(KEEP)
                    .bind("task", claimed.taskId())
                    .bind("claim", claimed.claim())
                    .bind("index", copy.index())
                    .bind("type", copy.type().wireName())
                    .bind("bytes", copy.bytes())
                    .bind("sha256", copy.sha256())
                    .bind("object", copy.object())
                    .bind("now", now)
                    .execute())
        > 0;
  }

  /** Ends the claim, since nothing is left to do; shows the copies if there are new ones. */
  void done(Claimed claimed, boolean news) {
    end(claimed, news, handle -> handle.createUpdate(DONE));
  }

  /** Ends the claim, to try again later; shows the copies if there are new ones. */
  void again(Claimed claimed, boolean news, Instant due, String reason) {
    end(
        claimed,
        news,
        handle -> handle.createUpdate(AGAIN).bind("due", due).bind("reason", reason));
  }

  /** How a claim ends. */
  private interface End {
    Update statement(Handle handle);
  }

  private void end(Claimed claimed, boolean news, End end) {
    jdbi.useTransaction(
        handle -> {
          lock(handle, List.of(claimed.taskId()));
          end.statement(handle)
              .bind("task", claimed.taskId())
              .bind("claim", claimed.claim())
              .execute();
          if (news) {
            show(handle, List.of(claimed.taskId()));
          }
        });
  }

  private static void lock(Handle handle, Collection<String> tasks) {
    Columns.of(handle.createQuery(LOCK), tasks)
        .texts("tasks", task -> task)
        .rest()
        .mapTo(String.class)
        .list();
  }

  private static void show(Handle handle, Collection<String> tasks) {
    Columns.of(handle.createQuery(SHOW), tasks)
        .texts("tasks", task -> task)
        .rest()
        .mapTo(String.class)
        .list();
  }

  /** One of a task's copies. */
  Optional<Kept> copy(String tenant, String taskId, int index) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(COPY)
                .bind("tenant", tenant)
                .bind("task", taskId)
                .bind("index", index)
                .map(
                    (row, context) ->
                        new Kept(
                            row.getString("object"),
                            row.getString("type"),
                            row.getLong("bytes"),
                            row.getString("sha256")))
                .findOne());
  }

  /** Whose task it is, or was as long as there are copies of it. */
  Optional<String> owner(String taskId) {
    return jdbi.withHandle(
        handle -> handle.createQuery(OWNER).bind("task", taskId).mapTo(String.class).findFirst());
  }

  /** Copies of erased tasks. */
  List<Gone> erased(int limit) {
    return jdbi.withHandle(handle -> gone(handle.createQuery(ERASED).bind("limit", limit)));
  }

  /** The oldest copies that were made before. */
  List<Gone> old(Instant before, int limit) {
    return jdbi.withHandle(
        handle -> gone(handle.createQuery(OLD).bind("before", before).bind("limit", limit)));
  }

  private static List<Gone> gone(Query query) {
    return query
        .map((row, context) -> new Gone(row.getString("task_id"), row.getString("object")))
        .list();
  }

  /**
   * Forgets copies whose objects are deleted; their tasks, as far as there are, show them no more.
   */
  void forget(List<Gone> gone) {
    Set<String> tasks =
        gone.stream().map(Gone::taskId).collect(Collectors.toCollection(TreeSet::new));
    jdbi.useTransaction(
        handle -> {
          lock(handle, tasks);
          Columns.of(handle.createUpdate(DELETE), gone)
              .texts("objects", Gone::object)
              .and(tasks)
              .texts("tasks", task -> task)
              .rest()
              .execute();
          show(handle, tasks);
        });
  }

  /** Since when the oldest task waits that is due; empty when none is. */
  Optional<Instant> oldest(Instant now) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OLDEST)
                .bind("now", now)
                .map((row, context) -> Optional.ofNullable(Rows.instantOrNull(row, "min")))
                .one());
  }

  /** How many tasks have results to copy. */
  long waiting() {
    return jdbi.withHandle(handle -> handle.createQuery(WAITING).mapTo(Long.class).one());
  }
}
