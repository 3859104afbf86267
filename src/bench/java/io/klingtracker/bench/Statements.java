package io.klingtracker.bench;

import java.time.Duration;
import java.util.Map;

/** How many statements PostgreSQL sees for one request, by its own count. */
final class Statements implements Bench.Group {

  private static final int REQUESTS = 200;

  /** The handling of transactions and of sessions, which is no statement of a request's. */
  private static final String FRAME = "^(begin|commit|rollback|set|reset|discard)";

  private static final String CALLS =
      """
      select coalesce(sum(calls), 0) from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database())
        and query ~* '%s' and query !~* 'pg_stat_statements'
      """;

  /** What is called the most, and how often for each callback. */
  private static final String EACH =
      """
      select round(calls::numeric / %1$.0f, 4) || ' ' || left(regexp_replace(query, '\\s+', ' ', 'g'), 56)
      from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database())
        and query !~* '%2$s' and query !~* 'pg_stat_statements' and calls > %3$.0f
      order by calls desc, query limit 8
      """;

  @Override
  public String name() {
    return "statements";
  }

  @Override
  public void run(Bench bench) {
    CallbackSide side = bench.common().side();
    side.closed(128, bench.seconds(2));
    side.database().execute("select pg_stat_statements_reset()");
    CallbackSide.Result load = side.closed(128, bench.seconds(6));
    double callbacks = load.load().good();
    double calls = side.database().decimal(CALLS.formatted(".")) / callbacks;
    double frame = side.database().decimal(CALLS.formatted(FRAME)) / callbacks;
    bench
        .report()
        .figure(
            "G13",
            "statements for each callback under load, relay and all (BEGIN, COMMIT and SET: %s more)"
                .formatted(Spread.number(frame)),
            Spread.number(calls - frame),
            Spread.of(calls - frame),
            Goal.atMost(0.1));
    bench
        .report()
        .note(
            "Statements for each callback, by how they begin: "
                + String.join(
                    "; ", side.database().texts(EACH.formatted(callbacks, FRAME, callbacks / 500)))
                + ".");
    // Last, since what is submitted here waits for a Kling that is not there.
    long standing = side.reserve(1);
    Map<String, String> key = Map.of("Authorization", "Bearer " + Service.API_KEY);
    one(bench, side, "submission", Submissions.REQUEST, "insert into task \\(");
    one(
        bench,
        side,
        "status",
        Http.get("/v1/tasks/" + Tasks.id(Tasks.OPEN, standing), key),
        "from task t where t.id = ");
    one(bench, side, "list", Http.get("/v1/tasks?limit=20", key), "from task");
  }

  private static void one(
      Bench bench, CallbackSide side, String what, byte[] request, String pattern) {
    Loader.open(side.port(), 1, Loader.always(request), 50, Duration.ofSeconds(2));
    side.database().execute("select pg_stat_statements_reset()");
    int[] left = {REQUESTS};
    Load load =
        Loader.closed(side.port(), 1, () -> left[0]-- > 0 ? request : null, Duration.ofSeconds(30))
            .clean(what);
    double calls = side.database().decimal(CALLS.formatted(pattern)) / load.good();
    bench
        .report()
        .figure(
            "G13",
            "statements for each " + what,
            Spread.number(calls),
            Spread.of(calls),
            Goal.atMost(1.001));
  }
}
