package io.klingtracker.database;

import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

/** Ready, and well, while PostgreSQL can serve; asks nobody itself. */
@Readiness
@Wellness
@ApplicationScoped
class DatabaseHealth implements HealthCheck {

  private final Availability availability;

  @Inject
  DatabaseHealth(Availability availability) {
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
