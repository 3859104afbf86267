package io.klingtracker.bench;

import io.klingtracker.secret.Cursors;
import io.klingtracker.secret.Secrets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What ten times, and a thousand times, the tasks change: for lists and for callbacks. */
final class Growth implements Bench.Group {

  private static final Duration PAGES = Duration.ofMillis(500);
  private static final int PAGE = 50;
  private static final int DEEP = 1_000;
  private static final List<Integer> SIZES = List.of(10_000, 100_000, Common.HISTORY);
  private static final int LARGE = 10_000_000;

  private final Rounds rounds = new Rounds();
  private final Costs costs = new Costs();
  private final Chart rates =
      new Chart("Callbacks a second over stored tasks", "tasks", "callbacks/s");
  private final Chart pages =
      new Chart("List of %d, p50 over stored tasks".formatted(PAGE), "tasks", "ms");
  private @Nullable Database large;

  @Override
  public String name() {
    return "growth";
  }

  @Override
  public void prepare(Bench bench) {
    Database database = bench.stack().database("growth");
    Tasks.endedInBulk(database, 1, bench.options().rows(LARGE));
    large = database;
  }

  @Override
  public void run(Bench bench) {
    for (int size : SIZES) {
      int ended = bench.options().rows(size);
      point(bench, bench.common().side(ended), ended);
    }
    int few = bench.options().rows(Common.HISTORY);
    int many = bench.options().rows(LARGE);
    CallbackSide small = bench.common().side();
    try (CallbackSide huge =
        new CallbackSide(bench, Objects.requireNonNull(large), "bench.growth", Map.of())) {
      // As long as the other side was: a service that is still being compiled looks like a slow
      // database.
      huge.warmUp(bench.options().seconds(Common.WARM_UP), 128);
      point(bench, huge, many);
      for (int round = 0; round < bench.options().rounds(); round++) {
        round(bench, small, "small", few);
        round(bench, huge, "large", many);
      }
      rounds.add("hot", hot(huge.database()));
      Profile.take(
          bench, "growth", huge.service(), () -> huge.closed(128, bench.seconds(8)).published());
    }
    bench.report().chart("growth-callbacks.svg", rates.svg());
    bench.report().chart("growth-lists.svg", pages.svg());
    report(bench.report(), few, many);
  }

  private void point(Bench bench, CallbackSide side, int ended) {
    side.closed(128, bench.seconds(1));
    double rate = side.closed(128, bench.seconds(3)).published();
    long tasks = side.database().number("select count(*) from task");
    rates.point("published", tasks, rate);
    pages.point("page 1", tasks, page(side, ended, 1));
    if (ended > PAGE * DEEP) {
      pages.point("page " + DEEP, tasks, page(side, ended, DEEP));
    }
  }

  private void round(Bench bench, CallbackSide side, String name, int size) {
    CallbackSide.Result result = side.closed(128, bench.seconds(2));
    rounds.add("callbacks " + name, result.published());
    costs.add(name, result.cost());
    rounds.add("page 1 " + name, page(side, size, 1));
    rounds.add("page 1000 " + name, page(side, size, DEEP));
  }

  /** Percent of the updates of tasks, so far, that touched no index. */
  private static double hot(Database database) {
    // Sessions report what they did to the statistics a little later.
    Database.pause(1_500);
    return 100 * database.decimal(stat("n_tup_hot_upd::float8 / n_tup_upd"));
  }

  private static String stat(String column) {
    return "select " + column + " from pg_stat_user_tables where relname = 'task'";
  }

  /** Median of one page, in ms; cursors are ours to seal. */
  private static double page(CallbackSide side, int size, int page) {
    String after = Tasks.id(Tasks.ENDED, Math.max(1, size - (long) (page - 1) * PAGE));
    String cursor =
        new Cursors(new Secrets(Service.SECRET, List.of())).seal("tasks", Tasks.TENANT, after);
    byte[] request =
        Http.get(
            "/v1/tasks?limit=" + PAGE + "&cursor=" + cursor,
            Map.of("Authorization", "Bearer " + Service.API_KEY));
    return Loader.closed(side.port(), 1, Loader.always(request), PAGES).clean("lists").millis(50);
  }

  private void report(Report report, int small, int large) {
    String sizes = "%,d ÷ %,d tasks".formatted(large, small);
    ratio(
        report,
        "G9",
        "list p50, " + sizes,
        "page 1 large",
        "page 1 small",
        " ms",
        Goal.atMost(1.5));
    ratio(
        report,
        "G9",
        "page %d ÷ page 1 at %,d tasks".formatted(DEEP, large),
        "page 1000 large",
        "page 1 large",
        " ms",
        Goal.atMost(1.2));
    ratio(
        report,
        "G12",
        "callbacks published, " + sizes,
        "callbacks large",
        "callbacks small",
        "/s",
        Goal.atLeast(0.9));
    costs.report(report, "a callback at %,d tasks".formatted(small), "small");
    costs.report(report, "a callback at %,d tasks".formatted(large), "large");
    report.figure(
        "G12",
        "heap-only updates of tasks at %,d".formatted(large),
        rounds.of("hot").text(" %"),
        rounds.of("hot"),
        Goal.atLeast(95));
  }

  private void ratio(
      Report report, String id, String what, String ours, String than, String unit, Goal goal) {
    report.ratio(
        id,
        what,
        rounds.of(ours).text(unit),
        rounds.of(than).text(unit),
        rounds.ratio(ours, than),
        goal);
  }
}
