package io.klingtracker.faults;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** How long honest requests took and how they were answered, by phase; printed, never judged. */
final class Measures {

  /** A phase in which nobody can be served, since the row has ended the service. */
  static final String DOWN = "down";

  /** A phase in which PostgreSQL cannot write: the service lives, and says that it is not ready. */
  static final String AWAY = "away";

  private static final int MAX_SAMPLES = 200_000;

  private static final class Series {
    private final List<Long> nanos = new ArrayList<>();
    private final Map<Integer, Integer> statuses = new TreeMap<>();
  }

  private final Map<String, Map<String, Series>> byKind = new TreeMap<>();
  private final List<String> phases = new ArrayList<>();
  private String phase = "before";

  synchronized void phase(String name) {
    phase = name;
  }

  /**
   * Notes one request.
   *
   * @param status of its answer; 0 where there was none
   */
  synchronized void note(String kind, long nanos, int status) {
    if (!phases.contains(phase)) {
      phases.add(phase);
    }
    Series series =
        byKind
            .computeIfAbsent(kind, k -> new TreeMap<>())
            .computeIfAbsent(phase, p -> new Series());
    series.statuses.merge(status, 1, Integer::sum);
    if (series.nanos.size() < MAX_SAMPLES) {
      series.nanos.add(nanos);
    }
  }

  /** Phases in which anything was measured, in their order. */
  synchronized List<String> phases() {
    return List.copyOf(phases);
  }

  /** How many of a phase were answered so. */
  synchronized int count(String kind, String phase, int status) {
    Series series = byKind.getOrDefault(kind, Map.of()).get(phase);
    return series == null ? 0 : series.statuses.getOrDefault(status, 0);
  }

  /** How many there were in a phase. */
  synchronized int count(String kind, String phase) {
    Series series = byKind.getOrDefault(kind, Map.of()).get(phase);
    return series == null ? 0 : series.statuses.values().stream().mapToInt(n -> n).sum();
  }

  /** One line for each kind and phase. */
  synchronized String table() {
    StringBuilder text = new StringBuilder();
    byKind.forEach(
        (kind, byPhase) -> {
          for (String name : phases) {
            Series series = byPhase.get(name);
            if (series != null) {
              text.append(line(kind, name, series)).append('\n');
            }
          }
        });
    return text.toString();
  }

  private static String line(String kind, String phase, Series series) {
    long[] sorted = series.nanos.stream().mapToLong(n -> n).sorted().toArray();
    return String.format(
        Locale.ROOT,
        "    %-10s %-8s %5d  p50 %8.1f ms  p99 %8.1f ms  max %8.1f ms  %s",
        kind,
        phase,
        sorted.length,
        at(sorted, 0.50),
        at(sorted, 0.99),
        at(sorted, 1.0),
        series.statuses.entrySet().stream()
            .map(s -> (s.getKey() == 0 ? "no answer" : s.getKey()) + " × " + s.getValue())
            .collect(Collectors.joining(", ")));
  }

  private static double at(long[] sorted, double share) {
    return sorted.length == 0
        ? 0
        : sorted[(int) Math.min(sorted.length - 1L, Math.round(share * (sorted.length - 1)))] / 1e6;
  }

  synchronized void clear() {
    byKind.clear();
    phases.clear();
    phase = "before";
  }

  /** Milliseconds at a share of the sorted samples of a phase; 0 without any. */
  synchronized double millis(String kind, String phase, double share) {
    Series series = byKind.getOrDefault(kind, Map.of()).get(phase);
    if (series == null) {
      return 0;
    }
    long[] sorted = series.nanos.stream().mapToLong(n -> n).toArray();
    Arrays.sort(sorted);
    return at(sorted, share);
  }
}
