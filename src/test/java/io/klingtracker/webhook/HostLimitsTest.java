package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.webhook.DeliveryQueue.HostQueueChange;
import io.klingtracker.webhook.DeliveryQueue.Room;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** How much goes to one host and for one tenant at a time, and what a failing host gets. */
class HostLimitsTest extends DeliveryRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  HostLimitsTest() {
    super(DATABASE);
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
    List<DeliveryQueue> replicas = List.of(queue, new DeliveryQueue(database.jdbi(), "hosts"));
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
  void a_wish_to_be_left_alone_holds_the_whole_host_queue() {
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
    // Both are written where they cannot be lost, and as records that Kafka receives in this order.
    HostEventStore events = new HostEventStore(DATABASE.jdbi());
    List<HostEventView> listed = events.list("acme", Long.MAX_VALUE, 10);
    assertEquals(
        List.of("resumed delivered " + probe, "paused connect " + at),
        listed.stream().map(e -> e.state() + " " + e.reason() + " " + e.occurredAt()).toList());
    assertEquals(List.of(), events.list("zeta", Long.MAX_VALUE, 10));
    assertEquals(
        List.of(
            record(listed.get(1), "paused", Rfc3339.format(at)),
            record(listed.get(0), "resumed", Rfc3339.format(probe))),
        planned.strings(
            """
            select concat_ws(' ', topic, key, lane = outbox_lane(key), headers->>'ce_type', headers->>'ce_id',
              headers->>'ce_sequence', headers->>'ce_subject', headers->>'ce_time', headers->>'ce_partitionkey',
              payload::json->>'state', payload::json->>'event_id', payload::json->>'occurred_at')
            from outbox where topic is not null order by id
            """));
  }

  private static String record(HostEventView event, String state, String at) {
    return String.join(
        " ",
        "hosts acme/dead.example t",
        "kling.webhook.host-" + state + ".v1",
        event.eventId(),
        Long.toString(event.id()),
        "dead.example",
        at,
        "acme/dead.example",
        state,
        event.eventId(),
        at);
  }

  @Test
  void two_failures_far_apart_are_no_failing_host() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    settle(failed(claim(T0).get(0), T0, T0.plusSeconds(1)));
    Instant later = T0.plus(Duration.ofDays(6));

    assertEquals(List.of(), settle(failed(claim(later).get(0), later, later.plusSeconds(1))));
  }
}
