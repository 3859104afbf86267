package io.klingtracker.billing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.Charge;
import io.klingtracker.kling.Deduction;
import io.klingtracker.kling.KlingBilling;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.Pack;
import io.klingtracker.loops.Loops;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.AccountPacks;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Rounds over a scripted Kling, and what comes of comparing its lists with our tasks. */
class BillingReaderTest implements KlingBilling {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final BillingStore store = new BillingStore(jdbi);
  private final AccountPacks packs = new AccountPacks(jdbi);
  private final List<String> calls = new ArrayList<>();
  private final List<List<Deduction>> units = new ArrayList<>();
  private final List<List<Deduction>> money = new ArrayList<>();
  private List<Pack> sold = List.of(pack("1", "40"));
  private @Nullable String refusal;

  @BeforeEach
  void a_tenant() {
    units.add(List.of());
    money.add(List.of());
    jdbi.useHandle(
        h -> h.execute("insert into tenant (id, name, created_at) values ('acme', 'A', now())"));
  }

  @Override
  public CompletionStage<Reply<List<Pack>>> packs(String account, Instant from, Instant to) {
    calls.add("packs");
    return reply(sold);
  }

  @Override
  public CompletionStage<Reply<Boolean>> pair(String account) {
    throw new AssertionError("not a self-test");
  }

  @Override
  public CompletionStage<Reply<Page>> deductions(
      String account, Ledger ledger, Instant from, Instant to, @Nullable String after) {
    int page = after == null ? 0 : Integer.parseInt(after);
    calls.add(ledger + " " + page);
    List<List<Deduction>> all = ledger == Ledger.UNITS ? units : money;
    return reply(new Page(all.get(page), page + 1 < all.size() ? "" + (page + 1) : null));
  }

  private <T> CompletionStage<Reply<T>> reply(T value) {
    return CompletableFuture.completedFuture(
        refusal == null
            ? new Reply<>(200, 0, "SUCCEED", null, value)
            : new Reply<>(403, 1103, refusal, null, null));
  }

  @Test
  void a_round_reads_packs_and_every_page_of_both_lists_one_call_a_run() {
    units.set(0, List.of(taken("k1", "3", Duration.ofHours(5))));
    units.add(List.of(taken("k2", "2", Duration.ofHours(6))));
    BillingReader reader = reader("api-key");

    for (int i = 0; i < 8; i++) {
      int before = calls.size();
      reader.runOnce();
      assertTrue(calls.size() - before <= 1, calls.toString());
    }

    assertEquals(List.of("packs", "UNITS 0", "UNITS 1", "MONEY 0"), calls);
    BillingStore.Round round = store.round("default").orElseThrow();
    assertEquals(NOW.minus(BillingReader.SPAN), round.from());
    assertEquals(NOW, round.until());
    assertNull(round.failure());
    assertEquals(List.of(new AccountPacks.Seen(pack("1", "40"), NOW)), packs.of("default"));
    assertEquals(40, gauge("tracker.billing.pack.remaining", "pack", "1"));
    assertEquals(
        Instant.parse("2026-12-24T00:00:00Z").getEpochSecond(),
        gauge("tracker.billing.pack.ends.timestamp.seconds", "pack", "1"));
    assertEquals(2, gauge("tracker.billing.unmatched", "side", "kling"));
    assertEquals(0, gauge("tracker.billing.unmatched", "side", "ours"));
  }

  @Test
  void another_replica_leaves_the_account_alone_until_it_is_due_again() {
    run(reader("api-key"));
    calls.clear();
    BillingReader other = reader("api-key");

    run(other);
    assertEquals(List.of(), calls);

    clock.advance(Duration.ofHours(1));
    sold = List.of(pack("2", "9"));
    run(other);
    assertEquals(List.of("packs", "UNITS 0", "MONEY 0"), calls);
    assertEquals("2", packs.of("default").get(0).pack().id());
    assertEquals(1, packs.of("default").size());
  }

