package io.klingtracker.dispatch;

import io.klingtracker.catalog.AnswerTable;
import io.klingtracker.catalog.Family;
import io.klingtracker.dispatch.PoolState.Parking;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.Credential;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.ParallelSlots;
import io.klingtracker.retry.Backoff;
import io.klingtracker.upstream.KlingAccounts;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** The Kling accounts: which may take what now, and what Kling's answers change about that. */
@Singleton
class ConfiguredAccounts implements KlingAccounts {

  private static final Logger LOG = Logger.getLogger(ConfiguredAccounts.class);

  /** Failures in a row that open an account's breaker. */
  static final int BREAKER_FAILURES = 5;

  /** First time that it stays open. */
  static final Duration OPEN_FIRST = Duration.ofSeconds(2);

  private final PoolStore store;
  private final Clock clock;
  private final Map<String, Capacity.Account> accounts = new TreeMap<>();
  private final Map<String, Breaker> breakers = new TreeMap<>();

  /** Accounts with an API key and with a pair. */
  private final Set<String> withBoth = new TreeSet<>();

  /** As of the last claim or look: most acceptances change nothing. */
  private volatile Map<SlotPool, PoolState> states = Map.of();

  @Inject
  ConfiguredAccounts(PoolStore store, KlingConfig kling, DispatchConfig config, Clock clock) {
    this.store = store;
    this.clock = clock;
    Backoff open = Backoff.capped(OPEN_FIRST, config.breaker().openCap());
    kling
        .accounts()
        .forEach(
            (name, account) -> {
              accounts.put(name, account(account));
              if (account.apiKey().isPresent() && account.accessKey().isPresent()) {
                withBoth.add(name);
              }
              breakers.put(
                  name, new Breaker(BREAKER_FAILURES, open, clock, RandomGenerator.getDefault()));
            });
  }

  private static Capacity.Account account(KlingConfig.Account account) {
    Map<String, ParallelSlots> families = new TreeMap<>();
    for (Family family : Family.values()) {
      own(account, family).ifPresent(slots -> families.put(family.wireName(), slots));
    }
    return new Capacity.Account(
        ParallelSlots.fixed(account.maxParallel()),
        families,
        account.weight(),
        account.models().map(Set::copyOf).orElse(Set.of()));
  }

  /** The slots that a family has for itself. */
  private static Optional<ParallelSlots> own(KlingConfig.Account account, Family family) {
    return switch (family) {
      case VIDEO -> account.maxParallelVideo();
      case IMAGE -> account.maxParallelImage();
      case TRY_ON -> account.maxParallelTryOn();
      case AUDIO -> account.maxParallelAudio();
      case GENERAL -> account.maxParallelGeneral();
    };
  }

  /** Who may take how much, given what Kling did to the pools. */
  Capacity judge(PoolStore.Snapshot snapshot) {
    states = Map.copyOf(snapshot.states());
    Map<String, Breaker.State> known = new TreeMap<>();
    breakers.forEach((name, breaker) -> known.put(name, breaker.state()));
    return new Capacity(accounts, known, snapshot.paused(), snapshot.states(), clock.instant());
  }

  /** A create of this account leaves. */
  void sends(String account) {
    Breaker breaker = breakers.get(account);
    if (breaker != null) {
      breaker.tries();
    }
  }

  /** Kling answered, whatever it said. */
  void answered(String account) {
    Breaker breaker = breakers.get(account);
    if (breaker != null) {
      boolean wasAway = breaker.state() != Breaker.State.CLOSED;
      breaker.answered();
      if (wasAway) {
        LOG.infof("account=%s answers again", account);
      }
    }
  }

  /** No answer, or none that can be read. */
  void failed(String account, String reason) {
    Breaker breaker = breakers.get(account);
    if (breaker != null) {
      boolean wasWell = breaker.state() == Breaker.State.CLOSED;
      breaker.failed();
      if (wasWell && breaker.state() != Breaker.State.CLOSED) {
        LOG.warnf("account=%s does not answer, nothing is sent for a while: %s", account, reason);
      }
    }
  }

  void accepted(Claim claim) {
    Instant now = clock.instant();
    PoolState own = states.get(claim.pool());
    if (claim.epoch() > (own == null ? 0 : own.epoch())) {
      // What we know is older than the step under which it was claimed.
      store.accepted(claim.pool(), claim.sent());
      return;
    }
    for (SlotPool scope : claim.pool().scopes()) {
      PoolState state = states.get(scope);
      if (state != null && !state.accepted(claim.sent(), now).equals(state)) {
        store.accepted(claim.pool(), claim.sent());
        return;
      }
    }
  }

