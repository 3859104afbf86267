package io.klingtracker.events;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.watch.ChangeNotifier;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;

/** Runs what brings events to Kafka, as configured. */
@Startup
@Singleton
class EventsLifecycle {

  /** How often the backlog is measured. */
  private static final Duration MEASURE_EVERY = Duration.ofSeconds(5);

  private static final Duration EMPTY_EVERY = Duration.ofSeconds(1);
  private static final int EMPTY_BATCH = 10_000;

  @Inject
  EventsLifecycle(
      KafkaChannels channels,
      OutboxStore store,
      RelayConfig config,
      RelayMetrics metrics,
      ChangeNotifier notifier,
      Clock clock,
      Loops loops) {
    Relay relay = new Relay(store, channels.sink(), config, metrics, clock);
    loops.add(relay.loop());
    notifier.anything(relay::wake);
    if (config.relay() == RelayConfig.Mode.DEBEZIUM) {
      loops.add(
          WorkLoop.named("outbox")
              .every(EMPTY_EVERY)
              .work(() -> store.empty(EMPTY_BATCH) == EMPTY_BATCH));
    }
    loops.add(
        WorkLoop.named("outbox-gauge")
            .every(MEASURE_EVERY)
            .work(
                () -> {
                  metrics.backlog(store.lag());
                  metrics.relayed(store.isRelayed());
                  return store.forgetGone(clock.instant());
                }));
  }
}
