package io.klingtracker.simulator;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** The faults on order: an ordered list of rules, of which the first that strikes does. */
final class Faults {

  private static final int MAX_RULES = 1000;

  private final long seed;
  private final List<Armed> rules = new ArrayList<>();

  Faults(long seed) {
    this.seed = seed;
  }

  synchronized void add(FaultRule rule) {
    if (rules.size() >= MAX_RULES) {
      throw new IllegalStateException("more than " + MAX_RULES + " fault rules");
    }
    rules.add(new Armed(rule, new Random(seed * 31 + rules.size())));
  }

  synchronized void clear() {
    rules.clear();
  }

  synchronized List<FaultRule> rules() {
    return rules.stream().map(armed -> armed.rule).toList();
  }

  /**
   * A rule and what came of it.
   *
   * @param seen how often it matched
   * @param struck how often it struck
   */
  record Ordered(FaultRule rule, int seen, int struck) {}

  /** All rules, with what came of them. */
  synchronized List<Ordered> ordered() {
    return rules.stream().map(armed -> new Ordered(armed.rule, armed.seen, armed.struck)).toList();
  }

  /** The fault that strikes what is no request, or null. */
  @Nullable Fault strike(Operation on, @Nullable String status, @Nullable String... ids) {
    return strike(on, "", status, ids);
  }

  /**
   * The fault that strikes a request, or null.
   *
   * @param credential with which it came, in the words of {@link Fault.Revoked}
   * @param id how its task may be named
   */
  @Nullable Fault strikeRequest(Operation on, String credential, @Nullable String id) {
    return strike(on, credential, null, new @Nullable String[] {id});
  }

  private synchronized @Nullable Fault strike(
      Operation on, String credential, @Nullable String status, @Nullable String[] ids) {
    for (Armed armed : rules) {
      if (armed.matches(on, credential, status, ids) && armed.strikes()) {
        return armed.rule.fault();
      }
    }
    return null;
  }

  private static final class Armed {
    private final FaultRule rule;
    private final Random random;
    private int seen;
    private int struck;

    Armed(FaultRule rule, Random random) {
      this.rule = rule;
      this.random = random;
    }

    boolean matches(
        Operation on, String credential, @Nullable String status, @Nullable String[] ids) {
      if (!rule.on().covers(on)
          || rule.status() != null && !rule.status().equals(status)
          || rule.fault() instanceof Fault.Revoked revoked
              && !revoked.credential().equals(credential)) {
        return false;
      }
      if (rule.task() == null) {
        return true;
      }
      for (String id : ids) {
        if (rule.task().equals(id)) {
          return true;
        }
      }
      return false;
    }

    boolean strikes() {
      seen++;
      if (seen < rule.from()
          || (rule.times() > 0 && struck >= rule.times())
          || random.nextDouble() >= rule.probability()
          || rule.fault() instanceof Fault.Burst burst
              && (seen - rule.from()) % burst.every() < burst.every() - burst.length()) {
        return false;
      }
      struck++;
      return true;
    }
  }
}
