package io.klingtracker.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * What one of each costs, in processor time, WAL and rows: by itself, or beside another build with
 * {@code -Dbench.baseline}. Both take turns within each step, and who begins changes by round.
 */
final class Builds implements Bench.Group {

  private static final int TASKS = 1_500;
  private static final int READS = 3_000;
  private static final int WARM_UP = 6;

  /** What a change may make the two hot ways dearer. */
  private static final double DEARER = 1.05;

  private static final String OURS = "this build";
  private static final String THEIRS = "baseline";

  private final Costs costs = new Costs();

  /** One step of a round, and what is counted in it. */
  private record Step(String what, Function<BuildSide, Cost> run, boolean hot) {}

  @Override
  public String name() {
    return "cost";
  }

  @Override
  public void run(Bench bench) {
    List<Step> steps = steps(bench.options().smoke() ? 100 : TASKS, bench.options().rows(READS));
    Optional<Path> baseline = bench.options().baseline();
    if (baseline.isEmpty()) {
      bench.report().note("cost: no other build was named with -Dbench.baseline.");
    }
    List<String> names = new ArrayList<>();
    List<BuildSide> sides = new ArrayList<>();
    try {
      names.add(OURS);
      sides.add(new BuildSide(bench, "ours", bench.options().jar()));
      if (baseline.isPresent()) {
        names.add(THEIRS);
        sides.add(new BuildSide(bench, "theirs", baseline.get()));
      }
      for (int time = 0; time < (bench.options().smoke() ? 0 : WARM_UP); time++) {
        for (Step step : steps) {
          for (BuildSide side : sides) {
            // Until they are compiled; what it cost counts for nothing.
            Cost unused = step.run().apply(side);
          }
        }
      }
      for (int round = 0; round < bench.options().rounds(); round++) {
        for (Step step : steps) {
          for (int turn = 0; turn < sides.size(); turn++) {
            int side = (turn + round) % sides.size();
            costs.add(step.what() + "/" + names.get(side), step.run().apply(sides.get(side)));
          }
        }
      }
    } finally {
      sides.forEach(BuildSide::close);
    }
    report(bench.report(), steps, baseline.isPresent());
  }

  private static List<Step> steps(int tasks, int reads) {
    return List.of(
        new Step("submission", side -> side.submit(tasks), true),
        new Step("dispatch", side -> side.dispatchSigned(tasks), false),
        new Step("signed callback", BuildSide::signedCallbacks, true),
        new Step("submission of the second account", side -> side.submit(tasks / 3), false),
        new Step("dispatch of the second account", side -> side.dispatchOpen(tasks / 3), false),
        new Step("unsigned callback, no end", BuildSide::unsignedCallbacks, true),
        new Step("GET of a running task", side -> side.get(false, reads), false),
        new Step("GET of a task that has ended", side -> side.get(true, reads), false),
        new Step("bare endpoint", side -> side.bare(reads), false));
  }

  private void report(Report report, List<Step> steps, boolean compared) {
    for (Step step : steps) {
      String ours = step.what() + "/" + OURS;
      String theirs = step.what() + "/" + THEIRS;
      if (compared) {
        report.ratio(
            "",
            "processor time of a %s, µs ÷ baseline".formatted(step.what()),
            costs.micros(ours).text(""),
            costs.micros(theirs).text(""),
            costs.ratio(ours, theirs),
            step.hot() ? Goal.atMost(DEARER) : Goal.none());
        report.note("%s, this build: %s".formatted(step.what(), costs.text(ours)));
        report.note("%s, baseline: %s".formatted(step.what(), costs.text(theirs)));
      } else {
        costs.report(report, "a " + step.what(), ours);
      }
    }
  }
}
