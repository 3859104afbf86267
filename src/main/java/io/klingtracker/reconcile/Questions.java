package io.klingtracker.reconcile;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** How many tasks are asked about at present, by account and tenant, and who may be as well. */
final class Questions {

  private final int most;

  /** By account, then by tenant. Guarded by this. */
  private final Map<String, Map<String, Integer>> underWay = new HashMap<>();

  /**
   * Makes room for this many tasks.
   *
   * @param most that all tenants together may have asked about on one account
   */
  Questions(int most) {
    this.most = most;
  }

  /** Lets in as many as there is room for; each has to be given back. */
  synchronized CheckShares.Shares take(String account, List<Check> checks) {
    Map<String, Integer> under = underWay.computeIfAbsent(account, name -> new HashMap<>());
    CheckShares.Shares shares = CheckShares.of(checks, under, most);
    shares.asked().forEach(check -> under.merge(check.tenant(), 1, Integer::sum));
    return shares;
  }

  /** These are not asked about any more. */
  synchronized void giveBack(String account, Collection<Check> checks) {
    Map<String, Integer> under = underWay.getOrDefault(account, new HashMap<>());
    checks.forEach(check -> under.computeIfPresent(check.tenant(), (t, n) -> n > 1 ? n - 1 : null));
  }
}
