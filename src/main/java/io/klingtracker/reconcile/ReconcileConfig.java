package io.klingtracker.reconcile;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the reconciler. */
@ConfigMapping(prefix = "tracker.reconcile")
public interface ReconcileConfig {

  /**
   * Most tasks asked about at once; each costs a few hundred bytes meanwhile. One tenant has half
   * of them at the most.
   */
  @WithDefault("20000")
  int batch();

  /** Calls to each account in a second, by each replica. */
  @WithDefault("20")
  int rate();

  /** For so long after it expired a task is still asked about, once an hour. */
  @WithDefault("7D")
  Duration giveUpAfter();
}
