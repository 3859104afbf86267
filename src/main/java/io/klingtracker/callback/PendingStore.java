package io.klingtracker.callback;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.UpstreamRef;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;

/** The callbacks whose news has not been processed: claims, and what becomes of them. */
@Singleton
class PendingStore {

  /**
   * Ours that are still claimed are from a run that failed, since one thread of a replica processes
   * them. They are taken again, the later the more often they failed: what fails whatever is tried
   * keeps nobody else waiting.
   */
  private static final String IS_DUE =
      """
      due_at <= :now and (claimed_until is null or claimed_until < :now
        or claimed_by = :owner and claimed_until <= cast(:until as timestamptz)
          - least(:retryCap, :retryFirst * power(2, least(attempts, 20) - 1)) * interval '1 millisecond')
      """;

  /** Of what is due the oldest that are not too much together. Only lengths are read here. */
  private static final String SIZED =
      """
      sized as (
        select d.receipt_id, row_number() over oldest as place,
          coalesce(sum(octet_length(r.body)) over oldest, 0) as bytes
        from due d left join callback_receipt r on r.id = d.receipt_id
        window oldest as (order by d.due_at, d.receipt_id rows unbounded preceding)
      ),
      few as (select receipt_id, place from sized where bytes <= :bytes or place = 1)""";

  private static final String CLAIM_DUE =
      """
      with due as (
        select receipt_id, due_at from callback_pending
        where %s
        order by due_at, receipt_id limit :limit
        for update skip locked
      ),
      %s,
      claimed as (
        update callback_pending p set claimed_until = cast(:until as timestamptz), claimed_by = :owner,
          attempts = p.attempts + 1
        from few d where p.receipt_id = d.receipt_id
        returning p.receipt_id, p.attempts
      )
      select r.id as receipt_id, r.task_id, r.body, r.signed, r.received_at, c.attempts, t.kind, t.upstream_model,
        coalesce(t.account, o.account, '') as account, t.status::text as status, t.kling_task_id, t.external_task_id,
        o.task_id is not null as open, coalesce(d.lost, 0) > 0 as lost, t.tracked, o.unnamed,
        coalesce(t.dispatched_at, t.created_at) as started_at, o.next_check_at, o.lead_millis
      from claimed c join callback_receipt r on r.id = c.receipt_id
        left join task t on t.id = r.task_id left join open_task o on o.task_id = r.task_id
        left join dispatch_queue d on d.task_id = r.task_id
      order by r.id
      """;

  private static final String CLAIM = CLAIM_DUE.formatted(IS_DUE, SIZED);

  private static final String CLAIM_ONLY =
      CLAIM_DUE.formatted(IS_DUE + " and receipt_id = any(:only)", SIZED);

  private static final String DUE =
      """
      with due as (
        select receipt_id, due_at from callback_pending p where %s
          and not exists (select from set_aside a where a.kind = 'callback' and a.key = p.receipt_id::text)
        order by due_at, receipt_id limit :limit
      ),
      %s
      select receipt_id from few order by place
      """
          .formatted(IS_DUE, SIZED);

  /** A receipt that the sweep took away meanwhile leaves only its place in the queue. */
  private static final String SETTLE =
      """
      with given as (
        select * from unnest(cast(:ids as int8[]), cast(:verdicts as text[])) as g(id, verdict)
      ),
      done as (delete from callback_pending p using given g where p.receipt_id = g.id)
      update callback_receipt r set verdict = g.verdict from given g where r.id = g.id and r.verdict <> g.verdict
      """;

  private static final String LATER =
      """
      update callback_pending set claimed_until = null, claimed_by = null, due_at = :due
      where receipt_id = :id and claimed_by = :owner
      """;

  private static final String SET_ASIDE = "delete from callback_pending where receipt_id = :id";

  private static final String PUT_BACK =
      """
      with back as (update callback_receipt set verdict = 'pending' where id = :id returning id)
      insert into callback_pending (receipt_id, due_at) select id, cast(:now as timestamptz) from back
      on conflict (receipt_id) do nothing
      """;

  private static final String OLDEST =
      "select received_at from callback_receipt where id = (select min(receipt_id) from callback_pending)";

  /** The wait before a callback is tried again whose task was held by somebody; it doubles … */
  static final Duration RETRY_FIRST = Duration.ofMillis(100);

  /** … up to this. */
  static final Duration RETRY_CAP = Duration.ofSeconds(30);

  /** Of the heap, for the bodies of one claim; what is read of them takes some times as much. */
  private static final int HEAP_PARTS = 32;

  private final Jdbi jdbi;
  private final Clock clock;
  private final long claimBytes;
  private final String owner;

