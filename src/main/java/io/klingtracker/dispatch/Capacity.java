package io.klingtracker.dispatch;

import io.klingtracker.kling.ParallelSlots;
import io.klingtracker.upstream.KlingAccounts;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How many tasks of a model each account may run now: as configured, less what refusals, pauses and
 * breakers take away. What is on trial takes one task at a time.
 */
final class Capacity {

  /**
   * A configured account.
   *
   * @param slots of each model
   * @param families slots of each model of the families that have a number of their own
   * @param weight share of new tasks
   * @param models that it may use; empty for all
   */
  record Account(
      ParallelSlots slots, Map<String, ParallelSlots> families, int weight, Set<String> models) {

    /** One that may use every model, each with the same slots. */
    Account(int slots, int weight) {
      this(ParallelSlots.fixed(slots), Map.of(), weight, Set.of());
    }

    /** Of each model of a family when all is well. */
    ParallelSlots slots(String family) {
      return families.getOrDefault(family, slots);
    }

    /** See {@link KlingAccounts#mayUse}. */
    boolean mayUse(String model) {
      return KlingAccounts.mayUse(models, model);
    }
  }

  private final Map<String, Account> accounts;
  private final Map<String, Breaker.State> breakers;
  private final Set<String> paused;
  private final Map<SlotPool, PoolState> states;
  private final Instant now;
  private final Set<SlotPool> tried = new HashSet<>();
  private final Set<SlotPool> taken = new HashSet<>();

  Capacity(
      Map<String, Account> accounts,
      Map<String, Breaker.State> breakers,
      Set<String> paused,
      Map<SlotPool, PoolState> states,
      Instant now) {
    this.accounts = accounts;
    this.breakers = breakers;
    this.paused = paused;
    this.states = new HashMap<>(states);
    this.now = now;
  }

  /** Names of configured accounts. */
  Set<String> accounts() {
    return accounts.keySet();
  }

  int weight(String account) {
    Account known = accounts.get(account);
    return known == null ? 1 : known.weight();
  }

  /** Slots that may be in use at most; 0 when nothing new may be sent. */
  int limit(SlotPool pool) {
    Account account = accounts.get(pool.account());
    if (account == null
        || !account.mayUse(pool.model())
        || paused.contains(pool.account())
        || isAway(pool.account())) {
      return 0;
    }
    for (SlotPool scope : pool.scopes()) {
      PoolState state = state(scope);
      if (state.isShut(now) || state.parked() != null && tried.contains(scope)) {
        return 0;
      }
    }
    return slots(pool);
  }

  /** Slots when nothing is shut. */
  int slots(SlotPool pool) {
    Account account = accounts.get(pool.account());
    if (account == null) {
      return 0;
    }
    ParallelSlots slots = account.slots(pool.family());
    SlotLimit lowered = state(pool).lowered();
    return lowered == null ? slots.start() : Math.min(slots.ceiling(), lowered.limit());
  }

  /** Raises a lowered limit by a step if it is time to. */
  void raise(SlotPool pool, PoolBackoff backoff) {
    Account account = accounts.get(pool.account());
    PoolState state = states.get(pool);
    if (account != null && state != null) {
      states.put(pool, state.raised(account.slots(pool.family()), now, backoff));
    }
  }

  /** Notes that a task goes there: what is on trial gets no second one. */
  void took(SlotPool pool) {
    for (SlotPool scope : pool.scopes()) {
      if (state(scope).parked() != null) {
        tried.add(scope);
        taken.add(scope);
      }
    }
    if (breakers.get(pool.account()) == Breaker.State.HALF_OPEN) {
      tried.add(SlotPool.all(pool.account()));
    }
    Account account = accounts.get(pool.account());
    PoolState state =
        account == null ? state(pool) : state(pool).begun(account.slots(pool.family()), now);
    // A step up to all that are configured is to be kept too: it leaves nothing of the state.
    if (states.containsKey(pool) || !state.equals(PoolState.UNRESTRICTED)) {
      taken.add(pool);
      states.put(pool, state.sends());
    }
  }

  /** What is tried by the tasks that were taken. */
  Set<SlotPool> tried() {
    return Set.copyOf(tried);
  }

  /** What Kling's refusals made of the pools that tasks were taken for, as it is with these. */
  Map<SlotPool, PoolState> changed() {
    return taken.stream().collect(Collectors.toMap(pool -> pool, this::state));
  }

  PoolState state(SlotPool pool) {
    return states.getOrDefault(pool, PoolState.UNRESTRICTED);
  }

  /** Why an account takes nothing of a model now, or an empty text when it does. */
  String obstacle(SlotPool pool) {
    String name = pool.account();
    Account account = accounts.get(name);
    if (account == null) {
      return "account " + name + " is not configured";
    }
    if (!account.mayUse(pool.model())) {
      return "account %s may not use it (kling.accounts.%s.models)".formatted(name, name);
    }
    if (paused.contains(name)) {
      return "account " + name + " is paused";
    }
    if (breakers.get(name) == Breaker.State.OPEN) {
      return "account " + name + " does not answer";
    }
    for (SlotPool scope : pool.scopes()) {
      PoolState state = state(scope);
      if (state.parked() != null) {
        return "account "
            + name
            + scope.ofCredential().map(own -> ", its " + own.label() + ",").orElse("")
            + " is parked: "
            + state.parked().code()
            + " "
            + state.parked().reason();
      }
      if (state.isShut(now)) {
        return "account " + name + " is asked to wait by Kling";
      }
    }
    return "";
  }

  private boolean isAway(String account) {
    Breaker.State known = breakers.getOrDefault(account, Breaker.State.CLOSED);
    return known == Breaker.State.OPEN
        || known == Breaker.State.HALF_OPEN && tried.contains(SlotPool.all(account));
  }
}
