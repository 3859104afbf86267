package io.klingtracker.webhook;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.klingtracker.egress.AttemptResult;
import io.klingtracker.egress.Failure;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class WebhookSweepTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");

  private final PlannedDeliveries planned = new PlannedDeliveries(database.jdbi());
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

  @Test
  void what_has_waited_for_a_week_has_failed() {
    String old = planned.task("acme", "http://a.example/", T0);
    planned.change(old, 2, "submitted", T0);
    String fresh = planned.task("acme", "http://a.example/", T0);
    planned.change(fresh, 2, "submitted", T0.plusSeconds(1));

    assertFalse(sweep(T0.plus(Duration.ofDays(7)).plusMillis(1)).runOnce());

    assertEquals(List.of("2 failed 0"), planned.settled(old));
    assertEquals(List.of(fresh + " 2"), planned.waiting());
  }

  @Test
  void a_month_later_nothing_is_left() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    DeliveryQueue queue = new DeliveryQueue(database.jdbi(), "hosts");
    Delivery delivery =
        queue.claim(new DeliveryQueue.Room(1, 1, 1, 5, 50), "me", T0).deliveries().get(0);
    queue.settle(
        List.of(
            Settlement.of(
                delivery,
                new AttemptResult.Unanswered(Failure.DNS, "gone", Duration.ZERO),
                new AttemptOutcome.Failed("dns", true, false),
                T0)),
        new DeliveryQueue.Breaker(
            5,
            Duration.ofSeconds(5),
            Duration.ofMinutes(1),
            Duration.ofDays(5),
            Duration.ofHours(1)));

    sweep(T0.plus(Duration.ofDays(1))).runOnce();
    assertEquals(1, planned.hosts().size());
    sweep(T0.plus(Duration.ofDays(1)).plusMillis(1)).runOnce();
    assertEquals(List.of(), planned.hosts());
    sweep(T0.plus(Duration.ofDays(30))).runOnce();
    assertEquals(1, planned.attempts());
    sweep(T0.plus(Duration.ofDays(30)).plusMillis(1)).runOnce();
    assertEquals(0, planned.attempts());
    assertEquals(List.of(), planned.settled(delivery.taskId()));
  }

  @Test
  void the_age_of_the_oldest_due_is_measured() {
    planned.change(planned.task("acme", "http://a.example/", T0), 2, "submitted", T0);
    sweep(T0.plusSeconds(42)).runOnce();

    assertEquals(42.0, registry.get("tracker.webhook.oldest.due.seconds").gauge().value());
    assertEquals(1.0, registry.get("tracker.webhook.waiting").gauge().value());
  }

  private WebhookSweep sweep(Instant now) {
    return new WebhookSweep(
        database.jdbi(),
        SenderRig.config(Map.of()),
        new WebhookMetrics(registry),
        Clock.fixed(now, ZoneOffset.UTC));
  }
}
