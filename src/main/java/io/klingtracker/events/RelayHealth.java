package io.klingtracker.events;

import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;

/** Whether some replica brings events to Kafka, at {@code /q/health/well}. */
@Wellness
@ApplicationScoped
class RelayHealth implements HealthCheck {

  /** A dead replica's place is taken long before. */
  private static final Duration UNWELL = Duration.ofSeconds(30);

  private final RelayMetrics metrics;

  @Inject
  RelayHealth(RelayMetrics metrics) {
    this.metrics = metrics;
  }

  @Override
  public HealthCheckResponse call() {
    Duration absent = metrics.absentFor();
    return HealthCheckResponse.named("event relay")
        .status(absent.compareTo(UNWELL) < 0)
        .withData("here", metrics.isRelaying())
        .withData("nowhere for seconds", absent.toSeconds())
        .build();
  }
}
