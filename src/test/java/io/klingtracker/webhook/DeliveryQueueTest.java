package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.presence.DeadClaims;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which deliveries are claimed, in which order, and what their ends lead to. */
class DeliveryQueueTest extends DeliveryRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  DeliveryQueueTest() {
    super(DATABASE);
  }

  @Test
  void a_claim_brings_all_that_a_delivery_needs() {
    String task = planned.task("acme", "https://Hooks.Example.com:443/x", T0);
    planned.change(task, 2, "submitted", T0.plusMillis(5));

    Delivery delivery = claim(T0.plusSeconds(1)).get(0);

    assertEquals(task, delivery.taskId());
    assertEquals(2, delivery.sequence());
    assertEquals("acme", delivery.tenant());
    assertEquals("hooks.example.com", delivery.host());
    assertEquals("https://Hooks.Example.com:443/x", delivery.url());
    assertEquals(0, delivery.attempts());
    assertEquals(T0, delivery.taskCreatedAt());
    assertTrue(delivery.payload().contains(delivery.eventId()), delivery.payload());
  }

  @ParameterizedTest
  @CsvSource({
    "https://Example.COM/x, example.com",
    "https://example.com:443, example.com",
    "https://example.com:80/, example.com:80",
    "http://example.com:80/?a=b, example.com",
    "HTTP://example.com:8080#f, example.com:8080",
    "http://u:p@example.com/, example.com",
    "http://[::1]:9000/x, [::1]:9000",
    "nonsense, ''",
  })
  void a_lane_is_named_by_host_and_port(String url, String host) {
    assertEquals(
        host,
        database
            .jdbi()
            .withHandle(
                h ->
                    h.createQuery("select webhook_host(:url)")
                        .bind("url", url)
                        .mapTo(String.class)
                        .one()));
  }

  @Test
  void a_claimed_delivery_is_not_claimed_again_until_its_claimer_is_dead() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);

    assertEquals(1, claim(T0).size());
    assertEquals(0, claim(T0.plus(Duration.ofHours(1))).size());
    assertEquals(1, DeadClaims.free(database.jdbi(), "webhook_delivery"));
    assertEquals(1, claim(T0.plus(Duration.ofHours(1))).size());
  }

  @Test
  void what_is_ours_and_not_in_our_hands_is_free_again() {
    for (int i = 0; i < 3; i++) {
      planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    }
    List<Delivery> held = claim(T0);
    assertEquals(3, held.size());

    assertEquals(0, queue.letGo("@00000002", List.of()), "another's");
    List<String> two = held.stream().limit(2).map(Delivery::eventId).toList();
    assertEquals(1, queue.letGo("@00000001", two));

    assertEquals(
        List.of(held.get(2).eventId()), claim(T0).stream().map(Delivery::eventId).toList());
  }

  @Test
  void what_an_older_version_has_claimed_is_its_own_until_its_time_is_over() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    assertEquals(1, claim(T0).size());
    database
        .jdbi()
        .useHandle(
            h ->
                h.execute(
                    "update webhook_delivery set claimed_by = ?, claimed_until = ?",
                    UUID.randomUUID().toString(),
                    java.sql.Timestamp.from(T0.plusSeconds(30))));

    assertEquals(0, DeadClaims.free(database.jdbi(), "webhook_delivery"));
    assertEquals(0, claim(T0.plusSeconds(29)).size());
    assertEquals(1, claim(T0.plusSeconds(30)).size());
  }

  @Test
  void a_change_waits_for_the_one_before_it_and_follows_at_once() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 2, "submitted", T0);
    planned.change(task, 3, "processing", T0);
    planned.change(task, 4, "succeed", T0);

    for (int sequence = 2; sequence <= 4; sequence++) {
      List<Delivery> claimed = claim(T0);
      assertEquals(List.of(sequence), claimed.stream().map(Delivery::sequence).toList());
      assertEquals(List.of(), claim(T0));
      settle(delivered(claimed.get(0), T0));
    }
    assertEquals(List.of(), planned.waiting());
    assertEquals(List.of("2 delivered 1", "3 delivered 1", "4 delivered 1"), planned.settled(task));
  }

  @Test
  void a_change_that_was_planned_while_another_flew_is_not_forgotten() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 2, "submitted", T0);
    Delivery flying = claim(T0).get(0);
    planned.change(task, 3, "succeed", T0);
    assertEquals(List.of(), claim(T0));

    settle(delivered(flying, T0.plusMillis(20)));

    assertEquals(3, claim(T0.plusMillis(20)).get(0).sequence());
  }

  @Test
  void a_final_waits_for_a_submitted_that_failed_but_hurries_it() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 2, "submitted", T0);
    settle(failed(claim(T0).get(0), T0, T0.plus(Duration.ofHours(12))));
    Instant later = T0.plus(Duration.ofMinutes(3));
    planned.change(task, 3, "succeed", later);

    List<Delivery> claimed = claim(later);

    assertEquals(List.of(2), claimed.stream().map(Delivery::sequence).toList());
    settle(delivered(claimed.get(0), later));
    assertEquals(3, claim(later).get(0).sequence());
  }

  @Test
  void a_processing_that_failed_is_skipped_when_something_newer_waits() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 2, "submitted", T0);
    settle(delivered(claim(T0).get(0), T0));
    planned.change(task, 3, "processing", T0);
    settle(failed(claim(T0).get(0), T0, T0.plus(Duration.ofHours(12))));
    planned.change(task, 4, "succeed", T0.plusSeconds(60));

    assertEquals(4, claim(T0.plusSeconds(60)).get(0).sequence());
    assertEquals(List.of("2 delivered 1", "3 coalesced 1"), planned.settled(task));
  }

  @Test
  void a_dead_receiver_is_later_told_only_what_still_matters() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 2, "submitted", T0);
    Delivery first = claim(T0).get(0);
    planned.change(task, 3, "processing", T0);
    planned.change(task, 4, "succeed", T0);

    settle(failed(first, T0, T0.plusSeconds(5)));

    assertEquals(List.of("3 coalesced 0"), planned.settled(task));
    Instant back = T0.plusSeconds(5);
    settle(delivered(claim(back).get(0), back));
    settle(delivered(claim(back).get(0), back));
    assertEquals(List.of("2 delivered 2", "3 coalesced 0", "4 delivered 1"), planned.settled(task));
  }

  @Test
  void a_healthy_receiver_gets_processing_even_if_the_final_waits() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 3, "processing", T0);
    Delivery flying = claim(T0).get(0);
    planned.change(task, 4, "succeed", T0);
    // The sender died: nothing is known of the attempt, so nothing is skipped either.
    assertEquals(List.of(), claim(T0.plusSeconds(1)));
    DeadClaims.free(database.jdbi(), "webhook_delivery");
    Instant late = T0.plus(PAUSE).plusSeconds(1);
    Delivery again = claim(late).get(0);

    assertEquals(flying.eventId(), again.eventId());
    settle(delivered(again, late));
    assertEquals(4, claim(late).get(0).sequence());
  }

  @Test
  void who_was_taken_for_dead_settles_nothing_but_is_logged() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    Delivery slow = claim(T0).get(0);
    DeadClaims.free(database.jdbi(), "webhook_delivery");
    Delivery fast = claim(T0.plusSeconds(9)).get(0);

    settle(failed(slow, T0.plusSeconds(9), T0.plus(Duration.ofDays(1))));
    assertEquals(1, planned.waiting().size());
    settle(delivered(fast, T0.plusSeconds(9)));

    assertEquals(List.of(), planned.waiting());
    assertEquals(2, planned.attempts());
  }

  @Test
  void gone_ends_every_waiting_change_of_the_task_and_no_other() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 2, "submitted", T0);
    planned.change(task, 3, "succeed", T0);
    String other = planned.task("acme", "http://a.example/", T0);
    planned.change(other, 2, "submitted", T0.plusSeconds(1));

    Delivery delivery = claim(T0).get(0);
    settle(
        Settlement.of(
            delivery,
            new AttemptResult.Answered(410, null, "", Duration.ZERO),
            new AttemptOutcome.Failed("gone", false, true),
            T0));

    assertEquals(List.of("2 failed 1", "3 failed 0"), planned.settled(task));
    assertEquals(other, claim(T0.plusSeconds(1)).get(0).taskId());
  }

  @Test
  void after_gone_no_later_change_of_the_task_is_planned() {
    String task = planned.task("acme", "http://a.example/", T0);
    planned.change(task, 2, "submitted", T0);
    String other = planned.task("acme", "http://a.example/", T0);
    planned.change(other, 2, "submitted", T0.plusSeconds(1));
    database.jdbi().useHandle(h -> h.execute("update task set status = 'submitted', sequence = 2"));
    settle(
        Settlement.of(
            claim(T0).get(0),
            new AttemptResult.Answered(410, null, "", Duration.ZERO),
            new AttemptOutcome.Failed("gone", false, true),
            T0));

    Tasks tasks = TasksOnDatabase.of(database.jdbi(), new TestClock(T0.plusSeconds(2)));
    for (String each : List.of(task, other)) {
      tasks.apply(News.of(each, Source.CALLBACK, new TaskSignal.Processing()));
    }

    assertEquals(List.of(other + " 2", other + " 3"), planned.waiting());
    new WebhookSweep(
            database.jdbi(),
            Settings.of(WebhookConfig.class, Map.of()),
            new WebhookMetrics(new SimpleMeterRegistry()),
            new TestClock(T0.plus(Duration.ofDays(400))))
        .runOnce();
    assertEquals(List.of(), planned.strings("select task_id from webhook_gone"));
  }

  @Test
  void parked_changes_do_not_hide_the_older_ones_that_they_wait_for() {
    // A change that was put off, or that follows one that was delivered late, is due after the
    // change behind it.
    for (int i = 0; i < 40; i++) {
      String task = planned.task("acme", "http://a.example/", T0);
      planned.change(task, 2, "submitted", T0.plusSeconds(1));
      planned.change(task, 3, "processing", T0);
      planned.change(task, 4, "succeed", T0);
    }
    park("acme", "a.example", T0.plusSeconds(2));

    Map<String, List<Integer>> received = new HashMap<>();
    for (int second = 2; second < 22; second++) {
      Instant now = T0.plusSeconds(second);
      for (Delivery delivery : claim(now)) {
        received
            .computeIfAbsent(delivery.taskId(), k -> new ArrayList<>())
            .add(delivery.sequence());
        settle(delivered(delivery, now));
      }
    }

    assertEquals(40, received.size());
    assertEquals(Set.of(List.of(2, 3, 4)), new HashSet<>(received.values()));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void two_replicas_deliver_every_change_in_order_whatever_fails(long seed) throws Exception {
    int tasks = 40;
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < tasks; i++) {
      ids.add(planned.task("t" + i % 3, "http://h" + i % 5 + ".example/", T0));
    }
    ExecutorService pool = Executors.newFixedThreadPool(3);
    Map<String, List<Integer>> received = new HashMap<>();
    try {
      Future<?> changes =
          pool.submit(
              () -> {
                for (int sequence = 2; sequence <= 4; sequence++) {
                  for (String id : ids) {
                    planned.change(
                        id,
                        sequence,
                        List.of("submitted", "processing", "succeed").get(sequence - 2),
                        T0);
                  }
                }
              });
      List<Future<Object>> replicas =
          IntStream.range(0, 2)
              .mapToObj(
                  i -> pool.submit(replica(new SplittableRandom(seed + i), received, changes)))
              .toList();
      changes.get();
      for (Future<Object> replica : replicas) {
        replica.get();
      }
    } finally {
      pool.shutdownNow();
    }

    for (String id : ids) {
      List<Integer> firsts = received.getOrDefault(id, List.of()).stream().distinct().toList();
      Set<Integer> missing = new HashSet<>(Set.of(2, 3, 4));
      missing.removeAll(firsts);
      assertEquals(firsts.stream().sorted().toList(), firsts, "order, seed " + seed);
      assertTrue(Set.of(3).containsAll(missing), "seed " + seed + ", missing " + missing);
      assertTrue(
          missing.isEmpty() || planned.settled(id).toString().contains("3 coalesced"),
          "seed " + seed);
    }
    assertEquals(List.of(), planned.waiting(), "seed " + seed);
  }

  /** All that waits for a host is parked, as it is when a claim finds no room there. */
  private void park(String tenant, String host, Instant lookAt) {
    database
        .jdbi()
        .useHandle(
            h -> {
              h.execute(
                  "update webhook_delivery set parked = true where tenant_id = ? and host = ?",
                  tenant,
                  host);
              h.execute(
                  "insert into webhook_lane (tenant_id, host, due_at, crowded, changes) values (?, ?, ?, true, 1)",
                  tenant,
                  host,
                  lookAt.atOffset(ZoneOffset.UTC));
            });
  }
}
