package io.klingtracker.tracking;

import io.klingtracker.secret.Secrets;
import java.time.Clock;
import java.util.List;

/** What dispatch needs of tracking, without a container. */
public final class TrackingWithout {

  private TrackingWithout() {}

  /** Callback URLs under {@code tracker.public-url}. */
  public static CallbackTarget callbacks(TrackingConfig config) {
    return new CallbackTarget(
        new Secrets("test-secret-0123456789abcdef0123456789abcdef", List.of()), config);
  }

  /** The plan of checks. */
  public static CheckPlan checks(TrackingConfig config, Clock clock) {
    return new CheckPlan(config, clock);
  }
}
