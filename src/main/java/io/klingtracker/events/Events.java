package io.klingtracker.events;

import io.klingtracker.watch.Watch;
import io.klingtracker.work.WorkLoop;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Runs what brings events to Kafka, as configured. */
@Singleton
class Events {

  private static final Duration EMPTY_EVERY = Duration.ofSeconds(1);
  private static final int EMPTY_BATCH = 10_000;

  private final Channels channels;
  private final OutboxStore store;
  private final RelayConfig config;
  private final RelayMetrics metrics;
  private final Watch watch;
  private final Clock clock;
  private @Nullable Relay relay;
  private Watch.@Nullable Watching watching;
  private @Nullable WorkLoop cleaner;
  private @Nullable WorkLoop gauge;

  @Inject
  Events(
      Channels channels,
      OutboxStore store,
      RelayConfig config,
      RelayMetrics metrics,
      Watch watch,
      Clock clock) {
    this.channels = channels;
    this.store = store;
    this.config = config;
    this.metrics = metrics;
    this.watch = watch;
    this.clock = clock;
  }

  void onStart(@Observes StartupEvent start) {
    if (config.relay() == RelayConfig.Mode.BUILTIN) {
      Relay starting = new Relay(store, channels.sink(false), config, metrics, clock);
      starting.start();
      relay = starting;
      watching = watch.anything(starting::wake);
    } else {
      cleaner =
          WorkLoop.start("outbox", EMPTY_EVERY, () -> store.empty(EMPTY_BATCH) == EMPTY_BATCH);
    }
    gauge =
        WorkLoop.start(
            "outbox-gauge",
            config.measure(),
            () -> {
              metrics.backlog(store.lag());
              return false;
            });
  }

  void onStop(@Observes ShutdownEvent stop) {
    if (watching != null) {
      watching.close();
    }
    if (relay != null) {
      relay.close();
    }
    if (cleaner != null) {
      cleaner.close();
    }
    if (gauge != null) {
      gauge.close();
    }
  }
}
