package io.klingtracker.loops;

import io.klingtracker.time.Rfc3339;
import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import java.time.Instant;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/**
 * Every loop of this replica, at {@code /q/health/well}: when it last went well, since when it has
 * failed, how long its oldest item has waited, and what is set aside. Neither liveness nor
 * readiness asks: a restart mends no item.
 */
@Wellness
@ApplicationScoped
class LoopHealth implements HealthCheck {

  /** A loop that has failed for so long does not recover by itself. */
  private static final Duration UNWELL = Duration.ofMinutes(1);

  private final Loops loops;
  private final LoopMetrics metrics;

  @Inject
  LoopHealth(Loops loops, LoopMetrics metrics) {
    this.loops = loops;
    this.metrics = metrics;
  }

  @Override
  public HealthCheckResponse call() {
    HealthCheckResponseBuilder answer = HealthCheckResponse.named("loops");
    boolean well = true;
    for (WorkLoop loop : loops.all()) {
      well &= loop.failingFor().map(time -> time.compareTo(UNWELL) < 0).orElse(true);
      answer.withData(loop.name(), describe(loop));
    }
    metrics.setAside().forEach((kind, items) -> answer.withData("set-aside " + kind, items));
    return answer.status(well).build();
  }

  private String describe(WorkLoop loop) {
    Instant succeeded = metrics.succeeded(loop);
    Instant failing = metrics.failingSince(loop);
    return "last success %s, %s, oldest waiting %s s"
        .formatted(
            succeeded == null ? "none yet" : Rfc3339.format(succeeded),
            failing == null ? "not failing" : "failing since " + Rfc3339.format(failing),
            Math.round(metrics.oldestSeconds(loop) * 10) / 10.0);
  }
}
