package io.klingtracker.billing;

import io.klingtracker.kling.Deduction;
import io.klingtracker.kling.KlingBilling.Ledger;
import io.klingtracker.task.TaskId;
import io.klingtracker.text.ForeignText;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.PreparedBatch;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/** Rounds of questions, Kling's deductions, and what they do not have in common with our tasks. */
@Singleton
class BillingStore {

  /** In bytes, of a failure. */
  private static final int MAX_FAILURE = 500;

  /** A task of ours may wait so long for its dispatch and still be found by the time of its id. */
  private static final Duration LONGEST_TASK = Duration.ofDays(7);

  /**
   * Whoever puts a due account off reads it; one that dies meanwhile leaves it to the next round.
   */
  private static final String CLAIM =
      """
      insert into billing_round (account, due_at) values (:account, cast(:next as timestamptz))
      on conflict (account) do update set due_at = excluded.due_at where billing_round.due_at <= cast(:now as timestamptz)
      returning account
      """;

  private static final String KEEP =
      """
      insert into kling_deduction (account, kling_task_id, ledger, at, amount, currency)
      values (:account, :id, :ledger, :at, :amount, :currency)
      on conflict (account, kling_task_id, ledger, at) do update
        set amount = excluded.amount, currency = excluded.currency
      """;

  private static final String DONE =
      """
      update billing_round set failure = :failure,
        read_from = case when cast(:failure as text) is null then cast(:from as timestamptz) else read_from end,
        read_until = case when cast(:failure as text) is null then cast(:until as timestamptz) else read_until end
      where account = :account
      """;

  private static final String FORGET =
      "delete from kling_deduction where account = :account and at < cast(:before as timestamptz)";

  /**
   * Both sides of a time, by Kling's task: what Kling took for what is no task of ours, what of
   * ours was charged and is not in Kling's lists, and where both know an amount and it is not the
   * same.
   */
  private static final String UNMATCHED =
      """
      with taken as (
        select kling_task_id, sum(amount) filter (where ledger = 'units') as units,
          sum(amount) filter (where ledger = 'money') as amount, max(currency) as currency, max(at) as at
        from kling_deduction
        where account = :account and at >= cast(:from as timestamptz) and at < cast(:to as timestamptz)
        group by kling_task_id
      ),
      known as (
        select k.*, t.id as task_id, t.tenant_id, t.units as our_units, t.amount as our_amount, t.currency as our_currency
        from taken k left join lateral (
          select * from task t where t.kling_task_id = k.kling_task_id and t.account = :account limit 1) t on true
      ),
      unmatched as (
        select 'kling' as side, kling_task_id, null as task_id, null as tenant_id, units, amount, currency,
          null::numeric as our_units, null::numeric as our_amount, null as our_currency, at
        from known where task_id is null and coalesce(units, 0) + coalesce(amount, 0) > 0
        union all
        select 'different', kling_task_id, task_id, tenant_id, units, amount, currency, our_units, our_amount, our_currency, at
        from known
        where task_id is not null and num_nonnulls(our_units, our_amount) > 0
          and (coalesce(units, 0) <> coalesce(our_units, 0) or coalesce(amount, 0) <> coalesce(our_amount, 0))
        union all
        select 'ours', t.kling_task_id, t.id, t.tenant_id, null, null, null, t.units, t.amount, t.currency, t.finished_at
        from task t
        where t.id >= :fromId and t.id < :toId and t.account = :account and t.kling_task_id is not null
          and (t.units > 0 or t.amount > 0) and t.dispatched_at >= cast(:from as timestamptz)
          and t.finished_at < cast(:to as timestamptz)
          and not exists (
            select from kling_deduction d where d.account = :account and d.kling_task_id = t.kling_task_id)
      )
      """;

  private final Jdbi jdbi;

