package io.klingtracker.share;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/** Amounts that tenants asked for within the last while; a bounded number of tenants. */
final class Recent {

  /** Of more, the oldest are forgotten. */
  static final int MAX_TENANTS = 1000;

  private final long memory;
  private final Map<String, Wish> byAge = new LinkedHashMap<>();
  private long sum;

  private record Wish(long amount, long at) {}

  Recent(long memoryNanos) {
    this.memory = memoryNanos;
  }

  /** Notes a wish; who is noted already keeps its place. */
  void note(String tenant, long amount, long now) {
    Wish before = byAge.put(tenant, new Wish(amount, now));
    sum += amount - (before == null ? 0 : before.amount);
    if (byAge.size() > MAX_TENANTS) {
      removeFirst();
    }
  }

  void remove(String tenant) {
    Wish wish = byAge.remove(tenant);
    if (wish != null) {
      sum -= wish.amount;
    }
  }

  void forget(long now) {
    if (!byAge.isEmpty() && byAge.values().removeIf(wish -> now - wish.at >= memory)) {
      sum = byAge.values().stream().mapToLong(Wish::amount).sum();
    }
  }

  boolean has(String tenant) {
    return byAge.containsKey(tenant);
  }

  int tenants() {
    return byAge.size();
  }

  /** What the others asked for. */
  long sumWithout(String tenant) {
    Wish mine = byAge.get(tenant);
    return mine == null ? sum : sum - mine.amount;
  }

  /** What those asked for who are noted longer, and asked for no more than this. */
  long sumBefore(String tenant, long amount) {
    long before = 0;
    for (Map.Entry<String, Wish> entry : byAge.entrySet()) {
      if (entry.getKey().equals(tenant)) {
        break;
      }
      before += entry.getValue().amount <= amount ? entry.getValue().amount : 0;
    }
    return before;
  }

  private void removeFirst() {
    Iterator<Wish> first = byAge.values().iterator();
    sum -= first.next().amount;
    first.remove();
  }
}
