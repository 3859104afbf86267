package io.klingtracker.callback;

import io.klingtracker.database.Columns;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.TaskStatus;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/** Receipts of callbacks, and those of them whose news has not been processed. */
@Singleton
class ReceiptStore {

  /**
   * Stores a batch, each with its place in the queue if there is news in it. Takes no lock of a
   * task: whoever holds one does not hold up Kling's callbacks. Rows are written in one order, so
   * that two batches cannot deadlock.
   */
  private static final String KEEP =
      """
      with given as (
        select task_id, decode(hash, 'hex') as body_hash, decode(body, 'base64') as body, headers, signed, verdict,
          received_at, repeats, place
        -- By way of subqueries, so that the planner keeps one plan; see FreshPlans.
        from unnest((select cast(:tasks as text[])), (select cast(:hashes as text[])), (select cast(:bodies as text[])),
          (select cast(:headers as json[])), (select cast(:signed as boolean[])), (select cast(:verdicts as text[])),
          (select cast(:received as timestamptz[])), (select cast(:repeats as int[])),
          (select cast(:places as int[])))
        as g(task_id, hash, body, headers, signed, verdict, received_at, repeats, place)
      ),
      kept as (
        insert into callback_receipt (task_id, body_hash, body, headers, signed, verdict, received_at, repeated)
        select g.task_id, g.body_hash, g.body, g.headers, g.signed, g.verdict, g.received_at, g.repeats
        from given g
        where g.verdict = 'applied' or (select count(*) from callback_receipt r where r.task_id = g.task_id) + g.place < :perTask
          or exists (select from callback_receipt r where r.task_id = g.task_id and r.body_hash = g.body_hash)
        order by g.task_id, g.body_hash
        on conflict on constraint callback_receipt_once do update set
          repeated = callback_receipt.repeated + 1 + excluded.repeated, repeated_at = excluded.received_at,
          signed = callback_receipt.signed or excluded.signed,
          verdict = case when excluded.verdict = 'applied' then excluded.verdict else callback_receipt.verdict end
        returning id, task_id, body_hash
      ),
      waiting as (
        insert into callback_pending (receipt_id, due_at)
        select k.id, g.received_at from kept k join given g on g.task_id = k.task_id and g.body_hash = k.body_hash
        where g.verdict = 'pending'
        order by k.id
        on conflict do nothing
      )
      select task_id || encode(body_hash, 'hex') from kept
      """;

  private static final String ACCOUNT =
      """
      select coalesce(t.account, o.account) from task t left join open_task o on o.task_id = t.id where t.id = :task
      """;

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
        o.task_id is not null as open, coalesce(d.lost, 0) > 0 as lost, t.tracked,
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

  private static final String ASK =
      "update open_task set next_check_at = least(next_check_at, :now) where task_id = :task";

  private static final String OLDEST =
      "select received_at from callback_receipt where id = (select min(receipt_id) from callback_pending)";

  /**
   * Lets the reconciler ask at once. checks = 0 tells one that is asking just now that its answer
   * may be too old.
   */
  private static final String PROVE =
      """
      update open_task set
        lead_millis = coalesce(lead_millis,
          greatest(0, extract(epoch from next_check_at - cast(:received as timestamptz)) * 1000)::bigint),
        next_check_at = least(next_check_at, cast(:now as timestamptz)), checks = 0,
        proving = cast(:claimed as task_status), proofs = 0,
        ask_id = case when tracked then coalesce(ask_id, :named) else ask_id end
      where task_id = :task
      """;

  /** A task we had given up is watched again for the proof; it holds no slot. */
  private static final String PROVE_LATE =
      """
      insert into open_task (task_id, tenant_id, account, family, slots, next_check_at, proving, lead_millis, tracked,
        ask_id)
      select t.id, t.tenant_id, t.account, 'none', 0, cast(:now as timestamptz), cast(:claimed as task_status), 0,
        t.tracked, :named
      from task t where t.id = :task and t.status = 'expired' and t.account is not null
      on conflict do nothing
      """;

  /** The first name at Kling that we receive for a task submitted elsewhere. */
  private static final String LEARN =
      """
      update open_task set ask_id = :named where task_id = :task and tracked and ask_id is null
      """;

  private static final String SWEEP =
      """
      delete from callback_receipt where id in (
        select id from callback_receipt r
        where received_at < :before and not exists (select from callback_pending p where p.receipt_id = r.id)
        limit :limit)
      """;

  /** Of the heap, for the bodies of one claim; what is read of them takes some times as much. */
  private static final int HEAP_PARTS = 32;

  private final Jdbi jdbi;
  private final Clock clock;
  private final Duration retryFirst;
  private final Duration retryCap;
  private final int perTask;
  private final long claimBytes;
  private final String owner;

  @Inject
  ReceiptStore(Jdbi jdbi, Clock clock, CallbackConfig config, ReplicaId me) {
    this(jdbi, clock, config, me, Runtime.getRuntime().maxMemory() / HEAP_PARTS);
  }

  /**
   * With another bound of a claim.
   *
   * @param claimBytes how long the bodies of one claim may be together; one alone may be longer
   */
  ReceiptStore(Jdbi jdbi, Clock clock, CallbackConfig config, ReplicaId me, long claimBytes) {
    this.jdbi = jdbi;
    this.owner = me.id();
    this.claimBytes = claimBytes;
    this.clock = clock;
    this.retryFirst = config.work().retryFirst();
    this.retryCap = config.work().retryCap();
    this.perTask = config.maxReceipts();
  }

