package io.klingtracker.start;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What keeps the service from starting, each a sentence without line breaks or secrets. */
final class Faults {

  private final Set<String> all = new LinkedHashSet<>();

  /** A fault of one setting. */
  void add(String key, String what) {
    add(key + " " + what);
  }

  /** A fault that says itself whose it is; names of exceptions and libraries' codes are dropped. */
  void add(String sentence) {
    all.add(
        sentence
            .replaceAll("[\\w.]*Exception: ", "")
            .replaceAll("SRCFG\\d+:? ", "")
            .replaceAll("\\s+", " "));
  }

  /** Runs what throws {@link IllegalArgumentException} for a fault, which is then noted. */
  void collect(String prefix, Runnable check) {
    try {
      check.run();
    } catch (IllegalArgumentException e) {
      add(prefix + e.getMessage());
    }
  }

  List<String> all() {
    return List.copyOf((Collection<String>) all);
  }
}
