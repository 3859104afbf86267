package io.klingtracker.bench;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.HdrHistogram.Histogram;

/** Submissions: stored with their first event before the answer; and how soon they are at Kling. */
final class Submissions implements Bench.Group {

  static final byte[] REQUEST =
      Http.post(
          "/kling/v1/videos/text2video",
          Map.of("Authorization", "Bearer " + Service.API_KEY),
          "{\"model_name\":\"kling-v3\",\"prompt\":\"A red kite over the sea\",\"duration\":\"5\"}"
              .getBytes(StandardCharsets.UTF_8));

  private static final List<Integer> CONNECTIONS = List.of(16, 32, 64, 128);
  private static final SqlScript SUBMIT = new SqlScript("submit");

  private final Rounds rounds = new Rounds();
  private final Costs costs = new Costs();

  @Override
  public String name() {
    return "submissions";
  }

  @Override
  public void run(Bench bench) {
    Common common = bench.common();
    Service service = common.side().service();
    service.warmUp(
        bench.options().seconds(10), step -> submit(service, 128, Duration.ofSeconds(step)));
    Meter meter = new Meter(bench, service);
    for (int round = 0; round < bench.options().rounds(); round++) {
      for (int connections : CONNECTIONS) {
        Duration time = bench.seconds(1);
        Meter.Reading before = meter.read();
        Load load = submit(service, connections, time);
        rounds.add("ours " + connections, load.rate());
        costs.add(Integer.toString(connections), meter.since(before, load.good()));
        rounds.add("sql " + connections, common.rate(SUBMIT, connections, time));
      }
      Load alone = submit(service, 1, bench.seconds(1));
      rounds.add("ours 1", alone.rate());
      rounds.add("ms 1", alone.millis(50));
      rounds.add("sql 1", common.rate(SUBMIT, 1, bench.seconds(1)));
      common.yardstick().execute("truncate outbox");
    }
    report(bench.report());
    Profile.take(bench, "submissions", service, () -> submit(service, 16, bench.seconds(8)).rate());
    toKling(bench);
  }

  private static Load submit(Service service, int connections, Duration time) {
    return Loader.closed(service.port(), connections, Loader.always(REQUEST), time)
        .clean("submissions");
  }

  private void report(Report report) {
    Chart chart =
        new Chart("Submissions a second over connections", "connections", "submissions/s");
    for (int connections : CONNECTIONS) {
      chart.point("service", connections, rounds.of("ours " + connections).median());
      chart.point("SQL without HTTP", connections, rounds.of("sql " + connections).median());
      row(report, "G4", connections, Goal.atLeast(1));
      costs.report(
          report,
          "a submission, %d connections".formatted(connections),
          Integer.toString(connections));
    }
    row(report, "", 1, Goal.none());
    report.figure("submission p50 at one connection", rounds.of("ms 1").text(" ms"));
    report.chart("submissions-connections.svg", chart.svg());
  }

  private void row(Report report, String id, int connections, Goal goal) {
    String ours = "ours " + connections;
    String yardstick = "sql " + connections;
    report.ratio(
        id,
        "submissions, %d connections ÷ one statement each without HTTP".formatted(connections),
        rounds.of(ours).text("/s"),
        rounds.of(yardstick).text("/s"),
        rounds.ratio(ours, yardstick),
        goal);
  }

  /** From the commit of a submission, by PostgreSQL's clock, to Kling's having read the create. */
  private static void toKling(Bench bench) {
    Database database = bench.stack().database("submissions_kling");
    Map<String, String> slots = Map.of("kling.accounts.default.max-parallel", "10000");
    try (Service service = bench.service(database, "bench.kling", slots).awaitReady()) {
      service.warmUp(
          bench.options().seconds(15),
          step -> {
            Loader.open(service.port(), 16, Loader.always(REQUEST), 200, Duration.ofSeconds(step));
            Database.await(
                Duration.ofSeconds(20),
                () -> database.number("select count(*) from dispatch_queue") == 0);
          });
      long started = System.currentTimeMillis();
      long mark = database.number("select max(id) from task_event");
      long before = database.number("select count(*) from task");
      Loader.open(service.port(), 4, Loader.always(REQUEST), 20, bench.seconds(10));
      long all = database.number("select count(*) from task") - before;
      Predicate<io.klingtracker.simulator.Ledger.Create> fresh = c -> c.at() >= started;
      Database.await(
          Duration.ofSeconds(10),
          () -> bench.stack().kling().ledger().creates(fresh).size() >= all);
      Map<String, Long> arrived = new HashMap<>();
      bench
          .stack()
          .kling()
          .ledger()
          .creates(fresh)
          .forEach(create -> arrived.put(String.valueOf(create.externalId()), create.at()));
      Histogram millis = new Histogram(60_000, 3);
      CommitTimes.of(database, "task_id", "sequence = 1 and id > " + mark)
          .forEach(
              (task, micros) -> {
                Long at = arrived.get(task);
                if (at != null) {
                  millis.recordValue(Math.max(0, Math.round(at - micros / 1000.0)));
                }
              });
      double p50 = millis.getValueAtPercentile(50);
      bench
          .report()
          .figure(
              "",
              "commit of a submission → read by Kling, 20/s, p50 in ms (p99 "
                  + millis.getValueAtPercentile(99)
                  + " ms, "
                  + millis.getTotalCount()
                  + " tasks)",
              Spread.number(p50) + " ms",
              Spread.of(millis.getTotalCount() == 0 ? Double.NaN : p50),
              Goal.atMost(15));
    }
    bench.stack().drop(database);
  }
}