  /**
   * Durable when this returns; the same body for the same task again is counted.
   *
   * @param receipts none of them twice
   * @param applied keys of those whose news is processed already, by this transaction
   * @return the keys of those that are stored; a task with too many different ones gets no more
   */
  Set<String> keep(Collection<Receipt> receipts, Set<String> applied) {
    List<Receipt> sorted =
        receipts.stream()
            .sorted(Comparator.comparing(Receipt::taskId).thenComparing(Receipt::hash))
            .toList();
    Base64.Encoder base64 = Base64.getEncoder();
    return new HashSet<>(
        jdbi.withHandle(
            handle ->
                Columns.of(handle.createQuery(KEEP), sorted)
                    .texts("tasks", Receipt::taskId)
                    .texts("hashes", Receipt::hash)
                    .texts("bodies", receipt -> base64.encodeToString(receipt.body()))
                    .texts("headers", Receipt::headers)
                    .written("signed", Receipt::signed)
                    .texts("verdicts", receipt -> verdict(receipt, applied))
                    .written("received", Receipt::receivedAt)
                    .ints("repeats", Receipt::repeats)
                    .rest()
                    .bindArray("places", Integer.class, places(sorted))
                    .bind("perTask", perTask)
                    .mapTo(String.class)
                    .list()));
  }

  /** The position of each among those of its task, so that a batch keeps to the bound too. */
  private static List<Integer> places(List<Receipt> sorted) {
    List<Integer> places = new ArrayList<>(sorted.size());
    String task = "";
    for (Receipt receipt : sorted) {
      boolean same = receipt.taskId().equals(task);
      places.add(same ? places.get(places.size() - 1) + 1 : 0);
      task = receipt.taskId();
    }
    return places;
  }

  private static String verdict(Receipt receipt, Set<String> applied) {
    if (receipt.news() == null) {
      return "unreadable";
    }
    return applied.contains(receipt.key()) ? "applied" : "pending";
  }

  /** The account that runs the task, once there is one. */
  Optional<String> account(String taskId) {
    return jdbi.withHandle(
        handle -> handle.createQuery(ACCOUNT).bind("task", taskId).mapTo(String.class).findOne());
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
            due(handle, CLAIM_ONLY, only.size())
                .bindArray("only", Long.class, only)
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
        .bind("retryFirst", retryFirst.toMillis())
        .bind("retryCap", retryCap.toMillis())
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

  /** Has Kling asked soon, whatever it was that a callback said. */
  void ask(String taskId) {
    jdbi.useHandle(
        handle ->
            handle.createUpdate(ASK).bind("task", taskId).bind("now", clock.instant()).execute());
  }

  /** When the oldest came that waits. */
  Optional<Instant> oldest() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(OLDEST)
                .map((row, context) -> row.getTimestamp("received_at").toInstant())
                .findOne());
  }

  /**
   * Has Kling asked at once whether the task ended so; false when nobody asks about it (any more).
   */
  boolean prove(PendingCallback callback, TaskStatus claimed, @Nullable String named) {
    return prove(PROVE, callback, claimed, named) || prove(PROVE_LATE, callback, claimed, named);
  }

  private boolean prove(
      String statement, PendingCallback callback, TaskStatus claimed, @Nullable String named) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(statement)
                    .bind("task", callback.taskId())
                    .bind("claimed", claimed.wireName())
                    .bind("named", named)
                    .bind("received", callback.receivedAt())
                    .bind("now", clock.instant())
                    .execute())
        == 1;
  }

  /** See {@link #LEARN}. */
  void learn(String taskId, String named) {
    jdbi.useHandle(
        handle -> handle.createUpdate(LEARN).bind("task", taskId).bind("named", named).execute());
  }

  /** Deletes at most {@code limit} receipts that came before this; how many there were. */
  int sweep(Instant before, int limit) {
    return jdbi.withHandle(
        handle -> handle.createUpdate(SWEEP).bind("before", before).bind("limit", limit).execute());
  }

  private static PendingCallback pending(ResultSet row) throws SQLException {
    String status = row.getString("status");
    return new PendingCallback(
        row.getLong("receipt_id"),
        row.getString("task_id"),
        row.getBytes("body"),
        row.getBoolean("signed"),
        row.getTimestamp("received_at").toInstant(),
        row.getInt("attempts"),
        status == null ? null : standing(row, TaskStatus.of(status)));
  }

  private static PendingCallback.TaskState standing(ResultSet row, TaskStatus status)
      throws SQLException {
    Timestamp nextCheckAt = row.getTimestamp("next_check_at");
    return new PendingCallback.TaskState(
        row.getString("kind"),
        row.getString("upstream_model"),
        row.getString("account"),
        status,
        row.getString("kling_task_id"),
        row.getString("external_task_id"),
        row.getBoolean("open"),
        row.getBoolean("lost"),
        row.getBoolean("tracked"),
        row.getTimestamp("started_at").toInstant(),
        nextCheckAt == null ? null : nextCheckAt.toInstant(),
        row.getObject("lead_millis", Long.class));
  }
}
