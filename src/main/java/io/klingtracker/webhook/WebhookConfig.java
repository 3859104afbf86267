package io.klingtracker.webhook;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.List;

/** Bounds and habits of webhook delivery. */
@ConfigMapping(prefix = "tracker.webhook")
public interface WebhookConfig {

  /** Delays after each failed attempt; the first attempt is made at once. */
  @WithDefault("5s,30s,2m,10m,30m,2h,5h,10h,12h")
  List<Duration> retries();

  /** Until a connection, TLS included, is established. */
  @WithDefault("5s")
  Duration connectTimeout();

  /** Whole attempt, from looking the host up to the end of the answer. */
  @WithDefault("15s")
  Duration timeout();

  /** Deliveries of this process in flight; one tenant has at most half of them. */
  @WithDefault("2000")
  int inFlight();

  /** Deliveries in flight to one host. */
  @WithDefault("10")
  int perHost();

  /** Deliveries a second that begin to one host, all replicas together. */
  @WithDefault("50")
  int perHostRate();

  /** When hosts are left alone. */
  Breaker breaker();

  /** When a waiting delivery is given up, however long its host is paused. */
  @WithDefault("7d")
  Duration giveUpAfter();

  /** How long what became of deliveries, and every attempt, is kept. */
  @WithDefault("30d")
  Duration keep();

  /** How long a replaced secret continues to sign. */
  @WithDefault("24h")
  Duration secretOverlap();

  /** Whether deliveries are signed with the service's ed25519 key as well. */
  @WithDefault("false")
  boolean ed25519();

  /** Topic of Kafka for hosts that were paused or flow again; of those from now on. */
  @WithDefault("kling.webhook.hosts")
  String hostTopic();

  /** Circuit breaker and pause. */
  interface Breaker {

    /** How long a host fails without one success before it is paused. */
    @WithDefault("5d")
    Duration pauseAfter();
  }
}
