package io.klingtracker.webhook;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** What operators watch. No tenant and no host is a label: both are the callers' to choose. */
@Singleton
class WebhookMetrics {

  /** Of the first attempts; a minute is the promise. */
  private static final Duration[] BOUNDS =
      Stream.of(1, 5, 15, 60, 300, 3600).map(Duration::ofSeconds).toArray(Duration[]::new);

  private final MeterRegistry registry;
  private final Timer delivered;
  private final Counter exceeded;
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
    delivered =
        Timer.builder("tracker.webhook.delivered")
            .description("From when a webhook may be sent until its first attempt was answered 2xx")
            .serviceLevelObjectives(BOUNDS)
            .register(registry);
    exceeded =
        Counter.builder("tracker.webhook.hosts.exceeded")
            .description(
                "Deliveries given up because more hosts of their tenant fail than it may have")
            .register(registry);
    changes(true);
    changes(false);
  }

  private void gauge(String name, String description, Supplier<Number> value) {
    Gauge.builder("tracker.webhook." + name, value).description(description).register(registry);
  }

  /** An attempt has ended. */
  void attempted(Delivery delivery, Settlement settlement) {
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
        .record(Duration.ofMillis(settlement.latencyMs()));
    if (delivery.attempts() == 0 && settlement.outcome().equals("delivered")) {
      // Due and sent by two replicas' clocks.
      Duration since = Duration.between(delivery.dueAt(), settlement.at());
      delivered.record(since.isNegative() ? Duration.ZERO : since);
    }
  }

  /** A host queue was paused or has come back. */
  void hostQueueChanged(boolean paused) {
    changes(paused).increment();
  }

  private Counter changes(boolean paused) {
    return Counter.builder("tracker.webhook.hosts.changes")
        .description("Hosts that were paused, or have come back")
        .tag("to", paused ? "paused" : "healthy")
        .register(registry);
  }

  /** Deliveries were given up since too many hosts of their tenant fail. */
  void hostsExceeded(int deliveries) {
    exceeded.increment(deliveries);
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