  @Inject
  BillingStore(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** True when the account was due; it is put off with that. */
  boolean claim(String account, Instant now, Instant next) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(CLAIM)
                .bind("account", account)
                .bind("now", now)
                .bind("next", next)
                .mapTo(String.class)
                .findOne()
                .isPresent());
  }

  void keep(String account, Ledger ledger, List<Deduction> deductions) {
    if (deductions.isEmpty()) {
      return;
    }
    jdbi.useTransaction(
        handle -> {
          PreparedBatch batch = handle.prepareBatch(KEEP);
          for (Deduction taken : deductions) {
            BigDecimal amount =
                ledger == Ledger.UNITS ? taken.charge().units() : taken.charge().amount();
            batch
                .bind("account", account)
                .bind("id", taken.klingTaskId())
                .bind("ledger", ledger.name().toLowerCase(Locale.ROOT))
                .bind("at", taken.at())
                .bind("amount", amount)
                .bind("currency", taken.charge().currency())
                .add();
          }
          batch.execute();
        });
  }

  /**
   * A round has ended.
   *
   * @param failure why it did not read everything; null when it did
   */
  void done(String account, Instant from, Instant until, @Nullable String failure, Instant before) {
    jdbi.useTransaction(
        handle -> {
          handle
              .createUpdate(DONE)
              .bind("account", account)
              .bind("from", from)
              .bind("until", until)
              .bind("failure", failure == null ? null : ForeignText.clean(failure, MAX_FAILURE))
              .execute();
          handle.createUpdate(FORGET).bind("account", account).bind("before", before).execute();
        });
  }

  /** The last round that read everything, and why the last one did not. */
  record Round(@Nullable Instant from, @Nullable Instant until, @Nullable String failure) {}

  Optional<Round> round(String account) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "select read_from, read_until, failure from billing_round where account = :account")
                .bind("account", account)
                .map(
                    (row, context) ->
                        new Round(
                            time(row, "read_from"),
                            time(row, "read_until"),
                            row.getString("failure")))
                .findOne());
  }

  /**
   * Something that one side has alone, or has otherwise.
   *
   * @param side {@code kling}, {@code ours} or {@code different}
   */
  record Line(
      String side,
      String klingTaskId,
      @Nullable String taskId,
      @Nullable String tenant,
      @Nullable BigDecimal units,
      @Nullable BigDecimal amount,
      @Nullable String currency,
      @Nullable BigDecimal ourUnits,
      @Nullable BigDecimal ourAmount,
      @Nullable String ourCurrency,
      Instant at) {}

  /** Newest first. */
  List<Line> unmatched(String account, Instant from, Instant to, int limit) {
    return jdbi.withHandle(
        handle ->
            span(
                    handle.createQuery(
                        UNMATCHED
                            + "select * from unmatched order by at desc, kling_task_id limit :limit"),
                    account,
                    from,
                    to)
                .bind("limit", limit)
                .map((row, context) -> line(row))
                .list());
  }

  /** How many of a side. */
  record Count(String side, long lines) {}

  List<Count> count(String account, Instant from, Instant to) {
    return jdbi.withHandle(
        handle ->
            span(
                    handle.createQuery(
                        UNMATCHED + "select side, count(*) as lines from unmatched group by side"),
                    account,
                    from,
                    to)
                .map((row, context) -> new Count(row.getString("side"), row.getLong("lines")))
                .list());
  }

  private static Query span(Query query, String account, Instant from, Instant to) {
    return query
        .bind("account", account)
        .bind("from", from)
        .bind("to", to)
        .bind("fromId", TaskId.firstAt(from.minus(LONGEST_TASK)))
        .bind("toId", TaskId.firstAt(to));
  }

  private static Line line(ResultSet row) throws SQLException {
    return new Line(
        row.getString("side"),
        row.getString("kling_task_id"),
        row.getString("task_id"),
        row.getString("tenant_id"),
        row.getBigDecimal("units"),
        row.getBigDecimal("amount"),
        row.getString("currency"),
        row.getBigDecimal("our_units"),
        row.getBigDecimal("our_amount"),
        row.getString("our_currency"),
        row.getTimestamp("at").toInstant());
  }

  private static @Nullable Instant time(ResultSet row, String column) throws SQLException {
    Timestamp time = row.getTimestamp(column);
    return time == null ? null : time.toInstant();
  }
}