  /**
   * Kling has no slot for one more.
   *
   * @return whether the limit is cut
   */
  boolean full(Claim claim) {
    Capacity.Account account = accounts.get(claim.account());
    return account != null && store.full(claim.pool(), claim.sent(), account.slots(claim.family()));
  }

  /** Kling wants nothing of this account for a while. */
  void busy(Claim claim) {
    store.busy(SlotPool.all(claim.account()));
  }

  /** Parks what the code is about. */
  void park(Claim claim, CreateAnswer.AccountRefused refused) {
    int code = refused.code();
    String message = refused.message();
    SlotPool pool =
        switch (AnswerTable.builtIn().about(code)) {
          case FAMILY -> SlotPool.family(claim.account(), claim.family());
          case MODEL -> claim.pool();
          default -> ofAccount(claim, refused.credential());
        };
    if (!store.park(pool, code, message)) {
      return;
    }
    if (pool.ofCredential().isPresent()) {
      LOG.errorf(
          "account=%s credential=%s errorCode=%d parked, nothing is sent with it until a probe"
              + " succeeds or the account is resumed; the other one is used as before: %s",
          pool.account(), pool.ofCredential().get().label(), code, message);
    } else {
      LOG.errorf(
          "account=%s family=%s model=%s errorCode=%d parked, it takes no tasks until a probe"
              + " succeeds or it is resumed: %s",
          pool.account(), pool.family(), pool.model(), code, message);
    }
  }

  /** All of it, unless it has another credential than the one that was not taken. */
  private SlotPool ofAccount(Claim claim, @Nullable Credential credential) {
    String account = claim.account();
    if (credential == null || !withBoth.contains(account)) {
      return SlotPool.all(account);
    }
    SlotPool scope = SlotPool.credential(account, credential);
    // Under a model name of the other generation, that model alone.
    return claim.pool().scopes().contains(scope) ? scope : claim.pool();
  }

  Breaker.State breaker(String account) {
    Breaker breaker = breakers.get(account);
    return breaker == null ? Breaker.State.CLOSED : breaker.state();
  }

  @Override
  public List<KlingAccounts.State> all() {
    PoolStore.Snapshot snapshot = store.snapshot();
    Capacity capacity = judge(snapshot);
    return accounts.entrySet().stream()
        .map(entry -> state(entry.getKey(), entry.getValue(), snapshot, capacity))
        .toList();
  }

  private KlingAccounts.State state(
      String name, Capacity.Account account, PoolStore.Snapshot snapshot, Capacity capacity) {
    List<Parked> parked = new ArrayList<>();
    Set<SlotPool> models = new TreeSet<>(java.util.Comparator.comparing(SlotPool::toString));
    snapshot
        .states()
        .forEach(
            (pool, state) -> {
              Parking parking = state.parked();
              if (pool.account().equals(name) && parking != null) {
                parked.add(parked(pool, parking, state.notBefore()));
              }
              if (pool.account().equals(name) && state.lowered() != null) {
                models.add(pool);
              }
            });
    snapshot.used().keySet().stream()
        .filter(pool -> pool.account().equals(name))
        .forEach(models::add);
    return new KlingAccounts.State(
        name,
        account.slots().start(),
        limits(account),
        account.models(),
        account.weight(),
        snapshot.paused().contains(name),
        breaker(name).wireName(),
        parked,
        models.stream()
            .map(
                pool ->
                    new Slots(
                        pool.family(),
                        pool.model(),
                        snapshot.used().getOrDefault(pool, 0),
                        capacity.slots(pool)))
            .toList());
  }

  private static Map<String, ParallelSlots> limits(Capacity.Account account) {
    Map<String, ParallelSlots> limits = new TreeMap<>();
    for (Family family : Family.values()) {
      limits.put(family.wireName(), account.slots(family.wireName()));
    }
    return limits;
  }

  private static Parked parked(SlotPool pool, Parking parking, @Nullable Instant probeAt) {
    Credential credential = pool.ofCredential().orElse(null);
    return new Parked(
        credential == null ? null : credential.label(),
        pool.family().isEmpty() || credential != null ? null : pool.family(),
        pool.model().isEmpty() ? null : pool.model(),
        parking.code(),
        parking.reason(),
        parking.at(),
        probeAt);
  }

  @Override
  public boolean pause(String name) {
    if (accounts.containsKey(name)) {
      store.pause(name);
      LOG.warnf("account=%s paused", name);
      return true;
    }
    return false;
  }

  @Override
  public boolean resume(String name) {
    Capacity.Account account = accounts.get(name);
    if (account != null) {
      store.resume(
          name,
          limits(account).entrySet().stream()
              .filter(limit -> limit.getValue().isAuto())
              .map(Map.Entry::getKey)
              .toList());
      LOG.infof("account=%s resumed", name);
      return true;
    }
    return false;
  }
}
