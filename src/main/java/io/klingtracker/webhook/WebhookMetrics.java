package io.klingtracker.webhook;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What operators watch. No tenant and no host is a label: both are the callers' to choose. */
@Singleton
class WebhookMetrics {

  private final MeterRegistry registry;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicInteger waiting = new AtomicInteger();
  private final AtomicInteger hostsInTrouble = new AtomicInteger();
  private final AtomicInteger hostsPaused = new AtomicInteger();
  private final AtomicLong oldestDueMillis = new AtomicLong();

  @Inject
  WebhookMetrics(MeterRegistry registry) {
    this.registry = registry;
    registry.gauge("tracker.webhook.in.flight", inFlight);
    registry.gauge("tracker.webhook.waiting", waiting);
    registry.gauge("tracker.webhook.hosts.in.trouble", hostsInTrouble);
    registry.gauge("tracker.webhook.hosts.paused", hostsPaused);
    registry.gauge("tracker.webhook.oldest.due.seconds", oldestDueMillis, ms -> ms.get() / 1000.0);
  }

  /** An attempt has ended. */
  void attempted(Settlement settlement) {
    String failure = settlement.failure();
    Tags tags =
        Tags.of("outcome", settlement.outcome(), "error", failure == null ? "none" : failure);
    registry.counter("tracker.webhook.attempts", tags).increment();
    Timer.builder("tracker.webhook.latency")
        .tag("outcome", settlement.outcome())
        .publishPercentileHistogram(false)
        .register(registry)
        .record(java.time.Duration.ofMillis(settlement.latencyMs()));
  }

  /** A lane was paused or has come back. */
  void laneChanged(boolean paused) {
    registry
        .counter("tracker.webhook.hosts.changes", "to", paused ? "paused" : "healthy")
        .increment();
  }

  /** Deliveries were given up since too many hosts of their tenant fail. */
  void hostsExceeded(int deliveries) {
    Counter.builder("tracker.webhook.hosts.exceeded")
        .description("Deliveries given up because more hosts of their tenant fail than it may have")
        .register(registry)
        .increment(deliveries);
  }

  void inFlight(int count) {
    inFlight.set(count);
  }

  /** As sampled from the tables now and then. */
  void sampled(int waiting, long oldestDueMillis, int hostsInTrouble, int hostsPaused) {
    this.waiting.set(waiting);
    this.oldestDueMillis.set(oldestDueMillis);
    this.hostsInTrouble.set(hostsInTrouble);
    this.hostsPaused.set(hostsPaused);
  }
}
