package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.egress.Failure;
import io.klingtracker.presence.DeadClaims;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.webhook.DeliveryQueue.Breaker;
import io.klingtracker.webhook.DeliveryQueue.Claimed;
import io.klingtracker.webhook.DeliveryQueue.HostQueueChange;
import io.klingtracker.webhook.DeliveryQueue.Room;
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
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DeliveryQueueTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final Duration RETRY = Duration.ofSeconds(30);
  private static final Duration PAUSE = Duration.ofSeconds(1);

  /** More than any test sends in a second, but for those of the rate. */
  private static final int RATE = 1000;

  private static final Breaker BREAKER =
      new Breaker(
          5, Duration.ofSeconds(5), Duration.ofMinutes(1), Duration.ofDays(5), Duration.ofHours(1));

  private final DeliveryQueue queue = new DeliveryQueue(database.jdbi());
  private final PlannedDeliveries planned = new PlannedDeliveries(database.jdbi());

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

  @Test
  void a_host_has_at_most_its_share_in_flight_whoever_sends() {
    for (int i = 0; i < 30; i++) {
      planned.change(
          planned.task(i % 2 == 0 ? "acme" : "zeta", "http://slow.example/", T0),
          2,
          "submitted",
          T0);
    }
    planned.change(planned.task("acme", "http://fast.example/", T0), 2, "submitted", T0);

    List<Delivery> claimed = claim(T0, room(100, 10));

    assertEquals(11, claimed.size());
    Map<String, Long> perTenant =
        claimed.stream()
            .filter(d -> d.host().equals("slow.example"))
            .collect(Collectors.groupingBy(Delivery::tenant, Collectors.counting()));
    assertEquals(Map.of("acme", 5L, "zeta", 5L), perTenant);
    assertEquals(List.of(), claim(T0, room(100, 10)));
    settle(delivered(claimed.get(0), T0));
    assertEquals(1, claim(T0, room(100, 10)).size());
  }

  @Test
  void a_host_gets_no_more_a_second_than_its_rate_from_all_replicas_together() {
    for (int i = 0; i < 400; i++) {
      planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    }
    Room hasty = new Room(100, 10, 1000, BREAKER.after(), 50);
    List<DeliveryQueue> replicas = List.of(queue, new DeliveryQueue(database.jdbi()));
    List<Integer> begun = new ArrayList<>();
    for (int tick = 0; tick < 40; tick++) {
      Instant now = T0.plusMillis(tick * 50L);
      int count = 0;
      for (DeliveryQueue replica : replicas) {
        for (Delivery delivery :
            replica.claim(hasty, UUID.randomUUID().toString(), now).deliveries()) {
          count++;
          replica.settle(List.of(delivered(delivery, now)), BREAKER);
        }
      }
      begun.add(count);
    }

    // A bucket of 50 to begin with, and 50 a second after; each replica alone would take twenty a
    // tick.
    int first = begun.subList(0, 20).stream().mapToInt(Integer::intValue).sum();
    int second = begun.subList(20, 40).stream().mapToInt(Integer::intValue).sum();
    assertTrue(first >= 95 && first <= 100, begun.toString());
    assertTrue(second >= 48 && second <= 52, begun.toString());
  }

  @Test
  void replicas_that_claim_at_the_same_moment_pay_back_what_was_too_much() throws Exception {
    for (int i = 0; i < 300; i++) {
      planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    }
    Room all = new Room(100, 100, 1000, BREAKER.after(), 50);
    ExecutorService pool = Executors.newFixedThreadPool(3);
    int begun = 0;
    try {
      List<Future<Integer>> claims =
          IntStream.range(0, 3)
              .mapToObj(i -> pool.submit(() -> queue.claim(all, "r" + i, T0).deliveries().size()))
              .toList();
      for (Future<Integer> claim : claims) {
        begun += claim.get();
      }
    } finally {
      pool.shutdownNow();
    }
    assertTrue(begun >= 50 && begun <= 150, "begun " + begun);

    int later = queue.claim(all, "later", T0.plusSeconds(3)).deliveries().size();
    assertTrue(begun + later <= 50 + 3 * 50, begun + " and " + later);
  }

  @Test
  void a_busy_tenant_does_not_crowd_out_another() {
    for (int i = 0; i < 50; i++) {
      planned.change(
          planned.task("busy", "http://" + (i % 10) + ".example/", T0.minusSeconds(60)),
          2,
          "submitted",
          T0.minusSeconds(60));
    }
    planned.change(planned.task("quiet", "http://q.example/", T0), 2, "submitted", T0);

    List<Delivery> claimed = claim(T0, room(4, 10));

    assertEquals(4, claimed.size());
    assertTrue(claimed.stream().anyMatch(d -> d.tenant().equals("quiet")));
  }

  @Test
  void a_tenant_with_many_slow_hosts_takes_no_more_than_its_share() {
    for (int i = 0; i < 20; i++) {
      planned.change(planned.task("greedy", "http://" + i + ".example/", T0), 2, "submitted", T0);
    }
    planned.change(
        planned.task("other", "http://o.example/", T0.plusSeconds(1)), 2, "submitted", T0);

    assertEquals(
        Map.of("greedy", 6L, "other", 1L),
        claim(T0, new Room(100, 10, 6, BREAKER.after(), RATE)).stream()
            .collect(Collectors.groupingBy(Delivery::tenant, Collectors.counting())));
    assertEquals(List.of(), claim(T0, new Room(100, 10, 6, BREAKER.after(), RATE)));
  }

  @Test
  void a_failing_host_gets_one_at_a_time_until_it_succeeds() {
    for (int i = 0; i < 20; i++) {
      planned.change(planned.task("acme", "http://dead.example/", T0), 2, "submitted", T0);
    }
    planned.change(
        planned.task("zeta", "http://dead.example/", T0), 2, "submitted", T0.plusSeconds(1));
    Instant retry = T0.plus(Duration.ofHours(1));
    claim(T0, room(5, 10)).forEach(d -> settle(failed(d, T0, retry)));

    // Another tenant's host queue to the same host is its own.
    assertEquals(List.of("zeta"), claim(T0.plusSeconds(4)).stream().map(Delivery::tenant).toList());
    Instant probe = T0.plusSeconds(5);
    List<Delivery> half = claim(probe);
    assertEquals(1, half.size());
    settle(failed(half.get(0), probe, retry));
    assertEquals(List.of(), claim(probe.plusSeconds(9)));
    Instant second = probe.plusSeconds(10);
    half = claim(second);
    assertEquals(1, half.size());
    assertEquals(List.of(), claim(second));
    settle(delivered(half.get(0), second));
    assertEquals(9, claim(second).size());
  }

  @Test
  void a_wish_to_be_left_alone_holds_the_whole_lane() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    planned.change(
        planned.task("acme", "http://a.example/", T0), 2, "submitted", T0.plusSeconds(1));
    Delivery delivery = claim(T0).get(0);
    settle(
        Settlement.of(
            delivery,
            new AttemptResult.Answered(429, "60", "", Duration.ZERO),
            new AttemptOutcome.Retry(T0.plusSeconds(60), "status 429", true, true),
            T0));

    assertEquals(0, claim(T0.plusSeconds(59)).size());
    assertEquals(2, claim(T0.plusSeconds(60)).size());
  }

  @Test
  void five_days_of_failure_pause_a_lane_and_a_success_brings_it_back() {
    String task = planned.task("acme", "http://dead.example/", T0);
    planned.change(task, 2, "submitted", T0);
    planned.change(
        planned.task("zeta", "http://dead.example/", T0),
        2,
        "submitted",
        T0.plus(Duration.ofDays(9)));
    Instant at = T0;
    List<HostQueueChange> changes = new ArrayList<>();
    int tries = 0;
    while (changes.isEmpty() && tries < 100) {
      at = at.plus(Duration.ofHours(6));
      changes.addAll(settle(failed(claim(at).get(0), at, at.plusSeconds(1))));
      tries++;
    }

    assertEquals(List.of(new HostQueueChange("acme", "dead.example", true)), changes);
    assertEquals(21, tries);
    assertEquals(0, claim(at.plus(Duration.ofMinutes(59))).size());
    Instant probe = at.plus(Duration.ofHours(1));
    Delivery delivery = claim(probe).get(0);
    assertEquals(
        List.of(new HostQueueChange("acme", "dead.example", false)),
        settle(delivered(delivery, probe)));
    assertEquals(List.of(), planned.hosts());
    // Both are written where they cannot be lost, and Kafka receives them in this order.
    HostEventStore events = new HostEventStore(database.jdbi(), new ReplicaId());
    assertEquals(
        List.of("resumed delivered " + probe, "paused connect " + at),
        events.list("acme", Long.MAX_VALUE, 10).stream()
            .map(e -> e.state() + " " + e.reason() + " " + e.at())
            .toList());
    assertEquals(List.of(), events.list("zeta", Long.MAX_VALUE, 10));
    for (String state : List.of("paused", "resumed")) {
      List<HostEventStore.HostEvent> claimed = events.claim(10, probe, RETRY);
      assertEquals(List.of(state), claimed.stream().map(HostEventStore.HostEvent::state).toList());
      assertEquals(List.of(), events.claim(10, probe, RETRY));
      // Kafka did not take it: it is tried again after a pause, or at once when its claimer died.
      assertEquals(claimed, events.claim(10, probe.plus(RETRY), RETRY));
      assertEquals(1, DeadClaims.free(database.jdbi(), "webhook_host_outbox"));
      assertEquals(claimed, events.claim(10, probe, RETRY));
      events.sent(claimed.get(0));
    }
    assertEquals(List.of(), events.claim(10, probe.plus(RETRY), RETRY));
  }

  @Test
  void two_failures_far_apart_are_no_failing_host() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    settle(failed(claim(T0).get(0), T0, T0.plusSeconds(1)));
    Instant later = T0.plus(Duration.ofDays(6));

    assertEquals(List.of(), settle(failed(claim(later).get(0), later, later.plusSeconds(1))));
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

  /** Claims and settles until all is done; now and then an attempt fails or its sender dies. */
  private Callable<Object> replica(
      SplittableRandom random, Map<String, List<Integer>> received, Future<?> changes) {
    return () -> {
      Instant now = T0;
      int idle = 0;
      while (idle < 20) {
        now = now.plusSeconds(1);
        List<Delivery> claimed = claim(now, room(7, 3));
        boolean nothing = claimed.isEmpty() && changes.isDone() && planned.waiting().isEmpty();
        idle = nothing ? idle + 1 : 0;
        for (Delivery delivery : claimed) {
          int fate = random.nextInt(10);
          if (fate > 0) {
            synchronized (received) {
              received
                  .computeIfAbsent(delivery.taskId(), k -> new ArrayList<>())
                  .add(delivery.sequence());
            }
          }
          if (fate > 1) {
            settle(delivered(delivery, now));
          } else if (fate == 1 || random.nextBoolean()) {
            settle(failed(delivery, now, now.plusSeconds(3)));
          } else {
            foundDead(delivery);
          }
        }
      }
      return now;
    };
  }

  /** What presence does about a claim whose claimer has died. */
  private static void foundDead(Delivery delivery) {
    database
        .jdbi()
        .useHandle(
            h ->
                h.execute(
                    "update webhook_delivery set claimed_until = null, claimed_by = null where claimed_by = ?",
                    delivery.claim()));
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

  private List<Delivery> claim(Instant now) {
    return claim(now, room(100, 10));
  }

  /** As the sender does: whatever is not in its turn is queued up, and the claim repeated. */
  private List<Delivery> claim(Instant now, Room room) {
    Claimed claimed = claimOnce(now, room);
    for (int i = 0; claimed.deliveries().isEmpty() && !claimed.behind().isEmpty() && i < 9; i++) {
      queue.queueUp(claimed.behind(), now, PAUSE);
      claimed = claimOnce(now, room);
    }
    queue.queueUp(claimed.behind(), now, PAUSE);
    return claimed.deliveries();
  }

  private Claimed claimOnce(Instant now, Room room) {
    return queue.claim(room, "@00000001/" + UUID.randomUUID(), now);
  }

  private List<HostQueueChange> settle(Settlement settlement) {
    return queue.settle(List.of(settlement), BREAKER);
  }

  private static Room room(int batch, int perHost) {
    return new Room(batch, perHost, 1000, BREAKER.after(), RATE);
  }

  private static Settlement delivered(Delivery delivery, Instant at) {
    return Settlement.of(
        delivery,
        new AttemptResult.Answered(200, null, "ok", Duration.ofMillis(3)),
        new AttemptOutcome.Delivered(),
        at);
  }

  private static Settlement failed(Delivery delivery, Instant at, @Nullable Instant again) {
    return Settlement.of(
        delivery,
        new AttemptResult.Unanswered(Failure.CONNECT, "nobody", Duration.ofMillis(3)),
        again == null
            ? new AttemptOutcome.Failed("connect", true, false)
            : new AttemptOutcome.Retry(again, "connect", true, false),
        at);
  }
}
