package io.klingtracker.reconcile;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.upstream.Doubts;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import io.smallrye.health.api.Wellness;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.jboss.logging.Logger;

/**
 * Shows operators the creates in doubt, by cause: as gauges, at {@code /q/health/well}, and in the
 * log while one is in doubt for longer than asking should take.
 */
@Startup
@Wellness
@Singleton
class DoubtWatch implements HealthCheck {

  private static final Logger LOG = Logger.getLogger(DoubtWatch.class);

  private static final Duration EVERY = Duration.ofSeconds(15);

  /** A doubt that is older does not end by itself soon: somebody should look what Kling answers. */
  static final Duration LONG = Duration.ofMinutes(5);

  private final Doubts doubts;
  private final Clock clock;
  private volatile List<Doubts.Count> counts = List.of();
  private volatile Instant warnAgainAt = Instant.MIN;

  @Inject
  DoubtWatch(Doubts doubts, Clock clock, MeterRegistry registry, Loops loops) {
    this.doubts = doubts;
    this.clock = clock;
    for (Doubts.Cause cause : Doubts.Cause.values()) {
      Gauge.builder("tracker.doubts", () -> creates(cause))
          .description("Creates of which nobody knows whether Kling accepted them")
          .tag("cause", cause.wireName())
          .register(registry);
      Gauge.builder("tracker.doubts.oldest.seconds", () -> oldestSeconds(cause))
          .description("Age of the oldest of them")
          .tag("cause", cause.wireName())
          .register(registry);
    }
    loops.add(WorkLoop.named("doubt-gauges").every(EVERY).work(this::look));
  }

  /** Counts; warns once in {@link #LONG}. */
  boolean look() {
    counts = doubts.counts();
    Instant now = clock.instant();
    if (isLong() && !now.isBefore(warnAgainAt)) {
      warnAgainAt = now.plus(LONG);
      LOG.warnf("creates in doubt for long: %s", describe());
    }
    return false;
  }

  private boolean isLong() {
    Instant since = clock.instant().minus(LONG);
    return counts.stream().anyMatch(count -> count.oldest().isBefore(since));
  }

  @Override
  public HealthCheckResponse call() {
    HealthCheckResponseBuilder answer = HealthCheckResponse.named("creates in doubt");
    describe().forEach(answer::withData);
    return answer.status(!isLong()).build();
  }

  private Map<String, String> describe() {
    return counts.stream()
        .collect(
            Collectors.toMap(
                count -> count.cause().wireName(),
                count ->
                    "%s, the oldest for %s s"
                        .formatted(count.creates(), age(count.oldest()).toSeconds())));
  }

  private long creates(Doubts.Cause cause) {
    return counts.stream()
        .filter(count -> count.cause() == cause)
        .mapToLong(Doubts.Count::creates)
        .sum();
  }

  private double oldestSeconds(Doubts.Cause cause) {
    return counts.stream()
        .filter(count -> count.cause() == cause)
        .mapToDouble(count -> age(count.oldest()).toMillis() / 1000.0)
        .max()
        .orElse(0);
  }

  private Duration age(Instant since) {
    return Duration.between(since, clock.instant());
  }
}
