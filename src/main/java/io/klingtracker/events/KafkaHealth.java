package io.klingtracker.events;

import io.smallrye.health.api.Wellness;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.jspecify.annotations.Nullable;

/**
 * Whether Kafka answers, at {@code /q/health/well}. Neither liveness nor readiness asks: while
 * Kafka is away submissions and callbacks continue, and their events wait in the outbox.
 */
@Wellness
@ApplicationScoped
class KafkaHealth implements HealthCheck {

  private static final Duration KEEP = Duration.ofSeconds(1);
  private static final long WAIT_SECONDS = 2;

  private final KafkaChannels channels;
  private final Clock clock;
  private @Nullable Admin admin;
  private long askedAt = Long.MIN_VALUE;
  private @Nullable String trouble;

  @Inject
  KafkaHealth(KafkaChannels channels, Clock clock) {
    this.channels = channels;
    this.clock = clock;
  }

  @Override
  public synchronized HealthCheckResponse call() {
    long now = clock.millis();
    if (now - KEEP.toMillis() >= askedAt) {
      trouble = ask();
      askedAt = now;
    }
    return trouble == null
        ? HealthCheckResponse.up("Kafka")
        : HealthCheckResponse.named("Kafka").down().withData("reason", trouble).build();
  }

  private @Nullable String ask() {
    try {
      Admin current =
          admin == null ? Admin.create(KafkaTopics.settings(channels.connection())) : admin;
      admin = current;
      current.describeCluster().nodes().get(WAIT_SECONDS, TimeUnit.SECONDS);
      return channels
          .broken()
          .map(why -> "the producer has failed for good, restart this replica: " + why)
          .orElse(null);
    } catch (ExecutionException e) {
      return String.valueOf(SendFailures.cause(e).getMessage());
    } catch (KafkaException e) {
      return String.valueOf(e.getMessage());
    } catch (TimeoutException e) {
      return "no answer within " + WAIT_SECONDS + " s";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "interrupted";
    }
  }

  @PreDestroy
  void close() {
    if (admin != null) {
      admin.close(Duration.ZERO);
    }
  }
}
