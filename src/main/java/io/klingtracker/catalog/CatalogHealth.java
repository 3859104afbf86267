package io.klingtracker.catalog;

import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/** Which catalogue is in use, at {@code /q/health/well}; down while the file over it is refused. */
@Wellness
@ApplicationScoped
class CatalogHealth implements HealthCheck {

  private final CatalogOverlay overlay;

  @Inject
  CatalogHealth(CatalogOverlay overlay) {
    this.overlay = overlay;
  }

  @Override
  public HealthCheckResponse call() {
    HealthCheckResponseBuilder answer =
        HealthCheckResponse.named("catalog").up().withData("version", Catalog.current().version());
    overlay.fault().ifPresent(fault -> answer.down().withData("refused", fault));
    return answer.build();
  }
}
