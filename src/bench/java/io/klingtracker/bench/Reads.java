package io.klingtracker.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Asking for one task: one under way, one that has ended, and one that the caller knows already.
 */
final class Reads implements Bench.Group {

  private static final int TASKS = 200_000;
  private static final int FAVOURITES = 5_000;
  private static final SqlScript SELECT = new SqlScript("select");
  private static final Map<String, String> KEY =
      Map.of("Authorization", "Bearer " + Service.API_KEY);

  private final Rounds rounds = new Rounds();

  @Override
  public String name() {
    return "reads";
  }

  @Override
  public void run(Bench bench) {
    Database database = bench.stack().database("reads");
    long tasks = bench.options().rows(TASKS);
    Tasks.open(database, 1, tasks);
    Tasks.ended(database, 1, FAVOURITES);
    database.execute("vacuum analyze task");
    List<byte[]> running = requests(Tasks.OPEN, tasks, KEY);
    List<byte[]> ended = requests(Tasks.ENDED, FAVOURITES, KEY);
    List<byte[]> known = requests(Tasks.ENDED, FAVOURITES, withTag());
    Map<String, Long> variables = Map.of("tasks", tasks);
    try (Service service = bench.service(database, "bench.reads", Map.of()).awaitReady()) {
      service.warmUp(
          bench.options().seconds(60), step -> ask(service, running, 64, Duration.ofSeconds(step)));
      ask(service, known, 64, bench.seconds(5));
      for (int round = 0; round < bench.options().rounds(); round++) {
        Duration time = bench.seconds(1);
        rounds.add("running", ask(service, running, 64, time).rate());
        rounds.add("select", bench.sql().rate(database, SELECT, 16, variables, time));
        rounds.add("ended", ask(service, ended, 64, time).rate());
        rounds.add("known", ask(service, known, 64, time).rate());
        rounds.add("running 1", ask(service, running, 1, time).rate());
        rounds.add("select 1", bench.sql().rate(database, SELECT, 1, variables, time));
        byte[] bare = Http.get("/q/health/live", Map.of());
        rounds.add("bare", Loader.closed(service.port(), 64, Loader.always(bare), time).rate());
      }
    }
    bench.stack().drop(database);
    report(bench.report());
  }

  private static List<byte[]> requests(String prefix, long tasks, Map<String, String> headers) {
    List<byte[]> requests = new ArrayList<>();
    for (int i = 0; i < FAVOURITES; i++) {
      long number = 1 + ThreadLocalRandom.current().nextLong(tasks);
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

  private void report(Report report) {
    row(report, "G10", "GET of a running task, 64 connections", "running", "select", 0.5);
    row(report, "G10", "GET of a task that has ended", "ended", "select", 1);
    row(report, "", "the same with If-None-Match: 304", "known", "select", 0);
    row(report, "", "GET of a running task, one connection", "running 1", "select 1", 0);
    row(report, "", "a bare endpoint of the same server", "bare", "select", 0);
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
