package io.klingtracker.bench;

import java.time.Duration;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** From the commit of a change to 999 healthy receivers, with and without a hostile one beside. */
final class Webhooks implements Bench.Group {

  private static final int RATE = 200;

  private final Rounds rounds = new Rounds();

  @Override
  public String name() {
    return "webhooks";
  }

  @Override
  public void run(Bench bench) throws Exception {
    CallbackSide side = bench.common().side();
    int tasks = RATE * bench.options().seconds(3) / 2;
    try (Receivers receivers = new Receivers()) {
      deliver(side, receivers, tasks, Receivers.COUNT - 1);
      for (int round = 0; round < bench.options().rounds(); round++) {
        add("healthy", deliver(side, receivers, tasks, Receivers.COUNT - 1));
        add("hostile", deliver(side, receivers, tasks, Receivers.COUNT));
      }
    }
    bench
        .report()
        .ratio(
            "G14",
            "webhooks to 999 healthy receivers, p99: one hostile beside ÷ none",
            rounds.of("hostile 99").text(" ms"),
            rounds.of("healthy 99").text(" ms"),
            rounds.ratio("hostile 99", "healthy 99"),
            Goal.atMost(1.2));
    bench
        .report()
        .figure("commit → webhook p50, %d/s".formatted(RATE), rounds.of("healthy 50").text(" ms"));
  }

  private void add(String side, Histogram latency) {
    rounds.add(side + " 50", latency.getValueAtPercentile(50) / 1000.0);
    rounds.add(side + " 99", latency.getValueAtPercentile(99) / 1000.0);
  }

  private static Histogram deliver(
      CallbackSide side, Receivers receivers, int tasks, int receiverCount) {
    Database database = side.database();
    long first = side.reserve(tasks);
    database.execute(
        "update task set callback_url = "
            + receivers.url("right(id, 16)::bigint", receiverCount)
            + " where id between '%s' and '%s'"
                .formatted(Tasks.id(Tasks.OPEN, first), Tasks.id(Tasks.OPEN, first + tasks - 1)));
    long mark = database.number("select coalesce(max(id), 0) from task_event");
    Loader.open(
            side.port(),
            32,
            new SignedCallbacks(first, tasks),
            RATE,
            Duration.ofSeconds(tasks * 2L / RATE + 1))
        .clean("callbacks");
    String healthy =
        "id > %d and (right(task_id, 16)::bigint %% %d) <> %d"
            .formatted(mark, receiverCount, Receivers.COUNT - 1);
    Database.await(
        Duration.ofSeconds(20),
        () ->
            database.number(
                    "select (select count(*) from callback_pending)"
                        + " + (select count(*) from webhook_delivery where host not like '127.0.4.250%')")
                == 0);
    Map<String, Long> committed = CommitTimes.of(database, "event_id", healthy);
    Histogram latency = Load.histogram();
    committed.forEach(
        (id, at) -> {
          Long arrived = receivers.arrivals().get(id);
          if (arrived != null) {
            latency.recordValue(Math.max(0, arrived - at));
          }
        });
    return latency;
  }
}
