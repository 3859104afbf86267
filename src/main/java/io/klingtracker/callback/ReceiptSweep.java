package io.klingtracker.callback;

import io.klingtracker.tracking.CallbackLedger;
import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Deletes receipts that are old enough, a bounded number at a time. */
@Singleton
class ReceiptSweep {

  private static final Duration EVERY = Duration.ofMinutes(10);
  private static final int BATCH = 1000;

  private final ReceiptStore store;
  private final CallbackLedger ledger;
  private final Duration keep;
  private final Clock clock;
  private @Nullable WorkLoop loop;

  @Inject
  ReceiptSweep(ReceiptStore store, CallbackLedger ledger, CallbackConfig config, Clock clock) {
    this.store = store;
    this.ledger = ledger;
    this.keep = config.keep();
    this.clock = clock;
  }

  void onStart(@Observes StartupEvent start) {
    loop = WorkLoop.start("callback-sweep", EVERY, this::runOnce);
  }

  void onStop(@Observes ShutdownEvent stop) {
    if (loop != null) {
      loop.close();
    }
  }

  /** True when a full batch suggests that there is more. */
  boolean runOnce() {
    Instant before = clock.instant().minus(keep);
    ledger.forget(before);
    return store.sweep(before, BATCH) >= BATCH;
  }
}
