package io.klingtracker.events;

import io.smallrye.reactive.messaging.kafka.KafkaClientService;
import io.smallrye.reactive.messaging.kafka.Record;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Emitter;
import org.eclipse.microprofile.reactive.messaging.OnOverflow;
import org.jspecify.annotations.Nullable;

/**
 * The channels to Kafka, as {@code mp.messaging.outgoing.*} configures them. Their buffers have no
 * bound of their own, since nobody sends more than the relay's window.
 */
@Singleton
class KafkaChannels {

  /** Status changes. */
  static final String EVENTS = "task-events";

  /** Latest states. */
  static final String STATES = "task-state";

  /**
   * Records of other features, which name their topics. By itself, since a producer blocks for all
   * while it looks for a topic that is missing.
   */
  static final String RECORDS = "task-records";

  private final KafkaChannel events;
  private final KafkaChannel states;
  private final KafkaChannel records;
  private final KafkaClientService clients;
  private final KafkaTopics topics;

  @Inject
  KafkaChannels(
      @Channel(EVENTS) @OnOverflow(OnOverflow.Strategy.UNBOUNDED_BUFFER)
          Emitter<Record<String, @Nullable String>> events,
      @Channel(STATES) @OnOverflow(OnOverflow.Strategy.UNBOUNDED_BUFFER)
          Emitter<Record<String, @Nullable String>> states,
      @Channel(RECORDS) @OnOverflow(OnOverflow.Strategy.UNBOUNDED_BUFFER)
          Emitter<Record<String, @Nullable String>> records,
      KafkaClientService clients,
      RelayConfig config) {
    this.events = new KafkaChannel(events::send);
    this.states = new KafkaChannel(states::send);
    this.records = new KafkaChannel(records::send);
    this.clients = clients;
    this.topics = new KafkaTopics(this::connection, config);
  }

  /** The way to Kafka. */
  EventSink sink() {
    return new KafkaSink(events, states, records, topics);
  }

  /** How the channels' producers reach Kafka: security and all. */
  Map<String, Object> connection() {
    return new HashMap<>(clients.getProducer(EVENTS).configuration());
  }

  /** Why a producer takes nothing any more. */
  Optional<String> broken() {
    return Optional.ofNullable(events.broken())
        .or(() -> Optional.ofNullable(states.broken()))
        .or(() -> Optional.ofNullable(records.broken()));
  }
}
