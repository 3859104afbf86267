package io.klingtracker.dispatch;

import java.time.Instant;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

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

  /** Whether an account answers. */
  enum Health {
    WELL,
    /** One task is tried. */
    ON_TRIAL,
    AWAY
  }

  private final Map<String, Account> accounts;
  private final Map<String, Health> health;
  private final Set<String> paused;
  private final Map<Pool, PoolState> states;
  private final Instant now;
  private final Set<Pool> tried = new HashSet<>();

  Capacity(
      Map<String, Account> accounts,
      Map<String, Health> health,
      Set<String> paused,
      Map<Pool, PoolState> states,
      Instant now) {
    this.accounts = accounts;
    this.health = health;
    this.paused = paused;
    this.states = states;
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
  int limit(Pool pool) {
    Account account = accounts.get(pool.account());
    if (account == null || paused.contains(pool.account()) || isAway(pool.account())) {
      return 0;
    }
    for (Pool scope : pool.scopes()) {
      PoolState state = state(scope);
      if (state.isShut(now) || state.parked() != null && tried.contains(scope)) {
        return 0;
      }
    }
    return slots(pool);
  }

  /** Slots when nothing is shut. */
  int slots(Pool pool) {
    Account account = accounts.get(pool.account());
    int configured = account == null ? 0 : account.slots();
    Integer lowered = state(pool).loweredTo();
    return lowered == null ? configured : Math.min(configured, lowered);
  }

  /** Notes that a task goes there: what is on trial gets no second one. */
  void took(Pool pool) {
    for (Pool scope : pool.scopes()) {
      if (state(scope).parked() != null) {
        tried.add(scope);
      }
    }
    if (health.get(pool.account()) == Health.ON_TRIAL) {
      tried.add(Pool.all(pool.account()));
    }
  }

  /** What is tried by the tasks that were taken. */
  Set<Pool> tried() {
    return Set.copyOf(tried);
  }

  PoolState state(Pool pool) {
    return states.getOrDefault(pool, PoolState.FREE);
  }

  /** Why an account takes nothing of a model now, or an empty text when it does. */
  String obstacle(Pool pool) {
    String name = pool.account();
    if (paused.contains(name)) {
      return "account " + name + " is paused";
    }
    if (health.get(name) == Health.AWAY) {
      return "account " + name + " does not answer";
    }
    for (Pool scope : pool.scopes()) {
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
    Health known = health.getOrDefault(account, Health.WELL);
    return known == Health.AWAY || known == Health.ON_TRIAL && tried.contains(Pool.all(account));
  }
}
