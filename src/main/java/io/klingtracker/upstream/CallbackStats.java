package io.klingtracker.upstream;

import io.klingtracker.database.Columns;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * How well each account's callbacks come: totals since the beginning, and a ring of the latest ends
 * for medians and for the pace of polling. All of it is in the database, for every replica and over
 * restarts.
 */
@Singleton
public class CallbackStats {

  private static final int RING = 200;
  private static final Duration REFRESH = Duration.ofSeconds(10);

  /** Ends older than this say nothing about how callbacks come now. */
  private static final Duration RECENT = Duration.ofHours(1);

  /** With fewer ends than this nothing is concluded. */
  private static final int ENOUGH = 5;

  /** So many of the latest ends decide the pace. */
  private static final int LATEST = 20;

  private static final String ENDED =
      """
      with ended as (
        select * from unnest(cast(:tasks as text[]), cast(:accounts as text[]), cast(:leads as int8[]), cast(:slots as int[]))
          as e(task_id, account, lead_millis, slot)
      ),
      summed as (
        insert into callback_ledger (account, expected, arrived, lost)
        select account, count(*), count(lead_millis), count(*) - count(lead_millis) from ended group by account
        order by account
        on conflict (account) do update set expected = callback_ledger.expected + excluded.expected,
          arrived = callback_ledger.arrived + excluded.arrived, lost = callback_ledger.lost + excluded.lost
      ),
      missing as (
        insert into callback_missing (task_id, account, at)
        select task_id, account, cast(:now as timestamptz) from ended where lead_millis is null
        on conflict do nothing
      )
      insert into sample (series, name, slot, millis, at)
      select distinct on (account, slot) 'callback', account, slot, lead_millis, cast(:now as timestamptz) from ended
      order by account, slot
      on conflict (series, name, model, slot) do update set millis = excluded.millis, at = excluded.at
      """;

  private static final String CAME_LATE =
      """
      with came as (delete from callback_missing where task_id = :task returning account)
      update callback_ledger l set arrived = l.arrived + 1, lost = l.lost - 1 from came c where l.account = c.account
      """;

  private static final String WRONG =
      """
      insert into callback_ledger (account, wrong) values (:account, 1)
      on conflict (account) do update set wrong = callback_ledger.wrong + 1
      """;

  private static final String FORGET = "delete from callback_missing where at < :before";

  private static final String ACCOUNTS =
      """
      select l.account, l.expected, l.arrived, l.wrong, l.lost,
        percentile_disc(0.5) within group (order by e.millis) as median,
        percentile_disc(0.99) within group (order by e.millis) as p99,
        (select count(*) filter (where n.millis is null)::float8 / nullif(greatest(count(*), :enough), 0)
          from (select millis from sample r where r.series = 'callback' and r.name = l.account and r.at > :recent
                order by r.at desc limit :latest) n
          having count(*) >= :enough) as silence
      from callback_ledger l left join sample e on e.series = 'callback' and e.name = l.account
      group by l.account order by l.account
      """;

  private final Jdbi jdbi;
  private final Clock clock;
  private final MeterRegistry meters;
  private final RandomGenerator random = RandomGenerator.getDefault();
  private final Set<String> metered = ConcurrentHashMap.newKeySet();
  private volatile Map<String, Account> accounts = Map.of();
  private volatile Instant refreshAt = Instant.MIN;

  /**
   * The end of one task at Kling.
   *
   * @param leadMillis how much sooner the callback came than the next check; null when the end was
   *     found by asking
   */
  public record End(String taskId, String account, @Nullable Long leadMillis) {}

  /**
   * The callbacks of one account.
   *
   * @param expected tasks that ended, each of which should have been called back
   * @param arrived of them, those whose callback of the end came
   * @param wrong callbacks of an end that Kling, when asked, did not confirm
   * @param lost ends that were found by asking and whose callback has not come since
   * @param medianLeadMillis by how much callbacks beat the next check lately, in the median; null
   *     while there are none
   * @param p99LeadMillis the same for 99 of a hundred
   * @param silence share of the latest ends without a callback, 0 to 1; polling is the tighter the
   *     higher it is
   */
  public record Account(
      String account,
      long expected,
      long arrived,
      long wrong,
      long lost,
      @Nullable Long medianLeadMillis,
      @Nullable Long p99LeadMillis,
      double silence) {

    static Account none(String account) {
      return new Account(account, 0, 0, 0, 0, null, null, 0);
    }
  }

