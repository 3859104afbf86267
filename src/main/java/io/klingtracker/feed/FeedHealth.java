package io.klingtracker.feed;

import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/**
 * Whether the feed continues, at {@code /q/health/well}: who holds it back, and when the database
 * was last found restored. Neither liveness nor readiness asks: a restart ends nobody's
 * transaction.
 */
@Wellness
@ApplicationScoped
class FeedHealth implements HealthCheck {

  private final FeedHold hold;

  @Inject
  FeedHealth(FeedHold hold) {
    this.hold = hold;
  }

  @Override
  public HealthCheckResponse call() {
    HealthCheckResponseBuilder answer = HealthCheckResponse.named("feed").up();
    hold.epoch()
        .ifPresent(
            epoch ->
                answer.withData(
                    "restore detected", "%s: %s".formatted(epoch.began(), epoch.reason())));
    hold.holder()
        .ifPresent(
            holder ->
                answer
                    .down()
                    .withData(
                        "held back",
                        "for %s s by %s".formatted(hold.heldBack().toSeconds(), holder.who())));
    return answer.build();
  }
}
