package io.klingtracker.webhook;

import static io.klingtracker.testing.Rows.texts;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.standardwebhooks.Webhook;
import io.klingtracker.egress.Receiver;
import io.klingtracker.loops.SetAside;
import io.klingtracker.testing.OwnCertificate;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.TestDatabase;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import java.lang.management.ManagementFactory;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WebhookSenderTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  /** Short waits, so that a test sees a delivery to its end. */
  private static final Map<String, String> HASTY =
      Map.of(
          "tracker.webhook.retries", "10ms,10ms",
          "tracker.webhook.timeout", "60s",
          "tracker.webhook.connect-timeout", "60s");

  /** For receivers who never answer: the time's end is the only outcome, however early. */
  private static final Map<String, String> IMPATIENT = impatient();

  private static Vertx vertx;
  private static Receiver tlsReceiver;

  private final PlannedDeliveries planned = new PlannedDeliveries(database.jdbi());

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    vertx = Vertx.vertx();
    tlsReceiver = Receiver.startTls(vertx, OwnCertificate.of("r.example", directory));
  }

  @AfterAll
  static void stop() {
    tlsReceiver.close();
    vertx.close();
  }

  /** The receiver matrix: what becomes of a delivery. See src/docs/webhooks.md. */
  @ParameterizedTest
  @CsvSource({
    "/200, delivered, 1, ",
    "/204, delivered, 1, ",
    "/html, delivered, 1, ",
    "/endless, delivered, 1, ",
    "/301, failed, 3, status",
    "/400, failed, 3, status",
    "/404, failed, 3, status",
    "/410, failed, 1, status",
    "/500, failed, 3, status",
    "/slow-headers, failed, 3, timeout",
    "/slow-body, failed, 3, timeout",
    "/reset, failed, 3, reset",
    "/garbage, failed, 3, protocol",
    "tls, failed, 3, tls",
    "dns, failed, 3, dns",
  })
  void every_receiver_has_its_documented_outcome(
      String path, String state, int attempts, String failure) {
    try (Receiver receiver = Receiver.start(vertx);
        SenderRig rig =
            SenderRig.hasty(
                vertx, database.jdbi(), "timeout".equals(failure) ? IMPATIENT : HASTY)) {
      String url =
          switch (path) {
            // Nobody vouches for the certificate that is shown.
            case "tls" -> "https://r.example:" + tlsReceiver.port() + "/200";
            case "dns" -> "http://gone.example:" + receiver.port() + "/200";
            default -> "http://r.example:" + receiver.port() + path;
          };
      String task = planned.task("acme", url, Instant.now());
      planned.change(task, 2, "submitted", Instant.now());
      rig.wake();

      awaitQuiet();
      assertEquals(List.of("2 " + state + " " + attempts), planned.settled(task));
      int requests = receiver.requests().size();
      // An attempt may be over before its request has left.
      assertTrue(requests == (path.startsWith("/") ? attempts : 0) || "timeout".equals(failure));
      assertTrue(requests <= attempts, requests + " requests");
      assertEquals(0, tlsReceiver.requests().size());
      List<String> failures =
          texts(database.jdbi(), "select coalesce(failure, '') from webhook_attempt");
      assertEquals(attempts, failures.size());
      assertEquals(failure == null ? "" : failure, failures.get(0));
      assertEquals(
          state.equals("delivered") ? 1 : 0,
          rig.meters.get("tracker.webhook.delivered").timer().count());
    }
  }

  @Test
  void retry_after_is_waited_for() {
    try (Receiver receiver = Receiver.start(vertx);
        SenderRig rig = SenderRig.hasty(vertx, database.jdbi(), HASTY)) {
      planned.change(
          planned.task("acme", "http://r.example:" + receiver.port() + "/429", Instant.now()),
          2,
          "submitted",
          Instant.now());
      rig.wake();
      await().atMost(Duration.ofSeconds(60)).until(() -> planned.attempts() == 1);

      List<String> waits =
          texts(
              database.jdbi(),
              """
              select extract(epoch from d.due_at - a.at)::text from webhook_delivery d, webhook_attempt a
              """);
      assertEquals(7.0, Double.parseDouble(waits.get(0)), 0.001);
    }
  }

  @Test
  void the_same_id_a_fresh_timestamp_and_a_good_signature_on_every_attempt() throws Exception {
    try (Receiver receiver = Receiver.start(vertx);
        SenderRig rig = SenderRig.hasty(vertx, database.jdbi(), HASTY)) {
      String task =
          planned.task("acme", "http://r.example:" + receiver.port() + "/500", Instant.now());
      String event = planned.change(task, 2, "submitted", Instant.now());
      rig.wake();
      awaitQuiet();

      assertEquals(3, receiver.requests().size());
      for (String request : receiver.requests()) {
        Map<String, List<String>> headers = headers(request);
        assertEquals(List.of(event), headers.get("webhook-id"));
        assertEquals(List.of("2"), headers.get("tracker-sequence"));
        new Webhook(rig.secrets.live("acme").get(0).reveal())
            .verify(request.substring(request.indexOf("\r\n\r\n") + 4), headers);
      }
    }
  }

  @Test
  void an_outcome_that_cannot_be_written_is_set_aside_and_delays_no_other() {
    try (Receiver receiver = Receiver.start(vertx);
        SenderRig rig = SenderRig.hasty(vertx, database.jdbi(), HASTY)) {
      String url = "http://r.example:" + receiver.port() + "/200";
      String bad = planned.task("acme", url, Instant.now());
      String good = planned.task("acme", url, Instant.now());
      String event = planned.change(bad, 2, "submitted", Instant.now());
      planned.change(good, 2, "submitted", Instant.now());
      try (Refusing refusing =
          Refusing.rows(database.jdbi(), "webhook_attempt", "task_id", bad, "22021")) {
        rig.wake();
        awaitQuiet();
      }

      assertEquals(List.of("2 delivered 1"), planned.settled(good));
      assertEquals(List.of("2 failed 1"), planned.settled(bad));
      assertEquals(
          List.of("delivery:" + event),
          rig.setAside.page(null, SetAside.Position.START, 10).stream()
              .map(SetAside.Item::id)
              .toList());
    }
  }

  private static Map<String, String> impatient() {
    Map<String, String> settings = new HashMap<>(HASTY);
    settings.put("tracker.webhook.timeout", "400ms");
    return settings;
  }

  @Test
  void one_dead_and_one_slow_receiver_delay_nobody_else() throws Exception {
    int healthyHosts = 50;
    Map<String, Long> receivedAt = new ConcurrentHashMap<>();
    HttpServer healthy =
        vertx
            .createHttpServer()
            .requestHandler(
                request -> {
                  receivedAt.putIfAbsent(
                      request.getHeader("webhook-id"), System.currentTimeMillis());
                  request.response().end("ok");
                });
    AtomicInteger asked = new AtomicInteger();
    HttpServer slow =
        vertx
            .createHttpServer()
            .requestHandler(
                request -> asked.incrementAndGet()); // and no answer before the test is over
    int healthyPort = port(healthy);
    int slowPort = port(slow);
    int deadPort;
    try (ServerSocket free = new ServerSocket(0)) {
      deadPort = free.getLocalPort();
    }
    int tasksPerHost = 33;
    Map<String, String> patient = Map.of("tracker.webhook.timeout", "10m");
    try (SenderRig rig = SenderRig.start(vertx, database.jdbi(), patient)) {
      for (int task = 0; task < tasksPerHost; task++) {
        for (int host = 0; host < healthyHosts; host++) {
          planned.task(
              "t" + host % 4,
              "http://h" + host + ".example:" + healthyPort + "/" + task,
              Instant.now());
        }
        planned.task("t0", "http://slow.example:" + slowPort + "/" + task, Instant.now());
        planned.task("t0", "http://dead.example:" + deadPort + "/" + task, Instant.now());
      }
      List<String> tasks = texts(database.jdbi(), "select id from task order by id");
      // Warm-up; by its end the slow and the dead one show what they can do.
      changeAll(tasks, 2, rig);
      awaitDelivered(healthyHosts * tasksPerHost);
      int threads = ManagementFactory.getThreadMXBean().getThreadCount();
      receivedAt.clear();
      database.jdbi().useHandle(h -> h.execute("delete from webhook_settled"));

      changeAll(tasks, 3, rig);
      changeAll(tasks, 4, rig);
      changeAll(tasks, 5, rig);
      assertTrue(3 * tasks.size() >= 5000);
      awaitDelivered(3 * healthyHosts * tasksPerHost);

      long[] latencies = latencies(receivedAt);
      // Had they waited for the slow one, they would wait still; the times are for people.
      System.out.printf(
          "healthy receivers beside a slow and a dead one: p50 %d ms, p99 %d ms%n",
          latencies[latencies.length / 2], latencies[(int) (latencies.length * 0.99)]);
      assertTrue(asked.get() > 0, "the slow one was never asked");
      int grown = ManagementFactory.getThreadMXBean().getThreadCount() - threads;
      assertTrue(grown <= 4, grown + " threads more");
      assertEquals(
          List.of(),
          texts(
              database.jdbi(),
              "select host from webhook_settled where state = 'delivered' and host not like 'h%'"));
    } finally {
      healthy.close();
      slow.close();
    }
  }

  /** Changes tasks a hundred at a time, at a caller's pace of about a thousand a second. */
  private void changeAll(List<String> tasks, int sequence, SenderRig rig) {
    for (int from = 0; from < tasks.size(); from += 100) {
      change(tasks.subList(from, Math.min(tasks.size(), from + 100)), sequence);
      rig.wake();
      try {
        TimeUnit.MILLISECONDS.sleep(80);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** One statement, as a batch of callbacks is. */
  private void change(List<String> tasks, int sequence) {
    String status = List.of("submitted", "processing", "expired", "succeed").get(sequence - 2);
    database
        .jdbi()
        .useHandle(
            h ->
                h.createUpdate(
                        """
                        with e as (
                          insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source,
                            occurred_at, feed_position, payload)
                          select t.id, :sequence, g.id, tenant_id, cast(:status as task_status), 'queued', 'callback',
                            :now, 0, json_build_object('event_id', g.id, 'task_id', t.id, 'sequence', :sequence,
                              'status', :status, 'occurred_at', '2026-03-01T10:00:00.000Z')
                          from task t, lateral (select gen_random_uuid() as id where t.id is not null) g
                          where t.id = any(:tasks) returning *
                        )
                        insert into webhook_delivery
                          (task_id, sequence, event_id, tenant_id, host, status, planned_at, due_at)
                        select e.task_id, e.sequence, e.event_id, e.tenant_id, webhook_host(t.callback_url), e.status, :now, :now
                        from e join task t on t.id = e.task_id
                        """)
                    .bindArray("tasks", String.class, tasks)
                    .bind("sequence", sequence)
                    .bind("status", status)
                    .bind("now", Instant.now())
                    .execute());
  }

  private long[] latencies(Map<String, Long> receivedAt) {
    return database
        .jdbi()
        .withHandle(
            (Handle h) ->
                h.createQuery(
                        "select event_id::text as id, planned_at from webhook_settled where state = 'delivered'")
                    .map(
                        (row, c) ->
                            receivedAt.get(row.getString("id"))
                                - row.getTimestamp("planned_at").getTime())
                    .list())
        .stream()
        .mapToLong(Long::longValue)
        .sorted()
        .toArray();
  }

  private void awaitDelivered(int count) {
    await()
        .atMost(Duration.ofSeconds(120))
        .pollInterval(Duration.ofMillis(50))
        .until(
            () ->
                texts(
                        database.jdbi(),
                        "select count(*)::text from webhook_settled where state = 'delivered'")
                    .equals(List.of(String.valueOf(count))));
  }

  private void awaitQuiet() {
    await()
        .atMost(Duration.ofSeconds(120))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> planned.waiting().isEmpty());
  }

  private static int port(HttpServer server) throws Exception {
    return server
        .listen(0, "127.0.0.1")
        .toCompletionStage()
        .toCompletableFuture()
        .get(60, TimeUnit.SECONDS)
        .actualPort();
  }

  private static Map<String, List<String>> headers(String request) {
    return Arrays.stream(request.substring(0, request.indexOf("\r\n\r\n")).split("\r\n"))
        .skip(1)
        .map(line -> line.split(": ", 2))
        .collect(
            Collectors.toMap(h -> h[0].toLowerCase(java.util.Locale.ROOT), h -> List.of(h[1])));
  }
}
