package io.klingtracker.webhook;

import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.webhook.HostEventStore.HostEvent;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.errors.RetriableException;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Jdbi;

/**
 * Brings pauses and their ends to Kafka, at least once and in order per host queue. What Kafka did
 * not take is tried again after a pause.
 */
@Singleton
class HostEventRelay {

  private static final Logger LOG = Logger.getLogger(HostEventRelay.class);
  private static final int BATCH = 100;

  /** The kind of what is set aside here; the key is the event's number. */
  private static final String SET_ASIDE = "host-event";

  /** Until what Kafka did not take is tried again; longer than the producer tries. */
  private static final Duration RETRY_AFTER = Duration.ofSeconds(30);

  private static final Duration LONGEST_WAIT = Duration.ofSeconds(20);

  private final HostEventStore store;
  private final HostEventProducer producer;
  private final SetAside setAside;
  private final Jdbi jdbi;
  private final Attempts attempts = new Attempts();
  private final Clock clock;

  @Inject
  HostEventRelay(
      HostEventStore store, HostEventProducer producer, SetAside setAside, Jdbi jdbi, Clock clock) {
    this.store = store;
    this.producer = producer;
    this.setAside = setAside;
    this.jdbi = jdbi;
    this.clock = clock;
    setAside.register(
        SET_ASIDE,
        "exists (select from webhook_host_event e where e.id = cast(s.key as bigint))",
        (handle, key, now) -> {
          store.putBack(handle, Long.parseLong(key));
          return () -> {};
        });
  }

  /** When the oldest was written that Kafka does not have. */
  Optional<Instant> oldest() {
    return store.oldest();
  }

  /** One pass; true when there may be more to do at once. */
  boolean runOnce() throws InterruptedException {
    List<HostEvent> events = store.claim(BATCH, clock.instant(), RETRY_AFTER);
    List<CompletableFuture<Void>> sent = new ArrayList<>();
    events.forEach(event -> sent.add(producer.send(event).toCompletableFuture()));
    List<HostEvent> acknowledged = new ArrayList<>();
    Map<HostEvent, RuntimeException> refused = new LinkedHashMap<>();
    for (int i = 0; i < events.size(); i++) {
      HostEvent event = events.get(i);
      try {
        sent.get(i).get(LONGEST_WAIT.toMillis(), TimeUnit.MILLISECONDS);
        acknowledged.add(event);
      } catch (ExecutionException | TimeoutException e) {
        Throwable cause = e.getCause();
        LOG.warnf(
            "host=%s tenant=%s: its %s state is not on Kafka yet: %s",
            event.host(),
            event.tenant(),
            event.state(),
            cause == null ? "no answer" : cause.getMessage());
        if (cause != null && !(cause instanceof RetriableException)) {
          refused.put(event, new IllegalStateException(cause));
        }
      }
    }
    Batch.each(acknowledged, store::sent, this::failed);
    if (!acknowledged.isEmpty()) {
      // Kafka is there: what it does not take again and again is no matter of time.
      refused.forEach(this::failed);
    }
    // Behind each that was taken another of its host queue may follow.
    return !acknowledged.isEmpty();
  }

  private void failed(HostEvent event, RuntimeException failure) {
    String key = Long.toString(event.id());
    int times = attempts.failed(key);
    if (SetAside.isDue(failure, times)) {
      attempts.done(key);
      jdbi.useTransaction(
          handle -> {
            setAside.put(handle, SET_ASIDE, key, null, failure, times);
            store.sent(handle, event);
          });
    }
  }
}
