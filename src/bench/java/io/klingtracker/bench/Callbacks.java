package io.klingtracker.bench;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramIterationValue;
import org.jspecify.annotations.Nullable;

/**
 * Callbacks: durable before their answer, applied, and published. A rate counts until the last
 * event is with a consumer, so that a backlog does not flatter it.
 */
final class Callbacks implements Bench.Group {

  private static final int MANY = 128;
  private static final int SOME = 32;
  private static final SqlScript CTE = new SqlScript("cb_cte");
  private static final SqlScript ORM = new SqlScript("cb_orm");

  private final Rounds rounds = new Rounds();
  private final Costs costs = new Costs();
  private final Histogram latency = Load.histogram();
  private @Nullable Database single;

  @Override
  public String name() {
    return "callbacks";
  }

  @Override
  public void prepare(Bench bench) {
    bench.common().yardstick();
    single = bench.common().history("callbacks_single");
  }

  @Override
  public void run(Bench bench) {
    CallbackSide grouped = bench.common().side();
    // The same code with a transaction for each callback.
    Map<String, String> oneByOne = Map.of("tracker.group-commit.enabled", "false");
    try (CallbackSide ungrouped =
        new CallbackSide(bench, Objects.requireNonNull(single), "bench.single", oneByOne)) {
      ungrouped.warmUp(bench.options().seconds(15), SOME);
      for (int round = 0; round < bench.options().rounds(); round++) {
        round(bench, grouped, ungrouped);
      }
    }
    sweep(bench, grouped);
    sustained(bench, grouped);
    atHalf(bench, grouped);
    Profile.take(
        bench,
        "callbacks",
        grouped.service(),
        () -> grouped.closed(MANY, bench.seconds(8)).published());
    report(bench.report());
  }

  private void round(Bench bench, CallbackSide grouped, CallbackSide ungrouped) {
    Common common = bench.common();
    Duration time = bench.seconds(3);
    Duration brief = bench.seconds(1);
    CallbackSide.Result many = grouped.closed(MANY, time);
    rounds.add("ours 128", many.published());
    rounds.add("ours 128 answered", many.load().rate());
    costs.add("128", many.cost());
    rounds.add("lag", many.lag());
    rounds.add("events per callback", (double) many.events() / many.load().good());
    rounds.add("cte 128", common.rate(CTE, MANY, time));
    rounds.add("ours 32 ms", grouped.closed(SOME, brief).load().millis(50));
    rounds.add("single 32 ms", ungrouped.closed(SOME, brief).load().millis(50));
    rounds.add("cte 16", common.rate(CTE, 16, brief));
    rounds.add("orm 16", common.rate(ORM, 16, brief));
    rounds.add("orm 128", common.rate(ORM, MANY, brief));
    CallbackSide.Result alone = grouped.closed(1, brief);
    rounds.add("ours 1", alone.load().rate());
    costs.add("1", alone.cost());
    rounds.add("ours 1 ms", alone.load().millis(50));
    rounds.add("single 1 ms", ungrouped.closed(1, brief).load().millis(50));
    rounds.add("cte 1", common.rate(CTE, 1, brief));
    rounds.add("orm 1", common.rate(ORM, 1, brief));
    byte[] bare = Http.get("/q/health/live", Map.of());
    rounds.add(
        "bare 128",
        Loader.closed(grouped.port(), MANY, Loader.always(bare), brief)
            .clean("the bare endpoint")
            .rate());
    common.yardstick().execute("truncate outbox");
  }

  /** How the rate grows with the connections. */
  private void sweep(Bench bench, CallbackSide grouped) {
    Chart chart = new Chart("Callbacks a second over connections", "connections", "callbacks/s");
    for (int connections : List.of(1, 4, 16, 32, 64, 128, 256)) {
      CallbackSide.Result result = grouped.closed(connections, bench.seconds(1));
      chart.point("answered", connections, result.load().rate());
      chart.point("published", connections, result.published());
    }
    bench.report().chart("callbacks-connections.svg", chart.svg());
  }

