package io.klingtracker.dispatch;

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
   * @param slots per model
   * @param weight share of new tasks
   */
  record Account(int slots, int weight) {}

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
    if (account == null || paused.contains(pool.account()) || isAway(pool.account())) {
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
    int configured = account == null ? 0 : account.slots();
    SlotLimit lowered = state(pool).lowered();
    return lowered == null ? configured : Math.min(configured, lowered.limit());
  }

  /** Raises a lowered limit by a step if it is time to. */
  void raise(SlotPool pool, PoolBackoff backoff) {
    Account account = accounts.get(pool.account());
    PoolState state = states.get(pool);
    if (account != null && state != null) {
      states.put(pool, state.raised(account.slots(), now, backoff));
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
    if (states.containsKey(pool)) {
      taken.add(pool);
      states.put(pool, state(pool).sends());
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
