package io.klingtracker.callback;

import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;

/** Receipts of callbacks: what Kling has sent, each body once. */
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
        select task_id, hash, decode(hash, 'hex') as body_hash, decode(body, 'base64') as body, headers, signed, verdict,
          received_at, repeats, place,
          -- One look, though it is needed twice; never by reading all tasks, as an exists might be.
          (select t.id from task t where t.id = g.task_id) is not null as alive
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
        where g.alive
          and (g.verdict = 'applied' or (select count(*) from callback_receipt r where r.task_id = g.task_id) + g.place < :perTask
            or exists (select from callback_receipt r where r.task_id = g.task_id and r.body_hash = g.body_hash))
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
      select task_id || encode(body_hash, 'hex') as key, false as removed from kept
      union all
      select g.task_id || g.hash, true from given g where not g.alive
      """;

  private static final String ACCOUNT =
      """
      select coalesce(t.account, o.account) from task t left join open_task o on o.task_id = t.id where t.id = :task
      """;

  /**
   * A task's, oldest first, as far as their bytes go into an answer; none but the count of others.
   */
  static final String PAGE =
      """
      with sized as (
        select r.id, sum(octet_length(r.body)) over (order by r.id) as bytes, row_number() over (order by r.id) as place
        from callback_receipt r where r.task_id = :task
      ),
      fits as (select id from sized where place = 1 or bytes <= :maxBytes)
      select r.id, r.received_at, r.verdict, r.headers::text as headers, r.body,
        (select count(*) from sized) - (select count(*) from fits) as left_out
      from fits f join callback_receipt r on r.id = f.id
      order by r.id
      """;

  private static final String SWEEP =
      """
      delete from callback_receipt where id in (
        select id from callback_receipt r
        where received_at < :before and not exists (select from callback_pending p where p.receipt_id = r.id)
        limit :limit)
      """;

  /** The verdict of a receipt whose news moved its task. */
  static final String APPLIED = "applied";

  /** Bytes of bodies in one answer, but for the first. */
  static final int MAX_BYTES = 4 << 20;

  /** Different bodies kept for one task; more are refused with 429. */
  static final int PER_TASK = 200;

  private final Jdbi jdbi;

  @Inject
  ReceiptStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * A receipt as it is stored.
   *
   * @param headers JSON of {@link CallbackHeaders}
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Stored(Instant receivedAt, String verdict, String headers, byte[] body) {}

  /** Receipts of a task, and how many more there are. */
  record Page(List<Stored> receipts, int leftOut) {}

  /** A task's receipts, oldest first. */
  Page page(String taskId) {
    int[] leftOut = {0};
    List<Stored> receipts =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(PAGE)
                    .bind("task", taskId)
                    .bind("maxBytes", MAX_BYTES)
                    .map(
                        (row, context) -> {
                          leftOut[0] = row.getInt("left_out");
                          return new Stored(
                              Rows.instant(row, "received_at"),
                              row.getString("verdict"),
                              row.getString("headers"),
                              row.getBytes("body"));
                        })
                    .list());
    return new Page(receipts, leftOut[0]);
  }

  /** What became of a receipt. */
  enum Kept {
    STORED,
    /** Its task is no more, and nothing is kept of what is said of it. */
    REMOVED,
    /** Its task has too many different ones. */
    REFUSED
  }

  /**
   * Durable when this returns; the same body for the same task again is counted.
   *
   * @param receipts none of them twice
   * @param applied keys of those whose news is processed already, by this transaction
   * @return by key what became of them; those that are missing are {@link Kept#REFUSED}
   */
  Map<String, Kept> keep(Collection<Receipt> receipts, Set<String> applied) {
    List<Receipt> sorted =
        receipts.stream()
            .sorted(Comparator.comparing(Receipt::taskId).thenComparing(Receipt::hash))
            .toList();
    Base64.Encoder base64 = Base64.getEncoder();
    Map<String, Kept> kept = new HashMap<>();
    jdbi.useHandle(
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
                .and(places(sorted))
                .ints("places", place -> place)
                .rest()
                .bind("perTask", PER_TASK)
                .map(
                    (row, context) ->
                        kept.put(
                            row.getString("key"),
                            row.getBoolean("removed") ? Kept.REMOVED : Kept.STORED))
                .list());
    return kept;
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
    return applied.contains(receipt.key()) ? APPLIED : "pending";
  }

  /** The account that runs the task, once there is one. */
  Optional<String> account(String taskId) {
    return jdbi.withHandle(
        handle -> handle.createQuery(ACCOUNT).bind("task", taskId).mapTo(String.class).findOne());
  }

  /** Deletes at most {@code limit} receipts that came before this; how many there were. */
  int sweep(Instant before, int limit) {
    return jdbi.withHandle(
        handle -> handle.createUpdate(SWEEP).bind("before", before).bind("limit", limit).execute());
  }
}
