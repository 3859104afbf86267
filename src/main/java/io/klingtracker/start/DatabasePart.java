package io.klingtracker.start;

import io.klingtracker.database.Availability;
import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/** Whether PostgreSQL can serve, among the parts at {@code /q/health/well}; asks nobody itself. */
@Wellness
@ApplicationScoped
class DatabasePart implements HealthCheck {

  private final Availability availability;

  @Inject
  DatabasePart(Availability availability) {
    this.availability = availability;
  }

  @Override
  public HealthCheckResponse call() {
    String trouble = availability.trouble();
    HealthCheckResponseBuilder answer = HealthCheckResponse.named("PostgreSQL");
    return trouble == null
        ? answer.up().build()
        : answer.down().withData("reason", trouble).build();
  }
}
