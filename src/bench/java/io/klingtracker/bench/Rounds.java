package io.klingtracker.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The figures of several sides that took turns, round after round. */
final class Rounds {

  private final Map<String, List<Double>> figures = new LinkedHashMap<>();

  /** Notes this round's figure of one side. */
  void add(String side, double figure) {
    figures.computeIfAbsent(side, name -> new ArrayList<>()).add(figure);
  }

  boolean has(String side) {
    return figures.containsKey(side);
  }

  Spread of(String side) {
    return Spread.of(figures.getOrDefault(side, List.of()));
  }

  /** One side over another, round by round. */
  Spread ratio(String side, String yardstick) {
    List<Double> above = figures.getOrDefault(side, List.of());
    List<Double> below = figures.getOrDefault(yardstick, List.of());
    List<Double> ratios = new ArrayList<>();
    for (int round = 0; round < Math.min(above.size(), below.size()); round++) {
      ratios.add(above.get(round) / below.get(round));
    }
    return Spread.of(ratios);
  }
}
