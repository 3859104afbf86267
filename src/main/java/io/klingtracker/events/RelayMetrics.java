package io.klingtracker.events;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What the relay does and how far behind it is. */
@Singleton
class RelayMetrics {

  private static final Duration PROMISED = Duration.ofSeconds(10);
  private static final Duration LONGEST = Duration.ofMinutes(10);

  private final Clock clock;
  private final Timer commitToAck;
  private final Counter failures;
  private final Counter statesAgain;
  private volatile boolean relaying;
  private volatile @Nullable Long absentSince;
  private volatile int held;
  private volatile long heldBytes;
  private volatile long unpublished;
  private volatile @Nullable Instant oldest;

  @Inject
  RelayMetrics(MeterRegistry registry, Clock clock) {
    this.clock = clock;
    commitToAck =
        Timer.builder("tracker.events.commit.to.ack")
            .description("From an event's time to Kafka's acknowledgement")
            .publishPercentileHistogram()
            .serviceLevelObjectives(PROMISED)
            .minimumExpectedValue(Duration.ofMillis(1))
            .maximumExpectedValue(LONGEST)
            .register(registry);
    failures =
        Counter.builder("tracker.events.failed.sends")
            .description("Sends that Kafka did not acknowledge and that are tried again")
            .register(registry);
    statesAgain =
        Counter.builder("tracker.events.states.again")
            .description("States written again because a lost or paused replica may have been late")
            .register(registry);
    Gauge.builder("tracker.events.relay", () -> relaying ? 1 : 0)
        .description("Whether this replica is the one that brings events to Kafka")
        .register(registry);
    Gauge.builder("tracker.events.relay.absent", () -> absentFor().toMillis() / 1000.0)
        .description("For how long no replica has brought events to Kafka: they wait")
        .baseUnit("seconds")
        .register(registry);
    Gauge.builder("tracker.events.held", () -> held)
        .description("Events in this replica's memory on their way to Kafka")
        .register(registry);
    Gauge.builder("tracker.events.held.size", () -> heldBytes)
        .description("About how much memory they take")
        .baseUnit("bytes")
        .register(registry);
    Gauge.builder("tracker.events.unpublished", () -> unpublished)
        .description("Events that Kafka has not acknowledged, of all replicas")
        .register(registry);
    Gauge.builder("tracker.events.oldest.age", this::oldestAge)
        .description("Seconds since the oldest unpublished event")
        .baseUnit("seconds")
        .register(registry);
  }

  private double oldestAge() {
    Instant since = oldest;
    return since == null
        ? 0
        : Math.max(0, Duration.between(since, clock.instant()).toMillis() / 1000.0);
  }

  void acknowledged(Duration sinceCommit) {
    commitToAck.record(sinceCommit);
  }

  void failed() {
    failures.increment();
  }

  void statesAgain(int states) {
    statesAgain.increment(states);
  }

  /** Whether any replica relayed at the last measure. */
  void relayed(boolean byAnyone) {
    if (byAnyone) {
      absentSince = null;
    } else if (absentSince == null) {
      absentSince = System.nanoTime();
    }
  }

  /** For how long none has; zero while one does. */
  Duration absentFor() {
    Long since = absentSince;
    return since == null ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - since);
  }

  void relaying(boolean here) {
    relaying = here;
  }

  boolean isRelaying() {
    return relaying;
  }

  void held(int events, long bytes) {
    held = events;
    heldBytes = bytes;
  }

  /** Since when the oldest event waits, as of the last measure. */
  Optional<Instant> oldest() {
    return Optional.ofNullable(oldest);
  }

  void backlog(OutboxStore.Lag lag) {
    unpublished = lag.unpublished();
    oldest = lag.oldest().orElse(null);
  }
}