  @Inject
  PendingStore(Jdbi jdbi, Clock clock, ReplicaId me) {
    this(jdbi, clock, me, Runtime.getRuntime().maxMemory() / HEAP_PARTS);
  }

  /**
   * With another bound of a claim.
   *
   * @param claimBytes how long the bodies of one claim may be together; one alone may be longer
   */
  PendingStore(Jdbi jdbi, Clock clock, ReplicaId me, long claimBytes) {
    this.jdbi = jdbi;
    this.owner = me.id();
    this.claimBytes = claimBytes;
    this.clock = clock;
  }

  /** Claims callbacks that are to be processed, oldest first. */
  List<PendingCallback> claim(int limit) {
    return jdbi.withHandle(
        handle -> due(handle, CLAIM, limit).map((row, context) -> pending(row)).list());
  }

  /** Whether there may be more than was claimed: it was bounded by number or by bytes. */
  boolean isFull(List<PendingCallback> claimed, int limit, int longest) {
    long bytes = claimed.stream().mapToLong(callback -> callback.body().length).sum();
    return claimed.size() >= limit || bytes + longest > claimBytes;
  }

  /** Which are due and not set aside. */
  List<Long> due(int limit) {
    return jdbi.withHandle(handle -> due(handle, DUE, limit).mapTo(Long.class).list());
  }

  /** Claims some of those. */
  List<PendingCallback> claim(List<Long> only) {
    return jdbi.withHandle(
        handle ->
            Columns.of(due(handle, CLAIM_ONLY, only.size()), only)
                .longs("only", id -> id)
                .rest()
                .map((row, context) -> pending(row))
                .list());
  }

  private Query due(Handle handle, String statement, int limit) {
    Instant now = clock.instant();
    return handle
        .createQuery(statement)
        .bind("now", now)
        .bind("until", now.plus(Presence.CLAIM))
        .bind("owner", owner)
        .bind("retryFirst", RETRY_FIRST.toMillis())
        .bind("retryCap", RETRY_CAP.toMillis())
        .bind("limit", limit)
        .bind("bytes", claimBytes);
  }

  /** These are processed, each with its verdict. */
  void settle(Map<Long, String> verdicts) {
    if (!verdicts.isEmpty()) {
      List<Map.Entry<Long, String>> sorted =
          verdicts.entrySet().stream().sorted(Map.Entry.comparingByKey()).toList();
      jdbi.useHandle(
          handle ->
              Columns.of(handle.createUpdate(SETTLE), sorted)
                  .longs("ids", Map.Entry::getKey)
                  .texts("verdicts", Map.Entry::getValue)
                  .rest()
                  .execute());
    }
  }

  /** This one is tried again. */
  void later(PendingCallback callback, Instant due) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(LATER)
                .bind("id", callback.receiptId())
                .bind("owner", owner)
                .bind("due", due)
                .execute());
  }

  /** Takes it out of the queue until somebody has it tried again. */
  void setAside(Handle handle, PendingCallback callback) {
    handle.createUpdate(SET_ASIDE).bind("id", callback.receiptId()).execute();
  }

  /** See {@link #setAside}; nothing happens when its receipt is gone. */
  void putBack(Handle handle, long receiptId, Instant now) {
    handle.createUpdate(PUT_BACK).bind("id", receiptId).bind("now", now).execute();
  }

  /** When the oldest came that waits. */
  Optional<Instant> oldest() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OLDEST)
                .map((row, context) -> Rows.instant(row, "received_at"))
                .findOne());
  }

  private static PendingCallback pending(ResultSet row) throws SQLException {
    String status = row.getString("status");
    return new PendingCallback(
        row.getLong("receipt_id"),
        row.getString("task_id"),
        row.getBytes("body"),
        row.getBoolean("signed"),
        Rows.instant(row, "received_at"),
        row.getInt("attempts"),
        status == null ? null : state(row, TaskStatus.of(status)));
  }

  private static PendingCallback.TaskState state(ResultSet row, TaskStatus status)
      throws SQLException {
    return new PendingCallback.TaskState(
        new UpstreamRef(
            row.getString("task_id"),
            row.getString("kind"),
            row.getString("upstream_model"),
            row.getString("account")),
        status,
        row.getString("kling_task_id"),
        row.getString("external_task_id"),
        row.getBoolean("open"),
        row.getBoolean("lost"),
        row.getBoolean("tracked"),
        row.getBoolean("unnamed"),
        Rows.instant(row, "started_at"),
        Rows.instantOrNull(row, "next_check_at"),
        row.getObject("lead_millis", Long.class));
  }
}
