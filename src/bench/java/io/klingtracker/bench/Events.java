package io.klingtracker.bench;

import java.time.Duration;
import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * From the commit of a change, by PostgreSQL's own note of it, to a consumer of the topic: by our
 * relay, by Kafka alone, and by Debezium from the same rows.
 */
final class Events implements Bench.Group {

  private static final int RATE = 200;

  private final Rounds rounds = new Rounds();

  @Override
  public String name() {
    return "events";
  }

  @Override
  public void run(Bench bench) {
    Database database = bench.stack().database("events");
    try (Service service = bench.service(database, "bench.events", Map.of()).awaitReady();
        EventTap ours = bench.tap("bench.events", true)) {
      alone(bench, database, service, ours);
      besideDebezium(bench, database, service, ours);
    }
    bench.stack().drop(database);
    report(bench.report());
    catchUp(bench);
  }

  private void alone(Bench bench, Database database, Service service, EventTap ours) {
    service.warmUp(
        bench.options().seconds(60),
        step ->
            Loader.closed(
                    service.port(),
                    16,
                    Loader.always(Submissions.REQUEST),
                    Duration.ofSeconds(step))
                .clean("submissions"));
    submit(service, bench.seconds(5));
    floor(bench, bench.seconds(5));
    for (int round = 0; round < bench.options().rounds(); round++) {
      Histogram floor = floor(bench, bench.seconds(4));
      rounds.add("floor 50", floor.getValueAtPercentile(50) / 1000.0);
      rounds.add("floor 99", floor.getValueAtPercentile(99) / 1000.0);
      long mark = mark(database);
      submit(service, bench.seconds(4));
      add("ours", latencies(database, mark, ours));
    }
  }

  private void besideDebezium(Bench bench, Database database, Service service, EventTap ours) {
    String bootstrap = bench.stack().kafka().bootstrapServers();
    try (EventTap tunedTap = bench.tap("bench.debezium.tuned", true);
        EventTap plainTap = bench.tap("bench.debezium.plain", true);
        Debezium tuned = new Debezium(database, bootstrap, "tuned", "bench.debezium.tuned", true);
        Debezium plain =
            new Debezium(database, bootstrap, "plain", "bench.debezium.plain", false)) {
      submit(service, bench.seconds(8));
      for (int round = 0; round < bench.options().rounds(); round++) {
        long mark = mark(database);
        submit(service, bench.seconds(4));
        add("ours beside", latencies(database, mark, ours));
        add("tuned", latencies(database, mark, tunedTap));
        add("plain", latencies(database, mark, plainTap));
      }
    }
  }

  private static Histogram floor(Bench bench, Duration time) {
    return Floor.measure(bench.stack().kafka().bootstrapServers(), RATE, time);
  }

  private static void submit(Service service, Duration time) {
    Loader.open(service.port(), 16, Loader.always(Submissions.REQUEST), RATE, time)
        .clean("submissions");
  }

  private static long mark(Database database) {
    return database.number("select coalesce(max(id), 0) from task_event");
  }

  /** Waits for the events since a mark; microseconds from commit to arrival of each. */
  private static Histogram latencies(Database database, long mark, EventTap tap) {
    Map<String, Long> committed = CommitTimes.of(database, "event_id", "id > " + mark);
    Database.await(
        Duration.ofSeconds(15),
        () ->
            committed.keySet().stream()
                .allMatch(id -> tap.arrivals().containsKey(java.util.UUID.fromString(id))));
    Histogram latency = Load.histogram();
    committed.forEach(
        (id, at) -> {
          Long arrived = tap.arrivals().get(java.util.UUID.fromString(id));
          if (arrived != null) {
            latency.recordValue(Math.max(0, arrived - at));
          }
        });
    if (latency.getTotalCount() < committed.size()) {
      throw new IllegalStateException(
          "%d of %d events came".formatted(latency.getTotalCount(), committed.size()));
    }
    return latency;
  }

  private void add(String side, Histogram latency) {
    rounds.add(side + " 50", latency.getValueAtPercentile(50) / 1000.0);
    rounds.add(side + " 99", latency.getValueAtPercentile(99) / 1000.0);
  }

  private void report(Report report) {
    ratio(
        report,
        "G5",
        "commit → consumer p50 ÷ Kafka alone, 200/s",
        "ours 50",
        "floor 50",
        Goal.atMost(4));
    ratio(
        report,
        "G5",
        "commit → consumer p99 ÷ Kafka alone, 200/s",
        "ours 99",
        "floor 99",
        Goal.atMost(5));
    ratio(
        report,
        "G6",
        "Debezium tuned ÷ ours, p50, same rows",
        "tuned 50",
        "ours beside 50",
        Goal.atLeast(3));
    ratio(
        report,
        "G6",
        "Debezium as it comes ÷ ours, p50, same rows",
        "plain 50",
        "ours beside 50",
        Goal.atLeast(80));
    ratio(report, "", "Debezium tuned ÷ ours, p99", "tuned 99", "ours beside 99", Goal.none());
  }

  private void ratio(Report report, String id, String what, String over, String under, Goal goal) {
    boolean oursFirst = over.startsWith("ours");
    report.ratio(
        id,
        what,
        rounds.of(oursFirst ? over : under).text(" ms"),
        rounds.of(oursFirst ? under : over).text(" ms"),
        rounds.ratio(over, under),
        goal);
  }

  /** Kafka is away while callbacks come; then, how fast is what waited published? */
  private static void catchUp(Bench bench) {
    Database database = bench.stack().database("catch_up");
    try (CallbackSide side = new CallbackSide(bench, database, "bench.catchup", Map.of())) {
      side.warmUp(bench.options().seconds(60), 128);
      bench.stack().kafka().stop();
      long before = side.tap().seen();
      Load load = side.unpublished(128, bench.seconds(45));
      Database.await(
          Duration.ofSeconds(60),
          () -> database.number("select count(*) from callback_pending") == 0);
      long waiting = database.number("select count(*) from outbox");
      bench.stack().kafka().start();
      Database.await(Duration.ofSeconds(60), () -> side.tap().seen() > before);
      long start = System.nanoTime();
      long first = side.tap().seen();
      Database.await(
          Duration.ofSeconds(120), () -> database.number("select count(*) from outbox") == 0);
      Database.pause(500);
      double rate =
          (side.tap().seen() - first) / Math.max(0.05, (side.tap().lastAt() - start) / 1e9);
      bench
          .report()
          .ratio(
              "G8",
              "catch-up of %,d events after %d s without Kafka ÷ ingest"
                  .formatted(waiting, bench.options().seconds(45)),
              Spread.number(rate) + "/s",
              Spread.number(load.rate()) + "/s",
              Spread.of(rate / load.rate()),
              Goal.atLeast(3));
    }
  }
}
