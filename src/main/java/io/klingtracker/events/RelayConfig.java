package io.klingtracker.events;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Optional;

/** The way to Kafka, and its bounds. */
@ConfigMapping(prefix = "tracker.events")
public interface RelayConfig {

  /** Who brings events to Kafka. */
  enum Mode {
    /** We do. */
    BUILTIN,
    /** Debezium reads the table of events; of the outbox we send only what is not of tasks. */
    DEBEZIUM
  }

  /** {@code builtin} or {@code debezium}. */
  @WithDefault("builtin")
  Mode relay();

  /** Topic of the status changes. */
  @WithDefault("kling.task.events")
  String topic();

  /** The latest state of every task. */
  State state();

  /** Topics that do not exist yet. */
  Topics topics();

  /** Sending again on an administrator's request. */
  Replay replay();

  /** Most events held in memory: read, in flight or waiting for another try. */
  @WithDefault("2000")
  int window();

  /** Most bytes of events held in memory, and of what one statement reads; an event may pass it. */
  @WithDefault("16777216")
  long windowBytes();

  /** Longest pause before a new try of an event that Kafka did not take; the first is 0.2 s. */
  @WithDefault("5s")
  Duration retryCap();

  /** The compacted topic. */
  interface State {
    /** Whether it is written. */
    @WithDefault("true")
    boolean enabled();

    /** Its name. */
    @WithDefault("kling.task.state")
    String topic();
  }

  /** How topics are made. */
  interface Topics {
    /** Whether we may. */
    @WithDefault("true")
    boolean create();

    /** Partitions of a topic that we make: the most consumers that can share it. */
    @WithDefault("12")
    int partitions();

    /** Copies of a topic that we make; the broker's default when not set. */
    Optional<Short> replicationFactor();
  }

  /** The bound of a replay. */
  interface Replay {
    /** Most events of one replay. */
    @WithDefault("1000000")
    long limit();
  }
}
