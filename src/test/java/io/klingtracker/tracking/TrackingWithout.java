package io.klingtracker.tracking;

import io.klingtracker.secret.Secrets;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/** What dispatch needs of tracking, without a container. */
public final class TrackingWithout {

  private TrackingWithout() {}

  /** Callback URLs under {@code tracker.public-url}. */
  public static CallbackTarget callbacks(TrackingConfig config) {
    return new CallbackTarget(
        new Secrets("test-secret-0123456789abcdef0123456789abcdef", List.of()), config);
  }

  /** The plan of checks. */
  public static CheckPlan checks(TrackingConfig config, Jdbi jdbi, Clock clock) {
    return new CheckPlan(
        config,
        new RenderTimes(jdbi, clock),
        new CallbackLedger(jdbi, clock, new SimpleMeterRegistry()),
        clock);
  }
}
