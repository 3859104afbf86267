package io.klingtracker.events;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.mutiny.operators.multi.processors.UnicastProcessor;
import io.smallrye.reactive.messaging.connector.OutboundConnector;
import io.smallrye.reactive.messaging.kafka.KafkaClientService;
import io.smallrye.reactive.messaging.kafka.KafkaConnector;
import jakarta.enterprise.inject.Any;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Flow;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.eclipse.microprofile.config.Config;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.spi.Connector;

/** Makes relays whose channels to Kafka, the service's in all else, are their own to be killed. */
@Singleton
class KafkaWays {

  private static final String CONNECTOR = "mp.messaging.connector.smallrye-kafka.";

  private final OutboundConnector connector;
  private final KafkaClientService clients;
  private final Config service;

  @Inject
  KafkaWays(
      @Any @Connector(KafkaConnector.CONNECTOR_NAME) OutboundConnector connector,
      KafkaClientService clients,
      Config service) {
    this.connector = connector;
    this.clients = clients;
    this.service = service;
  }

  /** A started relay and its producers. */
  final class Publisher implements AutoCloseable {
    final Relay relay;
    private final String events = KafkaChannels.EVENTS + "-" + UUID.randomUUID();
    private final String states = KafkaChannels.STATES + "-" + UUID.randomUUID();

    private Publisher(RelayRig rig, Map<String, String> kafka) {
      relay =
          rig.relay(
              new KafkaSink(
                  outlet(events, rig.config.topic(), kafka),
                  outlet(states, rig.config.state().topic(), kafka),
                  outlet(events, rig.config.topic(), kafka),
                  new KafkaTopics(() -> connection(events), rig.config)));
      relay.loop().start();
    }

    /** Ends as a process does that is killed: what the producer holds is gone too. */
    void die() {
      endProducers();
      relay.abort();
    }

    @Override
    public void close() {
      relay.close();
      endProducers();
    }

    private void endProducers() {
      for (String channel : new String[] {events, states}) {
        Producer<?, ?> producer = clients.getProducer(channel).unwrap();
        if (producer != null) {
          producer.close(Duration.ZERO);
        }
      }
    }
  }

  /**
   * A relay on its own.
   *
   * @param kafka settings of its channels
   */
  Publisher start(RelayRig rig, Map<String, String> kafka) {
    return new Publisher(rig, kafka);
  }

  private Map<String, Object> connection(String channel) {
    return new HashMap<>(clients.getProducer(channel).configuration());
  }

  @SuppressWarnings("unchecked")
  private KafkaChannel outlet(String channel, String topic, Map<String, String> kafka) {
    Map<String, String> settings = new HashMap<>();
    for (String name : service.getPropertyNames()) {
      if (name.startsWith(CONNECTOR)) {
        settings.put(name.substring(CONNECTOR.length()), service.getValue(name, String.class));
      }
    }
    settings.put("channel-name", channel);
    settings.put("connector", KafkaConnector.CONNECTOR_NAME);
    settings.put("topic", topic);
    settings.put("key.serializer", StringSerializer.class.getName());
    settings.putAll(kafka);
    Config config =
        new SmallRyeConfigBuilder()
            .withSources(new PropertiesConfigSource(settings, channel, 100))
            .build();
    UnicastProcessor<Message<?>> messages = UnicastProcessor.create();
    messages.subscribe((Flow.Subscriber<Message<?>>) connector.getSubscriber(config));
    return new KafkaChannel(
        message -> {
          synchronized (messages) {
            messages.onNext(message);
          }
        });
  }
}
