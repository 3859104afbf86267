package io.klingtracker.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Asking for one task: one under way, one that has ended, and one that the caller knows already.
 */
final class Reads implements Bench.Group {

  private static final int TASKS = 100_000;
  private static final int FAVOURITES = 5_000;
  private static final SqlScript SELECT = new SqlScript("select");
  private static final Map<String, String> KEY =
      Map.of("Authorization", "Bearer " + Service.API_KEY);

  private final Rounds rounds = new Rounds();
  private final Costs costs = new Costs();
  private @Nullable Meter meter;

  @Override
  public String name() {
    return "reads";
  }

  @Override
  public void run(Bench bench) {
    CallbackSide side = bench.common().side();
    Service service = side.service();
    int tasks = bench.options().rows(TASKS);
    List<byte[]> running = requests(Tasks.OPEN, side.reserve(tasks), tasks, KEY);
    List<byte[]> ended = requests(Tasks.ENDED, 1, FAVOURITES, KEY);
    List<byte[]> known = requests(Tasks.ENDED, 1, FAVOURITES, withTag());
    service.warmUp(
        bench.options().seconds(15), step -> ask(service, running, 64, Duration.ofSeconds(step)));
    ask(service, known, 64, bench.seconds(3));
    meter = new Meter(bench, service);
    for (int round = 0; round < bench.options().rounds(); round++) {
      Duration time = bench.seconds(1);
      rounds.add("running", counted(service, running, time, "running"));
      rounds.add("select", bench.common().rate(SELECT, 16, time));
      rounds.add("ended", counted(service, ended, time, "ended"));
      rounds.add("known", counted(service, known, time, "known"));
      rounds.add("running 1", ask(service, running, 1, time).rate());
      rounds.add("select 1", bench.common().rate(SELECT, 1, time));
      List<byte[]> bare = List.of(Http.get("/q/health/live", Map.of()));
      rounds.add("bare", counted(service, bare, time, "bare"));
    }
    report(bench.report());
    Profile.take(bench, "reads", service, () -> ask(service, running, 64, bench.seconds(8)).rate());
  }

  private static List<byte[]> requests(
      String prefix, long first, int tasks, Map<String, String> headers) {
    List<byte[]> requests = new ArrayList<>();
    for (int i = 0; i < FAVOURITES; i++) {
      long number = first + ThreadLocalRandom.current().nextLong(tasks);
      requests.add(Http.get("/v1/tasks/" + Tasks.id(prefix, number), headers));
    }
    return requests;
  }

  /** As callers who have the newest already. */
  private static Map<String, String> withTag() {
    return Map.of("Authorization", "Bearer " + Service.API_KEY, "If-None-Match", "*");
  }

  private static Load ask(Service service, List<byte[]> requests, int connections, Duration time) {
    int[] next = {0};
    Loader.Requests all = () -> requests.get(next[0]++ % requests.size());
    return Loader.closed(service.port(), connections, all, time).clean("reads");
  }

  private double counted(Service service, List<byte[]> requests, Duration time, String name) {
    Meter counting = Objects.requireNonNull(meter);
    Meter.Reading before = counting.read();
    Load load = ask(service, requests, 64, time);
    costs.add(name, counting.since(before, load.good()));
    return load.rate();
  }

  private void report(Report report) {
    row(report, "G10", "GET of a running task, 64 connections", "running", "select", 0.5);
    row(report, "G10", "GET of a task that has ended", "ended", "select", 1);
    row(report, "", "the same with If-None-Match: 304", "known", "select", 0);
    row(report, "", "GET of a running task, one connection", "running 1", "select 1", 0);
    row(report, "", "a bare endpoint of the same server", "bare", "select", 0);
    costs.report(report, "GET of a running task", "running");
    costs.report(report, "GET of a task that has ended", "ended");
    costs.report(report, "the same with If-None-Match", "known");
    costs.report(report, "a bare endpoint", "bare");
  }

  private void row(
      Report report, String id, String what, String ours, String yardstick, double goal) {
    report.ratio(
        id,
        what + " ÷ point select",
        rounds.of(ours).text("/s"),
        rounds.of(yardstick).text("/s"),
        rounds.ratio(ours, yardstick),
        goal > 0 ? Goal.atLeast(goal) : Goal.none());
  }
}
