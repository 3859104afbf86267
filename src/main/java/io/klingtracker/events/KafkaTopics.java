package io.klingtracker.events;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.jboss.logging.Logger;

/** Makes the topics that do not exist yet, where that is allowed. */
final class KafkaTopics {

  private static final Logger LOG = Logger.getLogger(KafkaTopics.class);
  private static final long WAIT_SECONDS = 5;

  private final Supplier<Map<String, Object>> connection;
  private final RelayConfig config;
  private final Set<String> known = new HashSet<>();

  /**
   * The topics.
   *
   * @param connection a producer's settings
   */
  KafkaTopics(Supplier<Map<String, Object>> connection, RelayConfig config) {
    this.connection = connection;
    this.config = config;
  }

  /** The topic of status changes. */
  String events() {
    return config.topic();
  }

  /** The topic of latest states. */
  String states() {
    return config.state().topic();
  }

  /**
   * Asks once for each topic; one that exists stays as it is.
   *
   * @throws IllegalStateException while Kafka cannot be asked
   */
  synchronized void ensure(String topic) {
    if (!config.topics().create() || known.contains(topic)) {
      return;
    }
    NewTopic wanted =
        new NewTopic(
            topic, Optional.of(config.topics().partitions()), config.topics().replicationFactor());
    if (topic.equals(states())) {
      wanted.configs(Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, TopicConfig.CLEANUP_POLICY_COMPACT));
    }
    try (Admin admin = Admin.create(settings(connection.get()))) {
      await(topic, admin.createTopics(List.of(wanted)).all());
      known.add(topic);
    }
  }

  /** An administrator's settings: those of a producer that say how to reach Kafka. */
  static Map<String, Object> settings(Map<String, Object> producer) {
    Map<String, Object> settings = new HashMap<>(producer);
    settings
        .keySet()
        .removeIf(
            key ->
                ProducerConfig.configNames().contains(key)
                    && !AdminClientConfig.configNames().contains(key));
    settings.remove(AdminClientConfig.CLIENT_ID_CONFIG);
    settings.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, "3000");
    settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, "4000");
    settings.put(AdminClientConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, "1000");
    return settings;
  }

  private static void await(String topic, KafkaFuture<Void> made) {
    try {
      made.get(WAIT_SECONDS, TimeUnit.SECONDS);
      LOG.infof("made the Kafka topic %s", topic);
    } catch (ExecutionException e) {
      Throwable cause = SendFailures.cause(e);
      if (cause instanceof RetriableException) {
        throw new IllegalStateException("Kafka cannot be asked for " + topic, cause);
      }
      if (!(cause instanceof TopicExistsException)) {
        // No right to, or a policy against it: the topic may be there all the same.
        LOG.warnf("the Kafka topic %s was not made: %s", topic, cause.getMessage());
      }
    } catch (java.util.concurrent.TimeoutException e) {
      throw new IllegalStateException("Kafka does not answer about " + topic, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
