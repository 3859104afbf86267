package io.klingtracker.callback;

import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.Sweeps;
import io.klingtracker.upstream.CallbackStats;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jboss.logging.Logger;

/** Deletes receipts that are old enough, a bounded number at a time. */
@Startup
@Singleton
class ReceiptSweep {

  private static final Logger LOG = Logger.getLogger(ReceiptSweep.class);
  private static final Duration EVERY = Duration.ofMinutes(10);
  private static final int BATCH = 1000;

  private final ReceiptStore store;
  private final CallbackStats stats;
  private final Duration keep;
  private final Clock clock;

  @Inject
  ReceiptSweep(
      ReceiptStore store, CallbackStats stats, CallbackConfig config, Clock clock, Sweeps sweeps) {
    this.store = store;
    this.stats = stats;
    this.keep = config.keep();
    this.clock = clock;
    sweeps.add("callbacks", EVERY, this::runOnce);
  }

  /** True when a full batch suggests that there is more. */
  boolean runOnce() {
    Instant before = clock.instant().minus(keep);
    try {
      stats.forget(before);
    } catch (RuntimeException e) {
      LOG.warnf("missing callbacks are not forgotten: %s", SetAside.reason(e));
    }
    return store.sweep(before, BATCH) >= BATCH;
  }
}
