package io.klingtracker.faults;

import java.util.ArrayList;
import java.util.List;

/** What did not hold; a row continues after it, so that one run tells of everything. */
final class Findings {

  /** One cause can show ten thousand times. */
  private static final int MAX_OF_A_KIND = 5;

  private final List<String> all = new ArrayList<>();
  private final java.util.Map<String, Integer> counts = new java.util.LinkedHashMap<>();

  /**
   * Notes what did not hold.
   *
   * @param rule the rule in a few words, the same for every case of it
   * @param detail the case
   */
  synchronized void add(String rule, String detail) {
    if (counts.merge(rule, 1, Integer::sum) <= MAX_OF_A_KIND) {
      all.add(rule + ": " + detail);
    }
  }

  /** Notes it unless it holds. */
  void require(boolean holds, String rule, String detail) {
    if (!holds) {
      add(rule, detail);
    }
  }

  synchronized boolean none() {
    return all.isEmpty();
  }

  @Override
  public synchronized String toString() {
    StringBuilder text = new StringBuilder();
    all.forEach(one -> text.append("\n  - ").append(one));
    counts.forEach(
        (rule, count) -> {
          if (count > MAX_OF_A_KIND) {
            text.append("\n  - ").append(rule).append(": ").append(count).append(" times in all");
          }
        });
    return text.toString();
  }
}
