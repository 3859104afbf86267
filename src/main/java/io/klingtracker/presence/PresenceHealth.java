package io.klingtracker.presence;

import io.smallrye.health.api.Wellness;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;

/** Who is alive, at {@code /q/health/well}: down while the others may take us for dead. */
@Wellness
@ApplicationScoped
class PresenceHealth implements HealthCheck {

  private final Presence presence;
  private final ReplicaId me;

  @Inject
  PresenceHealth(Presence presence, ReplicaId me) {
    this.presence = presence;
    this.me = me;
  }

  @Override
  public HealthCheckResponse call() {
    Duration ago = presence.sinceBeat();
    return HealthCheckResponse.named("replicas")
        .status(ago != null && ago.compareTo(RollCall.UNSEEN) < 0)
        .withData("this", me.id())
        .withData("alive", presence.alive())
        .withData("last beat", ago == null ? "none yet" : ago.toMillis() + " ms ago")
        .withData("claims taken over", presence.takenOver())
        .build();
  }
}
