package io.klingtracker.bench;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
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
    CallbackSide side = bench.common().side();
    catchUp(bench, side);
    try (EventTap ours = bench.tap(side.topic(), true)) {
      side.service()
          .warmUp(
              bench.options().seconds(20),
              step ->
                  Loader.closed(
                          side.port(),
                          16,
                          Loader.always(Submissions.REQUEST),
                          Duration.ofSeconds(step))
                      .clean("submissions"));
      // The engines run in this JVM, which has to compile them too.
      debezium(bench, side, true, bench.seconds(6));
      floor(bench, bench.seconds(5));
      for (int round = 0; round < bench.options().rounds(); round++) {
        Histogram floor = floor(bench, bench.seconds(2));
        rounds.add("floor 50", floor.getValueAtPercentile(50) / 1000.0);
        rounds.add("floor 99", floor.getValueAtPercentile(99) / 1000.0);
        add("ours", latencies(side, ours, bench.seconds(3)));
        add("tuned", debezium(bench, side, true, bench.seconds(3)));
        add("plain", debezium(bench, side, false, bench.seconds(3)));
      }
      Profile.take(
          bench,
          "events",
          side.service(),
          () -> {
            latencies(side, ours, bench.seconds(8));
            return (double) RATE;
          });
    }
    report(bench.report());
  }

  /**
   * One engine at a time: nobody runs two, nor one beside a relay of ours, which continues here but
   * has little to do at this rate.
   */
  private static Histogram debezium(Bench bench, CallbackSide side, boolean tuned, Duration time) {
    String name = tuned ? "tuned" : "plain";
    String topic = "bench.debezium." + name;
    String bootstrap = bench.stack().kafka().bootstrapServers();
    try (EventTap tap = bench.tap(topic, true);
        Debezium engine = new Debezium(side.database(), bootstrap, name, topic, tuned)) {
      submit(side.service(), bench.seconds(1));
      return latencies(side, tap, time);
    }
  }

  private static Histogram floor(Bench bench, Duration time) {
    return Floor.measure(bench.stack().kafka().bootstrapServers(), RATE, time);
  }

  private static void submit(Service service, Duration time) {
    Loader.open(service.port(), 16, Loader.always(Submissions.REQUEST), RATE, time)
        .clean("submissions");
  }

  /** Submits for a while; microseconds from commit to arrival of each event of that. */
  private static Histogram latencies(CallbackSide side, EventTap tap, Duration time) {
    Database database = side.database();
    long mark = database.number("select coalesce(max(id), 0) from task_event");
    submit(side.service(), time);
    Map<String, Long> committed = CommitTimes.of(database, "event_id", "id > " + mark);
    Database.await(
        Duration.ofSeconds(15),
        () ->
            committed.keySet().stream()
                .allMatch(id -> tap.arrivals().containsKey(UUID.fromString(id))));
    Histogram latency = Load.histogram();
    committed.forEach(
        (id, at) -> {
          Long arrived = tap.arrivals().get(UUID.fromString(id));
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
        report, "G6", "Debezium tuned ÷ ours, p50, 200/s", "tuned 50", "ours 50", Goal.atLeast(3));
    ratio(
        report,
        "G6",
        "Debezium as it comes ÷ ours, p50, 200/s",
        "plain 50",
        "ours 50",
        Goal.atLeast(80));
    ratio(report, "", "Debezium tuned ÷ ours, p99, 200/s", "tuned 99", "ours 99", Goal.none());
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
  private static void catchUp(Bench bench, CallbackSide side) {
    Database database = side.database();
    int away = bench.options().seconds(20);
    side.closed(128, bench.seconds(2));
    bench.stack().kafka().stop();
    long before = side.tap().seen();
    Load load = side.unpublished(128, Duration.ofSeconds(away));
    Database.await(
        Duration.ofSeconds(60),
        () -> database.number("select count(*) from callback_pending") == 0);
    long waiting = database.number("select count(*) from outbox");
    Optional<Profile> profile = Profile.begin(bench, "catch-up", side.service());
    bench.stack().kafka().start();
    Database.await(Duration.ofSeconds(60), () -> side.tap().seen() > before);
    profile.ifPresent(Profile::count);
    long start = System.nanoTime();
    long first = side.tap().seen();
    Database.await(Duration.ofSeconds(120), () -> side.tap().seen() - before >= waiting);
    double rate = (side.tap().seen() - first) / Math.max(0.05, (side.tap().lastAt() - start) / 1e9);
    profile.ifPresent(taken -> taken.end(rate));
    bench
        .report()
        .ratio(
            "G8",
            "catch-up of %,d events after %d s without Kafka ÷ ingest".formatted(waiting, away),
            Spread.number(rate) + "/s",
            Spread.number(load.rate()) + "/s",
            Spread.of(rate / load.rate()),
            Goal.atLeast(3));
  }
}
