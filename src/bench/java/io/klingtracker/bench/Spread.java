package io.klingtracker.bench;

import java.util.List;
import java.util.Locale;

/** What several rounds gave: the median, and how far they lie apart. */
record Spread(double median, double min, double max) {

  static Spread of(List<Double> rounds) {
    // A side whose reading failed in one round, or was zero and so no yardstick, counts in the
    // others.
    List<Double> sorted =
        rounds.stream().filter(figure -> Double.isFinite(figure)).sorted().toList();
    if (sorted.isEmpty()) {
      return new Spread(Double.NaN, Double.NaN, Double.NaN);
    }
    int middle = sorted.size() / 2;
    double median =
        sorted.size() % 2 == 1
            ? sorted.get(middle)
            : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    return new Spread(median, sorted.get(0), sorted.get(sorted.size() - 1));
  }

  static Spread of(double single) {
    return new Spread(single, single, single);
  }

  String text(String unit) {
    String middle = number(median) + unit;
    return min == max ? middle : middle + " (" + number(min) + "–" + number(max) + ")";
  }

  /** As many digits as mean something. */
  static String number(double value) {
    double size = Math.abs(value);
    if (Double.isNaN(value)) {
      return "–";
    }
    String digits = size >= 100 ? "%,.0f" : size >= 10 ? "%.1f" : "%.2f";
    return String.format(Locale.ROOT, digits, value);
  }
}