  @Test
  void an_account_with_a_pair_alone_has_packs_and_no_deductions() {
    run(reader("pair"));

    assertEquals(List.of("packs"), calls);
    BillingStore.Round round = store.round("default").orElseThrow();
    assertNull(round.until());
    assertEquals("Kling shows deductions to an API key alone; set one", round.failure());
    assertEquals(40, gauge("tracker.billing.pack.remaining", "pack", "1"));
    assertNull(meters.find("tracker.billing.unmatched").gauge());
  }

  @Test
  void a_refusal_keeps_what_was_read_before() {
    BillingReader reader = reader("api-key");
    run(reader);
    refusal = "no right";
    clock.advance(Duration.ofHours(2));

    run(reader);

    BillingStore.Round round = store.round("default").orElseThrow();
    assertEquals(NOW, round.until());
    assertEquals("packs cannot be read: no right", round.failure());
    assertEquals(1, packs.of("default").size());
  }

  @Test
  void each_side_is_compared_with_the_other() {
    task("same", "k1", "3", null, Duration.ofHours(5));
    task("differs", "k2", "3", null, Duration.ofHours(5));
    task("missing", "k3", "2.5", null, Duration.ofHours(5));
    task("unknown", "k4", null, null, Duration.ofHours(5));
    task("free", "k5", "0", null, Duration.ofHours(5));
    task("paid", "k6", null, "0.42", Duration.ofHours(5));
    // Too fresh to be judged, on either side.
    task("fresh", "k7", "1", null, Duration.ofMinutes(30));
    units.set(
        0,
        List.of(
            taken("k1", "3.0", Duration.ofHours(5)),
            taken("k2", "4", Duration.ofHours(5)),
            taken("k4", "1", Duration.ofHours(5)),
            taken("stranger", "8", Duration.ofHours(4)),
            taken("young", "8", Duration.ofMinutes(30))));
    money.set(
        0,
        List.of(
            new Deduction(
                "k6",
                "",
                new Charge(null, new BigDecimal("0.42"), "USD"),
                NOW.minus(Duration.ofHours(5)))));

    run(reader("api-key"));

    Deductions.Span span = Deductions.settled(store.round("default").orElseThrow());
    assertEquals(
        Map.of(
            "stranger", "kling 8 null",
            "k2", "different 4 3",
            "k3", "ours null 2.5"),
        store.unmatched("default", span.from(), span.to(), 100).stream()
            .collect(
                Collectors.toMap(
                    BillingStore.Line::klingTaskId,
                    line -> line.side() + " " + line.units() + " " + line.ourUnits())));
    assertEquals(1, gauge("tracker.billing.unmatched", "side", "kling"));
    assertEquals(1, gauge("tracker.billing.unmatched", "side", "ours"));
    assertEquals(1, gauge("tracker.billing.unmatched", "side", "different"));
    assertEquals(1, store.unmatched("default", span.from(), span.to(), 1).size());
  }

  @Test
  void what_kling_took_for_a_call_of_ours_is_explained_as_long_as_it_is_compared() {
    call("default", "tts", Duration.ofHours(5));
    call("other", "others-tts", Duration.ofHours(5));
    units.set(
        0,
        List.of(
            taken("tts", "0.05", Duration.ofHours(5)),
            taken("others-tts", "0.05", Duration.ofHours(5))));
    BillingReader reader = reader("api-key");

    run(reader);

    assertEquals(1, gauge("tracker.billing.unmatched", "side", "kling"));
    Deductions.Span span = Deductions.settled(store.round("default").orElseThrow());
    assertEquals(
        List.of("others-tts"),
        store.unmatched("default", span.from(), span.to(), 100).stream()
            .map(BillingStore.Line::klingTaskId)
            .toList());

    clock.advance(BillingReader.SPAN);
    run(reader);
    clock.advance(Duration.ofMinutes(1));
    run(reader);
    assertEquals(List.of("others-tts", "tts"), calls());

    clock.advance(BillingReader.CALLS_KEPT.minus(BillingReader.SPAN));
    run(reader);
    clock.advance(Duration.ofMinutes(1));
    run(reader);
    assertEquals(List.of(), calls());
  }

