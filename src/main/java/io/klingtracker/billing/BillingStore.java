package io.klingtracker.billing;

import io.klingtracker.database.Columns;
import io.klingtracker.kling.Charge;
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
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
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

  /** Rows of one table that one sweep deletes at most, of so many accounts. */
  private static final int SWEPT_AT_ONCE = 1_000;

  private static final int SWEPT_ACCOUNTS = 10;

  /** An account that nobody has asked is due. */
  private static final String KNOW =
      """
      insert into billing_round (account, due_at)
      select account, cast(:now as timestamptz) from unnest(cast(:accounts as text[])) account
      on conflict do nothing
      """;

  /**
   * Whoever puts a due account off reads it, the one that waits longest first; one that dies
   * meanwhile leaves it to the next round.
   */
  private static final String CLAIM =
      """
      update billing_round set due_at = cast(:next as timestamptz)
      where account = (
        select account from billing_round
        where account = any(cast(:accounts as text[])) and due_at <= cast(:now as timestamptz)
        order by due_at, account limit 1 for update skip locked)
      returning account
      """;

  /** What is read again takes the place of what was read of the same pack. */
  private static final String KEEP =
      """
      insert into kling_deduction as d (account, kling_task_id, ledger, at, amount, currency, by_pack)
      values (:account, :id, :ledger, :at, :amount, :currency, jsonb_build_object(cast(:pack as text), cast(:amount as numeric)))
      on conflict (account, kling_task_id, ledger, at) do update
        set by_pack = coalesce(d.by_pack, '{}') || excluded.by_pack, currency = excluded.currency,
          amount = (select sum(value::numeric) from jsonb_each_text(coalesce(d.by_pack, '{}') || excluded.by_pack))
      """;

  private static final String END =
      """
      update billing_round set failure = cast(:failure as text)
      where account = :account
      """;

  private static final String READ =
      """
      update billing_round set read_from = cast(:from as timestamptz), read_until = cast(:until as timestamptz),
        unmatched_kling = :kling, unmatched_ours = :ours, unmatched_different = :different
      where account = :account
      """;

  /** Of accounts that no replica has asked for so long, so that none has them configured. */
  private static final String GONE =
      """
      with gone as (select account from billing_round where due_at < cast(:before as timestamptz) order by due_at limit :accounts)
      """;

  private static final List<String> FORGET_ACCOUNTS =
      List.of(
          GONE
              + """
              delete from kling_deduction where ctid = any(array(
                select ctid from kling_deduction where account in (select account from gone) limit :rows))
              """,
          GONE
              + """
              delete from account_pack where ctid = any(array(
                select ctid from account_pack where account in (select account from gone) limit :rows))
              """,
          GONE + "delete from account_self_test where account in (select account from gone)",
          GONE
              + """
              delete from billing_round r where account in (select account from gone)
                and due_at < cast(:before as timestamptz)
                and not exists (select from kling_deduction d where d.account = r.account)
                and not exists (select from account_pack p where p.account = r.account)
              """);

  private static final String FORGET_CALLS =
      """
      delete from charged_call where ctid = any(array(
        select ctid from charged_call where at < cast(:before as timestamptz) order by at limit :rows))
      """;

  /** Ids of calls that one sweep forgets at most: those of fifty calls a second, once a minute. */
  private static final int SWEPT_CALLS = 10_000;

  private static final String FORGET =
      "delete from kling_deduction where account = :account and at < cast(:before as timestamptz)";

  /**
   * Both sides of a time, by Kling's task: what Kling took for what is no task or call of ours,
   * what of ours was charged and is not in Kling's lists, and where both know an amount and it is
   * not the same.
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
        from known k where task_id is null and coalesce(units, 0) + coalesce(amount, 0) > 0
          and not exists (select from charged_call c where c.account = :account and c.id = k.kling_task_id)
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

  /** One of these accounts that is due, if any; it is deferred with that. */
  Optional<String> claim(Collection<String> accounts, Instant now, Instant next) {
    return jdbi.inTransaction(
        handle -> {
          Columns.of(handle.createUpdate(KNOW), accounts)
              .texts("accounts", account -> account)
              .rest()
              .bind("now", now)
              .execute();
          return Columns.of(handle.createQuery(CLAIM), accounts)
              .texts("accounts", account -> account)
              .rest()
              .bind("now", now)
              .bind("next", next)
              .mapTo(String.class)
              .findOne();
        });
  }

  /**
   * Forgets some of what is known of accounts that nobody asks any more.
   *
   * @param before when they were due last
   */
  void forgetAccounts(Instant before) {
    jdbi.useTransaction(
        handle -> {
          for (String statement : FORGET_ACCOUNTS) {
            handle
                .createUpdate(statement)
                .bind("before", before)
                .bind("accounts", SWEPT_ACCOUNTS)
                .bind("rows", SWEPT_AT_ONCE)
                .execute();
          }
        });
  }

  /** Forgets calls of before that time, some of them. */
  void forgetCalls(Instant before) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(FORGET_CALLS)
                .bind("before", before)
                .bind("rows", SWEPT_CALLS)
                .execute());
  }

  void keep(String account, Ledger ledger, List<Deduction> deductions) {
    if (deductions.isEmpty()) {
      return;
    }
    jdbi.useTransaction(
        handle -> {
          PreparedBatch batch = handle.prepareBatch(KEEP);
          for (Deduction taken : whole(ledger, deductions)) {
            batch
                .bind("account", account)
                .bind("id", taken.klingTaskId())
                .bind("ledger", ledger.name().toLowerCase(Locale.ROOT))
                .bind("at", taken.at())
                .bind("amount", amount(ledger, taken))
                .bind("pack", taken.pack())
                .bind("currency", taken.charge().currency())
                .add();
          }
          batch.execute();
        });
  }

  /** A pack that is listed twice for a task at one moment gave both. */
  private static Collection<Deduction> whole(Ledger ledger, List<Deduction> deductions) {
    Map<List<Object>, Deduction> whole = new LinkedHashMap<>();
    for (Deduction taken : deductions) {
      whole.merge(
          List.of(taken.klingTaskId(), taken.at(), taken.pack()),
          taken,
          (a, b) -> {
            BigDecimal sum = amount(ledger, a).add(amount(ledger, b));
            Charge charge =
                ledger == Ledger.UNITS
                    ? Charge.ofUnits(sum)
                    : new Charge(null, sum, a.charge().currency());
            return new Deduction(a.klingTaskId(), a.pack(), charge, a.at());
          });
    }
    return whole.values();
  }

  private static BigDecimal amount(Ledger ledger, Deduction taken) {
    BigDecimal amount = ledger == Ledger.UNITS ? taken.charge().units() : taken.charge().amount();
    return Objects.requireNonNull(amount, "of the list that it is in");
  }

  /**
   * A round has ended; one that read everything is compared with our tasks.
   *
   * @param failure why it did not read everything; null when it did
   */
  void end(String account, Instant from, Instant until, @Nullable String failure, Instant before) {
    jdbi.useTransaction(
        handle -> {
          handle
              .createUpdate(END)
              .bind("account", account)
              .bind("failure", failure == null ? null : ForeignText.clean(failure, MAX_FAILURE))
              .execute();
          if (failure == null) {
            Unmatched unmatched = count(handle, account, Deductions.settled(from, until));
            handle
                .createUpdate(READ)
                .bind("account", account)
                .bind("from", from)
                .bind("until", until)
                .bind("kling", unmatched.kling())
                .bind("ours", unmatched.ours())
                .bind("different", unmatched.different())
                .execute();
          }
          handle.createUpdate(FORGET).bind("account", account).bind("before", before).execute();
        });
  }

  /**
   * How many deductions of Kling's have no task of ours, how many charges of ours Kling does not
   * list, and how many differ.
   */
  record Unmatched(long kling, long ours, long different) {

    Map<String, Long> bySide() {
      return Map.of("kling", kling, "ours", ours, "different", different);
    }
  }

  /**
   * The last round that read everything, and why the last one did not.
   *
   * @param unmatched what the former found; null before one
   */
  record Round(
      @Nullable Instant from,
      @Nullable Instant until,
      @Nullable String failure,
      @Nullable Unmatched unmatched) {}

  Optional<Round> round(String account) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select read_from, read_until, failure, unmatched_kling, unmatched_ours, unmatched_different
                    from billing_round where account = :account
                    """)
                .bind("account", account)
                .map(
                    (row, context) ->
                        new Round(
                            time(row, "read_from"),
                            time(row, "read_until"),
                            row.getString("failure"),
                            row.getObject("unmatched_kling") == null
                                ? null
                                : new Unmatched(
                                    row.getLong("unmatched_kling"),
                                    row.getLong("unmatched_ours"),
                                    row.getLong("unmatched_different"))))
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

  private static Unmatched count(Handle handle, String account, Deductions.Span span) {
    return span(
            handle.createQuery(
                UNMATCHED
                    + """
                    select count(*) filter (where side = 'kling') as kling, count(*) filter (where side = 'ours') as ours,
                      count(*) filter (where side = 'different') as different
                    from unmatched
                    """),
            account,
            span.from(),
            span.to())
        .map(
            (row, context) ->
                new Unmatched(row.getLong("kling"), row.getLong("ours"), row.getLong("different")))
        .one();
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
