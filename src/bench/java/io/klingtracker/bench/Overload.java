package io.klingtracker.bench;

/** Three times what it can take: does it continue to take as much, and say no to the rest? */
final class Overload implements Bench.Group {

  /** More than the service lets in at a time, so that it has to say no. */
  private static final int CONNECTIONS = 1_500;

  @Override
  public String name() {
    return "overload";
  }

  @Override
  public void run(Bench bench) {
    CallbackSide side = bench.common().side();
    double most = side.closed(128, bench.seconds(5)).load().rate();
    CallbackSide.Result flood = side.flood(CONNECTIONS, 3 * most, bench.seconds(60));
    Load load = flood.load();
    Report report = bench.report();
    report.ratio(
        "",
        "callbacks answered at three times the capacity ÷ at capacity",
        Spread.number(load.rate()) + "/s",
        Spread.number(most) + "/s",
        Spread.of(load.rate() / most),
        Goal.atLeast(0.9));
    report.figure(
        "of them lost, refused, broken; memory",
        "%d, %,d, %d; %d MiB"
            .formatted(
                Math.max(0, load.good() - flood.events()),
                load.busy(),
                load.bad(),
                side.service().residentMebibytes()));
    Profile.take(
        bench,
        "overload",
        side.service(),
        () -> side.flood(CONNECTIONS, 3 * most, bench.seconds(8)).load().rate());
  }
}