  private void call(String account, String id, Duration ago) {
    jdbi.useHandle(
        h ->
            h.createUpdate("insert into charged_call (account, id, at) values (:account, :id, :at)")
                .bind("account", account)
                .bind("id", id)
                .bind("at", NOW.minus(ago))
                .execute());
  }

  private List<String> calls() {
    return Rows.texts(jdbi, "select id from charged_call order by id");
  }

  @Test
  void deductions_are_read_anew_without_being_doubled_and_forgotten_in_time() {
    units.set(0, List.of(taken("k1", "3", Duration.ofHours(5))));
    BillingReader reader = reader("api-key");
    run(reader);
    clock.advance(Duration.ofHours(1));
    run(reader);
    assertEquals(1, rows());

    units.set(0, List.of());
    clock.advance(Duration.ofDays(40));
    run(reader);
    assertEquals(0, rows());
  }

  @Test
  void what_two_packs_gave_at_one_moment_counts_together_however_often_it_is_read() {
    task("split", "k1", "5", null, Duration.ofHours(5));
    Instant at = NOW.minus(Duration.ofHours(5));
    units.set(0, List.of(new Deduction("k1", "p1", Charge.ofUnits(new BigDecimal("3")), at)));
    units.add(
        List.of(
            new Deduction("k1", "p2", Charge.ofUnits(BigDecimal.ONE), at),
            new Deduction("k1", "p2", Charge.ofUnits(BigDecimal.ONE), at)));
    BillingReader reader = reader("api-key");

    for (int round = 0; round < 2; round++) {
      run(reader);
      clock.advance(Duration.ofHours(1));
      assertEquals(0, gauge("tracker.billing.unmatched", "side", "different"));
      assertEquals(0, gauge("tracker.billing.unmatched", "side", "ours"));
    }
    assertEquals(
        "5",
        jdbi.withHandle(
            h -> h.createQuery("select amount from kling_deduction").mapTo(String.class).one()));
  }

  @Test
  void it_is_counted_once_when_a_round_ends_and_every_replica_shows_that() {
    units.set(0, List.of(taken("stranger", "3", Duration.ofHours(5))));
    run(reader("api-key"));
    jdbi.useHandle(h -> h.execute("delete from kling_deduction"));
    meters.clear();

    run(reader("api-key"));

    assertEquals(1, gauge("tracker.billing.unmatched", "side", "kling"));
    assertEquals(
        new BillingStore.Unmatched(1, 0, 0), store.round("default").orElseThrow().unmatched());
  }

