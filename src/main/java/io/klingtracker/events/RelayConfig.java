package io.klingtracker.events;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Bounds of the relay to Kafka. */
@ConfigMapping(prefix = "tracker.events")
public interface RelayConfig {

  /** Topic of the status changes. */
  @WithDefault("kling.task.events")
  String topic();

  /** Most events read and in flight at once. */
  @WithDefault("500")
  int batch();

  /** The net under the wake-ups; also how soon another replica's events are seen. */
  @WithDefault("250ms")
  Duration poll();

  /**
   * Longest wait for Kafka's acknowledgement of a batch; must exceed the producer's
   * delivery.timeout.ms.
   */
  @WithDefault("30s")
  Duration ackTimeout();
}
