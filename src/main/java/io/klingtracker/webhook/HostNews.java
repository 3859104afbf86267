package io.klingtracker.webhook;

import io.klingtracker.webhook.HostEventStore.HostEvent;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jboss.logging.Logger;

/**
 * Brings pauses and their ends to Kafka, at least once and in order per lane. What Kafka did not
 * take is tried again when its lease is over.
 */
@Singleton
class HostNews {

  private static final Logger LOG = Logger.getLogger(HostNews.class);
  private static final int BATCH = 100;

  /** Longer than the producer tries. */
  private static final Duration LEASE = Duration.ofSeconds(30);

  private static final Duration LONGEST_WAIT = Duration.ofSeconds(20);

  private final HostEventStore store;
  private final HostTopic topic;
  private final Clock clock;

  @Inject
  HostNews(HostEventStore store, HostTopic topic, Clock clock) {
    this.store = store;
    this.topic = topic;
    this.clock = clock;
  }

  /** One pass; true when there may be more to do at once. */
  boolean runOnce() throws InterruptedException {
    List<HostEvent> events = store.claim(BATCH, clock.instant(), LEASE);
    List<CompletableFuture<Void>> sent = new ArrayList<>();
    events.forEach(event -> sent.add(topic.send(event).toCompletableFuture()));
    int acknowledged = 0;
    for (int i = 0; i < events.size(); i++) {
      try {
        sent.get(i).get(LONGEST_WAIT.toMillis(), TimeUnit.MILLISECONDS);
        store.sent(events.get(i));
        acknowledged++;
      } catch (ExecutionException | TimeoutException e) {
        LOG.warnf(
            "host=%s tenant=%s: its %s state is not on Kafka yet: %s",
            events.get(i).host(),
            events.get(i).tenant(),
            events.get(i).state(),
            e.getCause() == null ? "no answer" : e.getCause().getMessage());
      }
    }
    // Behind each that was taken another of its lane may stand.
    return acknowledged > 0;
  }
}