  /** A minute at full ingest: does what is published keep up? */
  private static void sustained(Bench bench, CallbackSide grouped) {
    CallbackSide.Result minute = grouped.closed(MANY, bench.seconds(60));
    double published = (double) minute.events() / minute.load().good();
    bench
        .report()
        .figure(
            "G7",
            "events published for each callback, a minute at full ingest, %s/s"
                .formatted(Spread.number(minute.load().rate())),
            Spread.number(published),
            Spread.of(published),
            Goal.exactly(1));
    bench
        .report()
        .figure(
            "G7",
            "last event after the last answer of that minute",
            Spread.number(minute.lag()) + " s",
            Spread.of(minute.lag()),
            Goal.atMost(1));
  }

  /** Half the capacity, by an open loop: what a sender sees on a normal day. */
  private void atHalf(Bench bench, CallbackSide grouped) {
    double half = rounds.of("ours 128").median() / 2;
    double rate = Double.isNaN(half) ? 100 : Math.max(100, half);
    Duration time = bench.seconds(10);
    Load load = grouped.open(MANY, rate, time).load();
    latency.add(load.latency());
    bench
        .report()
        .figure(
            "callback latency at half the capacity, " + Spread.number(rate) + "/s, open loop",
            "p50 %s ms, p99 %s ms, p99.9 %s ms"
                .formatted(
                    Spread.number(load.millis(50)),
                    Spread.number(load.millis(99)),
                    Spread.number(load.millis(99.9))));
    Chart chart = new Chart("Latency of callbacks at half the capacity", "ms", "callbacks");
    for (HistogramIterationValue bar : latency.logarithmicBucketValues(250, 1.25)) {
      chart.point(
          "answers", bar.getValueIteratedTo() / 1000.0, bar.getCountAddedInThisIterationStep());
    }
    bench.report().chart("callbacks-latency.svg", chart.svg());
  }

  private void report(Report report) {
    report.ratio(
        "G1",
        "durable callbacks published, 128 connections ÷ one statement each without HTTP",
        rounds.of("ours 128").text("/s"),
        rounds.of("cte 128").text("/s"),
        rounds.ratio("ours 128", "cte 128"),
        Goal.atLeast(1.5));
    report.ratio(
        "",
        "the same ÷ one statement each with 16 clients, where it is fastest",
        rounds.of("ours 128").text("/s"),
        rounds.of("cte 16").text("/s"),
        rounds.ratio("ours 128", "cte 16"),
        Goal.none());
    report.ratio(
        "G2",
        "the same ÷ six round trips each, 128 clients",
        rounds.of("ours 128").text("/s"),
        rounds.of("orm 128").text("/s"),
        rounds.ratio("ours 128", "orm 128"),
        Goal.atLeast(3.5));
    report.ratio(
        "",
        "the same ÷ six round trips each, 16 clients",
        rounds.of("ours 128").text("/s"),
        rounds.of("orm 16").text("/s"),
        rounds.ratio("ours 128", "orm 16"),
        Goal.none());
    report.ratio(
        "G3",
        "p50 at 32 connections ÷ a transaction each in the same code",
        rounds.of("ours 32 ms").text(" ms"),
        rounds.of("single 32 ms").text(" ms"),
        rounds.ratio("ours 32 ms", "single 32 ms"),
        Goal.atMost(0.5));
    report.ratio(
        "",
        "p50 at one connection ÷ a transaction each in the same code",
        rounds.of("ours 1 ms").text(" ms"),
        rounds.of("single 1 ms").text(" ms"),
        rounds.ratio("ours 1 ms", "single 1 ms"),
        Goal.none());
    one(report, "one statement each", "cte 1");
    one(report, "six round trips each", "orm 1");
    report.figure("callbacks answered, 128 connections", rounds.of("ours 128 answered").text("/s"));
    costs.report(report, "a callback, 128 connections", "128");
    costs.report(report, "a callback, one connection", "1");
    report.figure("last event after the last answer", rounds.of("lag").text(" s"));
    report.figure(
        "a bare endpoint of the same server, 128 connections", rounds.of("bare 128").text("/s"));
  }

  private void one(Report report, String what, String yardstick) {
    report.ratio(
        "",
        "callbacks at one connection ÷ " + what + ", one client",
        rounds.of("ours 1").text("/s"),
        rounds.of(yardstick).text("/s"),
        rounds.ratio("ours 1", yardstick),
        Goal.none());
  }
}