  @Inject
  CallbackStats(Jdbi jdbi, Clock clock, MeterRegistry meters) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.meters = meters;
  }

  /** The callbacks of an account, as of at most ten seconds ago. */
  public Account of(String account) {
    if (!clock.instant().isBefore(refreshAt)) {
      refresh();
    }
    return accounts.getOrDefault(account, Account.none(account));
  }

  /** Books tasks that ended. */
  public void ended(List<End> ends) {
    if (ends.isEmpty()) {
      return;
    }
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createUpdate(ENDED), ends)
                .texts("tasks", End::taskId)
                .texts("accounts", End::account)
                .longs("leads", End::leadMillis)
                .ints("slots", end -> random.nextInt(RING))
                .rest()
                .bind("now", clock.instant())
                .execute());
  }

  /** Books the callback of an end that had been found by asking before. */
  public void cameLate(String taskId) {
    jdbi.useHandle(handle -> handle.createUpdate(CAME_LATE).bind("task", taskId).execute());
  }

  /** Books a callback that Kling, when asked, did not confirm. */
  public void wrong(String account) {
    jdbi.useHandle(handle -> handle.createUpdate(WRONG).bind("account", account).execute());
  }

  /** Stops waiting for the callbacks of ends that were found before this. */
  public void forget(Instant before) {
    jdbi.useHandle(handle -> handle.createUpdate(FORGET).bind("before", before).execute());
  }

  private synchronized void refresh() {
    Instant now = clock.instant();
    if (now.isBefore(refreshAt)) {
      return;
    }
    refreshAt = now.plus(REFRESH);
    Map<String, Account> fresh = new HashMap<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(ACCOUNTS)
                .bind("enough", ENOUGH)
                .bind("latest", LATEST)
                .bind("recent", now.minus(RECENT))
                .map(
                    (row, context) ->
                        new Account(
                            row.getString("account"),
                            row.getLong("expected"),
                            row.getLong("arrived"),
                            row.getLong("wrong"),
                            row.getLong("lost"),
                            row.getObject("median", Long.class),
                            row.getObject("p99", Long.class),
                            row.getDouble("silence")))
                .forEach(account -> fresh.put(account.account(), account)));
    accounts = Map.copyOf(fresh);
    fresh.keySet().stream().filter(metered::add).forEach(this::meter);
  }

  private void meter(String account) {
    gauge(
        "expected",
        "Ends that should have been called back",
        account,
        stats -> stats.of(account).expected());
    gauge("arrived", "Ends that were called back", account, stats -> stats.of(account).arrived());
    gauge(
        "wrong",
        "Ends called back that Kling did not confirm",
        account,
        stats -> stats.of(account).wrong());
    gauge(
        "lost",
        "Ends found by asking, of which no callback came",
        account,
        stats -> stats.of(account).lost());
    gauge(
        "silence",
        "Share of the latest ends without a callback",
        account,
        stats -> stats.of(account).silence());
    gauge(
        "lead.median.seconds",
        "How much sooner callbacks come than the next question, median",
        account,
        stats -> seconds(stats.of(account).medianLeadMillis()));
    gauge(
        "lead.p99.seconds",
        "How much sooner callbacks come than the next question, 99 of 100",
        account,
        stats -> seconds(stats.of(account).p99LeadMillis()));
  }

  private void gauge(
      String name,
      String description,
      String account,
      java.util.function.ToDoubleFunction<CallbackStats> value) {
    Gauge.builder("tracker.callbacks." + name, this, value)
        .description(description)
        .tag("account", account)
        .register(meters);
  }

  private static double seconds(@Nullable Long millis) {
    return millis == null ? Double.NaN : millis / 1000.0;
  }
}
