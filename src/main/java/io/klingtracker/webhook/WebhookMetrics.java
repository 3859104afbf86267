package io.klingtracker.webhook;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** What operators watch. No tenant and no host is a label: both are the callers' to choose. */
@Singleton
class WebhookMetrics {

  private final MeterRegistry registry;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicInteger waiting = new AtomicInteger();
  private final AtomicInteger failingHosts = new AtomicInteger();
  private final AtomicInteger hostsPaused = new AtomicInteger();
  private final AtomicLong oldestDueMillis = new AtomicLong();

  @Inject
  WebhookMetrics(MeterRegistry registry) {
    this.registry = registry;
    gauge("in.flight", "Webhook attempts under way", inFlight::get);
    gauge("waiting", "Deliveries that are not done", waiting::get);
    gauge("hosts.in.trouble", "Hosts of tenants that fail", failingHosts::get);
    gauge(
        "hosts.paused",
        "Those to which nothing is sent until one attempt passes",
        hostsPaused::get);
    gauge(
        "oldest.due.seconds",
        "How long the oldest delivery that may be sent has been due",
        () -> oldestDueMillis.get() / 1000.0);
  }

  private void gauge(String name, String description, Supplier<Number> value) {
    Gauge.builder("tracker.webhook." + name, value).description(description).register(registry);
  }

  /** An attempt has ended. */
  void attempted(Settlement settlement) {
    String failure = settlement.failure();
    Tags tags =
        Tags.of("outcome", settlement.outcome(), "error", failure == null ? "none" : failure);
    Counter.builder("tracker.webhook.attempts")
        .description("Webhook attempts by outcome and what failed")
        .tags(tags)
        .register(registry)
        .increment();
    Timer.builder("tracker.webhook.latency")
        .description("How long webhook attempts took")
        .tag("outcome", settlement.outcome())
        .publishPercentileHistogram(false)
        .register(registry)
        .record(java.time.Duration.ofMillis(settlement.latencyMs()));
  }

  /** A host queue was paused or has come back. */
  void hostQueueChanged(boolean paused) {
    Counter.builder("tracker.webhook.hosts.changes")
        .description("Hosts that were paused, or have come back")
        .tag("to", paused ? "paused" : "healthy")
        .register(registry)
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
  void sampled(int waiting, long oldestDueMillis, int failingHosts, int hostsPaused) {
    this.waiting.set(waiting);
    this.oldestDueMillis.set(oldestDueMillis);
    this.failingHosts.set(failingHosts);
    this.hostsPaused.set(hostsPaused);
  }
}
