package io.klingtracker.bench;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.HdrHistogram.Histogram;

/** Thousands of long-polls and streams held open: from a commit to whom it concerns. */
final class Watching implements Bench.Group {

  private static final int WAITERS = 5_000;
  private static final int RATE = 500;
  private static final int AT_ONCE = 200;

  /** So many are held at a time before it counts. */
  private static final int WARM_UP = 1_500;

  private final Map<String, Long> polled = new ConcurrentHashMap<>();
  private final Map<String, Long> streamed = new ConcurrentHashMap<>();
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicInteger connecting = new AtomicInteger();
  private long used;

  @Override
  public String name() {
    return "watch";
  }

  @Override
  public void run(Bench bench) {
    int waiters = bench.options().smoke() ? 100 : WAITERS;
    int few = Math.min(waiters, WARM_UP);
    Database database = bench.stack().database("watch");
    Vertx vertx = Vertx.vertx();
    HttpClient http =
        vertx.createHttpClient(new HttpClientOptions().setMaxPoolSize(2 * WAITERS + 10));
    // So many streams are what a heap of 512 MiB is for.
    List<String> heap = List.of("-Xmx512m");
    try (Service service =
        bench
            .service(database, "bench.watch", Map.of(), bench.options().jar(), heap)
            .awaitReady()) {
      service.warmUp(
          bench.options().seconds(30), step -> receive(bench, http, service, database, few));
      receive(bench, http, service, database, waiters);
      report(bench.report(), database, "long-polls", polled);
      report(bench.report(), database, "streams", streamed);
    } finally {
      http.close();
      vertx.close();
    }
    bench.stack().drop(database);
  }

  /** So many of both are held on fresh tasks, until each has received a change. */
  private void receive(
      Bench bench, HttpClient http, Service service, Database database, int waiters) {
    long first = used + 1;
    used += waiters;
    Tasks.open(database, first, waiters);
    database.execute("vacuum analyze task", "analyze task_event", "analyze open_task");
    open.set(0);
    polled.clear();
    streamed.clear();
    for (long number = first; number < first + waiters; number++) {
      wait(http, service, Tasks.id(Tasks.OPEN, number));
    }
    if (!Database.await(Duration.ofSeconds(60), () -> open.get() >= waiters)) {
      bench.report().note("Of %d streams %d opened.".formatted(waiters, open.get()));
    }
    Loader.open(
            service.port(),
            16,
            new SignedCallbacks(first, waiters),
            RATE,
            Duration.ofSeconds(waiters * 2L / RATE + 1))
        .clean("callbacks");
    Database.await(
        Duration.ofSeconds(30), () -> polled.size() >= waiters && streamed.size() >= waiters);
  }

  private void wait(HttpClient http, Service service, String id) {
    Database.await(Duration.ofSeconds(20), () -> connecting.get() < AT_ONCE);
    connecting.incrementAndGet();
    http.request(request(service, "/v1/tasks/" + id + "/events"))
        .compose(HttpClientRequest::send)
        .onComplete(
            answer -> {
              connecting.decrementAndGet();
              if (answer.succeeded()) {
                open.incrementAndGet();
                answer
                    .result()
                    .handler(
                        part -> {
                          if (part.toString().contains("\"processing\"")) {
                            streamed.putIfAbsent(id, now());
                          }
                        });
              }
            });
    http.request(request(service, "/v1/tasks/" + id + "?wait=60&after=2"))
        .compose(HttpClientRequest::send)
        .compose(answer -> answer.body())
        .onSuccess(
            body -> {
              if (body.toString().contains("\"processing\"")) {
                polled.putIfAbsent(id, now());
              }
            });
  }

  private static RequestOptions request(Service service, String path) {
    return new RequestOptions()
        .setMethod(HttpMethod.GET)
        .setHost("localhost")
        .setPort(service.port())
        .setURI(path)
        .putHeader("Accept", path.endsWith("/events") ? "text/event-stream" : "application/json")
        .putHeader("Authorization", "Bearer " + Service.API_KEY);
  }

  private static long now() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }

  private static void report(
      Report report, Database database, String what, Map<String, Long> arrived) {
    Histogram latency = Load.histogram();
    CommitTimes.of(database, "task_id", "sequence = 3")
        .forEach(
            (task, at) -> {
              Long received = arrived.get(task);
              if (received != null) {
                latency.recordValue(Math.max(0, received - at));
              }
            });
    double p99 = latency.getValueAtPercentile(99) / 1000.0;
    report.figure(
        "",
        "commit → %,d of %s, %d changes/s, p99 in ms (p50 %s ms)"
            .formatted(
                latency.getTotalCount(),
                what,
                RATE,
                Spread.number(latency.getValueAtPercentile(50) / 1000.0)),
        Spread.number(p99) + " ms",
        Spread.of(p99),
        Goal.atMost(250));
  }
}
