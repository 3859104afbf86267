package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.agroal.api.exceptionsorter.PostgreSQLExceptionSorter;
import io.agroal.api.security.NamePrincipal;
import io.klingtracker.database.JdbiProducer;
import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.FreePort;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.CallbackTarget;
import io.klingtracker.upstream.UpstreamParts;
import io.vertx.core.Vertx;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * PostgreSQL goes away under callbacks and comes back. {@code -Doutage.seconds=20} makes it a long
 * one.
 */
class DatabaseOutageTest {

  private static final int TASKS = 200;
  private static final int SENDERS = 8;
  private static final Duration OUTAGE =
      Duration.ofSeconds(Integer.getInteger("outage.seconds", 3));

  private final Clock clock = Clock.tick(Clock.systemUTC(), Duration.ofMillis(1));
  private final FakeKling kling = new FakeKling(new Random(1), clock, true);
  private final Queue<String> acknowledged = new ConcurrentLinkedQueue<>();
  private final AtomicInteger putOff = new AtomicInteger();
  private final HttpClient http = HttpClient.newHttpClient();

  /** Directly under the system's, beside the binaries that the run has unpacked already. */
  @TempDir private Path data;

  @Test
  void senders_get_503_and_nothing_acknowledged_is_lost() throws Exception {
    int databasePort = FreePort.find();
    EmbeddedPostgresServer database = EmbeddedPostgresServer.persistent(data, databasePort);
    // It is stopped, not cut off: what is committed survives without waiting for the disk.
    database.execute("alter system set fsync = off");
    database.execute("select pg_reload_conf()");
    try (AgroalDataSource pool = pool(database.jdbcUrl("postgres"))) {
      Flyway.configure().dataSource(pool).locations("classpath:db/migration").load().migrate();
      Jdbi jdbi = JdbiProducer.over(pool);
      Tasks tasks = TasksOnDatabase.of(jdbi, clock);
      Map<String, String> settings =
          Map.of(
              "kling.accounts.default.api-key", "key",
              "tracker.public-url", "http://localhost",
              "tracker.reconcile.rate", "10000");
      UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, settings);
      CallbackTarget target = upstream.target("outage-test-0123456789abcdef0123456789");
      Vertx vertx = Vertx.vertx();
      ExecutorService threads = Executors.newFixedThreadPool(SENDERS + 4);
      try (CallbackParts callbacks = new CallbackParts(jdbi, clock, tasks, upstream, settings)) {
        ReconcileParts reconciler =
            new ReconcileParts(jdbi, clock, tasks, upstream, kling, threads, settings);
        int port = callbacks.listen(vertx, target, settings);
        List<String> ids = given(jdbi, tasks);
        callbacks.start();
        reconciler.start();
        List<Future<?>> sending = new ArrayList<>();
        for (int sender = 0; sender < SENDERS; sender++) {
          int first = sender;
          sending.add(threads.submit(() -> send(ids, first, port, target)));
        }
        Awaitility.await().until(() -> acknowledged.size() > TASKS / 4);

        database.close();
        Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> putOff.get() > 0);
        TimeUnit.MILLISECONDS.sleep(OUTAGE.toMillis());
        database = EmbeddedPostgresServer.persistent(data, databasePort);

        for (Future<?> sender : sending) {
          sender.get(60, TimeUnit.SECONDS);
        }
        Awaitility.await()
            .atMost(Duration.ofSeconds(60))
            .ignoreExceptions()
            .until(() -> number(jdbi, "select count(*) from open_task") == 0);
        reconciler.stop();
        ids.forEach(id -> endedRight(jdbi, id));
        assertEquals(TASKS * 3, acknowledged.size());
        assertEquals(
            TASKS * 3,
            number(jdbi, "select count(*) from callback_receipt"),
            "receipts of what was acknowledged");
        assertTrue(putOff.get() > 0);
      } finally {
        threads.shutdownNow();
        vertx.close().toCompletionStage().toCompletableFuture().join();
      }
    } finally {
      database.close();
    }
  }

  private List<String> given(Jdbi jdbi, Tasks tasks) {
    GivenTasks.tenant(jdbi);
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < TASKS; i++) {
      String id = GivenTasks.sent(jdbi, tasks, clock.instant().plusSeconds(3600));
      kling.accept(Long.toString(878_106_242_831_892_487L + i), id);
      ids.add(id);
    }
    return ids;
  }

  /** Kling's side: each task's callbacks, each until it is taken. */
  private void send(List<String> ids, int first, int port, CallbackTarget target) {
    List<FakeKling.Truth> truths = List.copyOf(kling.byId.values());
    for (int i = first; i < ids.size(); i += SENDERS) {
      FakeKling.Truth truth = truths.get(i);
      String end = i % 5 == 0 ? "failed" : "succeed";
      for (String status : List.of("submitted", "processing", end)) {
        if (status.equals(end)) {
          truth.becomes(end);
        }
        String url = target.url(ids.get(i)).replace("localhost", "localhost:" + port);
        sendUntilTaken(url, kling.body(truth, status, i % 8));
      }
    }
  }

  private void sendUntilTaken(String url, String body) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url))
            .timeout(Duration.ofSeconds(20))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    for (int attempt = 0; attempt < 500; attempt++) {
      try {
        HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() == 200) {
          acknowledged.add(body);
          return;
        }
        assertEquals(503, answer.statusCode(), answer.body());
        assertTrue(answer.headers().firstValue("Retry-After").isPresent());
        putOff.incrementAndGet();
        TimeUnit.MILLISECONDS.sleep(100);
      } catch (java.io.IOException | InterruptedException e) {
        throw new AssertionError(e);
      }
    }
    throw new AssertionError("never taken: " + body);
  }

  private void endedRight(Jdbi jdbi, String id) {
    String truth =
        kling.byId.values().stream()
            .filter(t -> t.externalId.equals(id))
            .findAny()
            .orElseThrow()
            .status;
    assertEquals(
        truth,
        jdbi.withHandle(
            h ->
                h.createQuery("select status::text from task where id = :id")
                    .bind("id", id)
                    .mapTo(String.class)
                    .one()));
  }

  private static long number(Jdbi jdbi, String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(Long.class).one());
  }

  private static AgroalDataSource pool(String url) throws Exception {
    return AgroalDataSource.from(
        new AgroalDataSourceConfigurationSupplier()
            .connectionPoolConfiguration(
                pool ->
                    pool.maxSize(8)
                        .exceptionSorter(new PostgreSQLExceptionSorter())
                        .acquisitionTimeout(Duration.ofSeconds(2))
                        .connectionFactoryConfiguration(
                            factory ->
                                factory
                                    .jdbcUrl(url + "?connectTimeout=2&socketTimeout=10")
                                    .principal(new NamePrincipal(EmbeddedPostgresServer.USER))
                                    .initialSql(
                                        "set time zone '" + TestDatabase.ODD_TIME_ZONE + "'"))));
  }
}
