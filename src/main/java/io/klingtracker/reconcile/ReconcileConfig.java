package io.klingtracker.reconcile;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the reconciler. */
@ConfigMapping(prefix = "tracker.reconcile")
public interface ReconcileConfig {

  /** Most tasks asked about at once. */
  @WithDefault("50")
  int batch();

  /** Most questions under way at once. */
  @WithDefault("100")
  int maxInFlight();

  /**
   * A claim that is not settled for this long is another replica's to take; longer than a call may
   * last.
   */
  @WithDefault("90s")
  Duration lease();

  /** The net under the wake-ups. */
  @WithDefault("1s")
  Duration poll();

  /** An expired task is asked about this often, at the most. */
  @WithDefault("1h")
  Duration expiredEvery();

  /** And for this long after it was submitted. */
  @WithDefault("7D")
  Duration giveUpAfter();
}
