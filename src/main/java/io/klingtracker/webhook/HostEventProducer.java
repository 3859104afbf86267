package io.klingtracker.webhook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.webhook.HostEventStore.HostEvent;
import io.smallrye.reactive.messaging.kafka.KafkaClientService;
import io.smallrye.reactive.messaging.kafka.Record;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Emitter;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.Metadata;
import org.eclipse.microprofile.reactive.messaging.OnOverflow;
import org.jboss.logging.Logger;

/** The topic on which pauses and their ends are published: CloudEvents 1.0 in binary mode. */
@Singleton
class HostEventProducer {

  private static final Logger LOG = Logger.getLogger(HostEventProducer.class);
  private static final String CHANNEL = "webhook-hosts";
  private static final long WAIT_SECONDS = 5;

  private final Emitter<Record<String, String>> channel;
  private final KafkaClientService clients;
  private final ObjectMapper json;
  private final String topic;
  private final boolean create;
  private final int partitions;
  private final Optional<Short> copies;
  private boolean made;

  @Inject
  HostEventProducer(
      @Channel(CHANNEL) @OnOverflow(OnOverflow.Strategy.UNBOUNDED_BUFFER)
          Emitter<Record<String, String>> channel,
      KafkaClientService clients,
      ObjectMapper json,
      WebhookConfig config,
      @ConfigProperty(name = "tracker.events.topics.create", defaultValue = "true") boolean create,
      @ConfigProperty(name = "tracker.events.topics.partitions", defaultValue = "12")
          int partitions,
      @ConfigProperty(name = "tracker.events.topics.replication-factor") Optional<Short> copies) {
    this.channel = channel;
    this.clients = clients;
    this.json = json;
    this.topic = config.hostTopic();
    this.create = create;
    this.partitions = partitions;
    this.copies = copies;
  }

  /** Ends when Kafka has it, or exceptionally. No more are under way than one claim brought. */
  CompletionStage<Void> send(HostEvent event) {
    CompletableFuture<Void> acknowledged = new CompletableFuture<>();
    try {
      ensure();
      channel.send(
          Message.of(
              Record.of(key(event), json.writeValueAsString(HostEventView.of(event))),
              Metadata.of(
                  OutgoingKafkaRecordMetadata.builder().withHeaders(headers(event)).build()),
              () -> {
                acknowledged.complete(null);
                return CompletableFuture.completedFuture(null);
              },
              failure -> {
                acknowledged.completeExceptionally(failure);
                return CompletableFuture.completedFuture(null);
              }));
    } catch (JsonProcessingException | RuntimeException e) {
      acknowledged.completeExceptionally(e);
    }
    return acknowledged;
  }

  private static String key(HostEvent event) {
    return event.tenant() + "/" + event.host();
  }

  private static Headers headers(HostEvent event) {
    Headers headers = new RecordHeaders();
    Map.of(
            "ce_specversion", "1.0",
            "ce_id", event.eventId(),
            "ce_type", "kling.webhook.host-" + event.state() + ".v1",
            "ce_source", "/kling-task-tracker",
            "ce_subject", event.host(),
            "ce_time", Rfc3339.format(event.at()),
            "ce_sequence", Long.toString(event.id()),
            "ce_partitionkey", key(event),
            "content-type", "application/json")
        .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
    return headers;
  }

  /** Asks once; a topic that exists stays as it is. */
  private synchronized void ensure() {
    if (made || !create) {
      return;
    }
    Map<String, Object> settings = new HashMap<>(clients.getProducer(CHANNEL).configuration());
    settings
        .keySet()
        .removeIf(
            key ->
                ProducerConfig.configNames().contains(key)
                    && !AdminClientConfig.configNames().contains(key));
    settings.remove(AdminClientConfig.CLIENT_ID_CONFIG);
    settings.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, "3000");
    settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, "4000");
    try (Admin admin = Admin.create(settings)) {
      admin
          .createTopics(List.of(new NewTopic(topic, Optional.of(partitions), copies)))
          .all()
          .get(WAIT_SECONDS, TimeUnit.SECONDS);
      made = true;
    } catch (ExecutionException e) {
      // It is there, or we have no right to make it and it may be there all the same.
      made = !(e.getCause() instanceof RetriableException);
      if (!made) {
        throw new IllegalStateException("Kafka cannot be asked for " + topic, e.getCause());
      }
      LOG.debugf("the Kafka topic %s was not made: %s", topic, String.valueOf(e.getCause()));
    } catch (TimeoutException e) {
      throw new IllegalStateException("Kafka does not answer about " + topic, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
