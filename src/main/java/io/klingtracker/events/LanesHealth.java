package io.klingtracker.events;

import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;

/** Whether somebody brings every lane's events to Kafka, at {@code /q/health/well}. */
@Wellness
@ApplicationScoped
class LanesHealth implements HealthCheck {

  /** Lanes of a dead replica have a new holder long before. */
  private static final Duration UNWELL = Duration.ofSeconds(30);

  private final RelayMetrics metrics;

  @Inject
  LanesHealth(RelayMetrics metrics) {
    this.metrics = metrics;
  }

  @Override
  public HealthCheckResponse call() {
    Duration time = metrics.unownedFor();
    return HealthCheckResponse.named("event lanes")
        .status(time.compareTo(UNWELL) < 0)
        .withData("without an owner", metrics.unowned())
        .withData("for seconds", time.toSeconds())
        .build();
  }
}
