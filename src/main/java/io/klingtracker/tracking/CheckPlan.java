package io.klingtracker.tracking;

import io.klingtracker.retry.Backoff;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.random.RandomGenerator;

/** When to ask Kling about a task that stays silent. */
@Singleton
public class CheckPlan {

  private static final double JITTER = 0.2;

  private final Backoff backoff;
  private final Clock clock;
  private final RandomGenerator random = RandomGenerator.getDefault();

  @Inject
  CheckPlan(TrackingConfig config, Clock clock) {
    this.backoff = new Backoff(config.check().first(), config.check().cap(), JITTER);
    this.clock = clock;
  }

  /** For a task that was just heard of. */
  public Instant first() {
    return afterChecks(0);
  }

  /**
   * For a task that has been asked about.
   *
   * @param checks how often, since it was last heard of
   */
  public Instant afterChecks(int checks) {
    return clock.instant().plus(backoff.after(checks + 1, random));
  }
}