  @Test
  void the_account_that_waits_longest_is_asked_first() {
    Set<String> accounts = Set.of("a", "b", "c");
    for (int i = 0; i < 3; i++) {
      Instant now = NOW.plusSeconds(i);
      assertTrue(store.claim(accounts, now, now.plusSeconds(10)).isPresent());
    }
    assertEquals(Optional.empty(), store.claim(accounts, NOW.plusSeconds(3), NOW));
    // Two are asked again at once; the third has its turn before them.
    Instant later = NOW.plusSeconds(60);
    List<String> asked = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      asked.add(store.claim(accounts, later, later.minusSeconds(6 - i)).orElseThrow());
    }
    assertEquals(List.of("a", "b", "c", "a", "b", "c"), asked);
    // One that comes later has its turn behind those that wait.
    assertEquals("a", store.claim(Set.of("a", "0"), later, later.plusSeconds(9)).orElseThrow());
    assertEquals("0", store.claim(Set.of("a", "0"), later, later.plusSeconds(9)).orElseThrow());
  }

  @Test
  void what_is_known_of_an_account_that_nobody_asks_any_more_goes() {
    units.set(0, List.of(taken("k1", "3", Duration.ofHours(5))));
    run(reader("api-key"));
    for (int i = 0; i < 1500; i++) {
      int id = i;
      jdbi.useHandle(
          h ->
              h.execute(
                  "insert into kling_deduction (account, kling_task_id, ledger, at, amount) values"
                      + " ('gone', ?, 'units', now(), 1)",
                  "k" + id));
    }
    packs.save("gone", sold, NOW);
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into account_self_test (account, at, checks) values ('gone', now(), '[]'), ('default', now(), '[]')"));
    Instant due = NOW.plus(Duration.ofMinutes(30));
    store.claim(Set.of("gone"), NOW, due);

    store.forgetAccounts(due);
    assertEquals(1501, rows());

    // So many at once; the account's own row is the last to go.
    store.forgetAccounts(due.plusSeconds(1));
    assertEquals(501, rows());
    assertEquals(2, accounts());

    store.forgetAccounts(due.plusSeconds(1));
    assertEquals(1, rows());
    assertEquals(1, accounts());
    assertEquals(List.of(), packs.of("gone"));
    assertEquals(1, packs.of("default").size());
    assertEquals(List.of("default"), Rows.texts(jdbi, "select account from account_self_test"));
  }

  @Test
  void a_reader_with_nothing_to_do_forgets_accounts_of_forty_days_ago() {
    packs.save("gone", sold, NOW);
    store.claim(Set.of("gone"), NOW, NOW);
    BillingReader reader = reader("api-key");
    clock.advance(Duration.ofDays(40));
    run(reader);
    assertEquals(1, packs.of("gone").size());

    clock.advance(Duration.ofMinutes(1));
    run(reader);

    assertEquals(List.of(), packs.of("gone"));
    assertEquals(1, packs.of("default").size());
  }

  private int accounts() {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from billing_round").mapTo(Integer.class).one());
  }

  private int rows() {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from kling_deduction").mapTo(Integer.class).one());
  }

  private static void run(BillingReader reader) {
    for (int i = 0; i < 10; i++) {
      reader.runOnce();
    }
  }

  private double gauge(String name, String tag, String value) {
    Gauge gauge = meters.find(name).tag("account", "default").tag(tag, value).gauge();
    assertTrue(gauge != null, name);
    return gauge.value();
  }

  private BillingReader reader(String credential) {
    Map<String, String> settings =
        credential.equals("pair")
            ? Map.of(
                "kling.accounts.default.access-key", "a", "kling.accounts.default.secret-key", "s")
            : Map.of("kling.accounts.default.api-key", "k");
    return new BillingReader(
        this,
        Settings.of(KlingConfig.class, settings),
        packs,
        store,
        new BillingMetrics(meters),
        Settings.of(BillingConfig.class, Map.of()),
        clock,
        new Loops());
  }

  private static Pack pack(String id, String remaining) {
    return new Pack(
        id,
        "Small",
        "online",
        new BigDecimal("100"),
        new BigDecimal(remaining),
        Instant.parse("2026-11-24T00:00:00Z"),
        Instant.parse("2026-12-24T00:00:00Z"));
  }

  private static Deduction taken(String id, String units, Duration ago) {
    return new Deduction(id, "p1", Charge.ofUnits(new BigDecimal(units)), NOW.minus(ago));
  }

  private int made;

  private void task(
      String name,
      String klingTaskId,
      @Nullable String units,
      @Nullable String amount,
      Duration ago) {
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    insert into task (id, tenant_id, kind, external_task_id, account, kling_task_id, status, previous_status,
                      sequence, feed_position, created_at, dispatched_at, updated_at, finished_at, units, amount, currency)
                    values (:id, 'acme', 'text2video', :name, 'default', :klingTaskId, 'succeed', 'submitted', 3, 0, :at, :at,
                      :at, :at, cast(:units as numeric), cast(:amount as numeric), 'USD')
                    """)
                .bind(
                    "id",
                    io.klingtracker.task.TaskId.firstAt(NOW.minus(ago)).substring(0, 15)
                        + "%016d".formatted(made++))
                .bind("name", name)
                .bind("klingTaskId", klingTaskId)
                .bind("units", units)
                .bind("amount", amount)
                .bind("at", NOW.minus(ago))
                .execute());
  }
}
