package io.klingtracker.events;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.testing.Rows;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/** Relays over a test database, and changes for them to publish. */
final class RelayRig {

  static final String TENANT = "acme";

  final RelayConfig config;
  private Duration poll = Duration.ofMillis(20);
  private Duration linger = Relay.LINGER;
  final OutboxStore store;
  final SetAside setAside;
  private final Jdbi jdbi;

  RelayRig(Jdbi jdbi, Map<String, String> settings) {
    this.jdbi = jdbi;
    this.setAside = new SetAside(jdbi, Clock.systemUTC());
    this.store = new OutboxStore(jdbi, jdbi, new ObjectMapper(), setAside, new ReplicaId());
    this.config = config(settings);
  }

  static RelayConfig config(Map<String, String> settings) {
    SmallRyeConfigBuilder builder =
        new SmallRyeConfigBuilder().addDiscoveredConverters().withMapping(RelayConfig.class);
    settings.forEach((key, value) -> builder.withDefaultValue("tracker.events." + key, value));
    return builder.build().getConfigMapping(RelayConfig.class);
  }

  /** With another time between two looks. */
  RelayRig polling(Duration time) {
    poll = time;
    return this;
  }

  /** With another time between two reads under load. */
  RelayRig lingering(Duration time) {
    linger = time;
    return this;
  }

  Relay relay(EventSink sink) {
    return new Relay(store, sink, config, poll, linger, metrics(), Clock.systemUTC());
  }

  /** A way to Kafka over a plain producer that others may share. */
  EventSink sink(Producer<String, String> producer, Map<String, Object> connection) {
    return new KafkaSink(
        outlet(producer, config.topic()),
        outlet(producer, config.state().topic()),
        outlet(producer, config.topic()),
        new KafkaTopics(() -> connection, config));
  }

  private static KafkaChannel outlet(Producer<String, String> producer, String topic) {
    return new KafkaChannel(
        message ->
            producer.send(
                new ProducerRecord<>(
                    topicOf(message, topic),
                    null,
                    message.getPayload().key(),
                    message.getPayload().value(),
                    message
                        .getMetadata(OutgoingKafkaRecordMetadata.class)
                        .orElseThrow()
                        .getHeaders()),
                (metadata, failure) -> {
                  if (failure == null) {
                    message.ack();
                  } else {
                    message.nack(failure);
                  }
                }));
  }

  /** The topic that a message names, or its channel's. */
  static String topicOf(Message<?> message, String channels) {
    String own = message.getMetadata(OutgoingKafkaRecordMetadata.class).orElseThrow().getTopic();
    return own == null ? channels : own;
  }

  RelayMetrics metrics() {
    return new RelayMetrics(new SimpleMeterRegistry(), Clock.systemUTC());
  }

  void tenant() {
    Rows.tenants(jdbi, TENANT);
  }

  static String taskId(int number) {
    return "task_" + String.format("%026d", number);
  }

  /** A new task with its first event, as a submission writes them. */
  static void submit(Handle handle, String id) {
    handle.execute(
        """
        insert into task (id, tenant_id, kind, status, sequence, feed_position, created_at, updated_at)
        values (?, ?, 'text2video', 'queued', 1, pg_current_xact_id()::text::bigint, now(), now())
        """,
        id,
        TENANT);
    event(handle, List.of(id), "");
  }

  /** Takes a task away, as retention does. */
  static void remove(Jdbi jdbi, String id) {
    jdbi.useHandle(
        handle ->
            handle.execute(
                "with events as (delete from task_event where task_id = ?) delete from task where id = ?",
                id,
                id));
  }

  /** One more change of each of several tasks, whose rows it locks in order. */
  static void change(Handle handle, List<String> ids) {
    change(handle, ids, "");
  }

  static void change(Handle handle, List<String> ids, String padding) {
    handle
        .createQuery(
            """
            with locked as (
              select id from task where id = any(:ids) order by id for no key update
            )
            update task t set status = 'processing', sequence = t.sequence + 1,
              feed_position = greatest(t.feed_position, pg_current_xact_id()::text::bigint)
            from locked l where t.id = l.id
            returning t.id
            """)
        .bindArray("ids", String.class, ids)
        .mapTo(String.class)
        .list();
    event(handle, ids, padding);
  }

  private static void event(Handle handle, List<String> ids, String padding) {
    handle
        .createUpdate(
            """
            with event as (
              insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source,
                  occurred_at, feed_position, payload)
              select id, sequence, gen_random_uuid(), tenant_id, status,
                case when sequence > 1 then 'submitted'::task_status end, 'submit', clock_timestamp(), feed_position,
                json_build_object('task_id', id, 'sequence', sequence, 'padding', :padding)
              from task where id = any(:ids)
              returning id, task_id, sequence
            )
            insert into outbox (lane, id, task_id, sequence) select outbox_lane(task_id), id, task_id, sequence from event
            """)
        .bindArray("ids", String.class, ids)
        .bind("padding", padding)
        .execute();
  }

  /** An event that is no change of status. */
  static void erase(Handle handle, String id) {
    handle
        .createUpdate(
            """
            with event as (
              insert into task_event (task_id, sequence, event_id, tenant_id, type, previous_status, source,
                  occurred_at, feed_position, payload)
              select id, sequence + 1, gen_random_uuid(), tenant_id, 'erased', 'submitted', 'erase', clock_timestamp(),
                feed_position, json_build_object('task_id', id, 'sequence', sequence + 1)
              from task where id = :id
              returning id, task_id, sequence
            )
            insert into outbox (lane, id, task_id, sequence) select outbox_lane(task_id), id, task_id, sequence from event
            """)
        .bind("id", id)
        .execute();
  }

  /** Every committed event: id to place. */
  Map<String, String> committed() {
    Map<String, String> events = new HashMap<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery("select event_id, task_id, sequence from task_event")
                .map(
                    (row, context) ->
                        events.put(
                            row.getObject(1, UUID.class).toString(),
                            row.getString(2) + "/" + row.getInt(3)))
                .list());
    return events;
  }

  long unpublished() {
    return store.lag().unpublished();
  }

  /** A record as a consumer sees it. */
  record Seen(String key, int partition, @Nullable String value, Map<String, String> headers) {}

  /** Everything on a topic, in order per partition. */
  static List<Seen> topic(String bootstrapServers, String topic) {
    List<Seen> seen = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers, "auto.offset.reset", "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(partition -> new TopicPartition(topic, partition.partition()))
              .toList();
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream()
          .anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          Map<String, String> headers = new HashMap<>();
          record
              .headers()
              .forEach(
                  header -> {
                    if (header.value() != null) {
                      headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
                    }
                  });
          seen.add(new Seen(record.key(), record.partition(), record.value(), headers));
        }
      }
    }
    return seen;
  }
}
