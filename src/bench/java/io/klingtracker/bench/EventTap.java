package io.klingtracker.bench;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/** A consumer that counts the events of a topic and notes when each came. */
final class EventTap implements AutoCloseable {

  private final AtomicLong seen = new AtomicLong();
  private final Map<UUID, Long> arrivals = new ConcurrentHashMap<>();
  private final String topic;
  private final boolean noting;
  private final Thread thread;
  private volatile long lastAt = System.nanoTime();
  private volatile boolean ready;
  private volatile boolean stopped;

  /**
   * Listens from now on.
   *
   * @param noting whether arrivals are kept by event id, rather than only counted
   */
  EventTap(String bootstrap, String topic, boolean noting) {
    this.topic = topic;
    this.noting = noting;
    Topics.ensure(bootstrap, topic);
    this.thread = new Thread(() -> run(bootstrap), "tap-" + topic);
    thread.setDaemon(true);
    thread.start();
    if (!Database.await(Duration.ofSeconds(30), () -> ready)) {
      throw new IllegalStateException("no consumer of " + topic);
    }
  }

  private void run(String bootstrap) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("key.deserializer", ByteArrayDeserializer.class.getName());
    config.put("value.deserializer", ByteArrayDeserializer.class.getName());
    config.put("fetch.max.wait.ms", "500");
    config.put("allow.auto.create.topics", "false");
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config)) {
      List<TopicPartition> partitions = partitions(consumer);
      consumer.assign(partitions);
      consumer.seekToEnd(partitions);
      partitions.forEach(consumer::position);
      ready = true;
      while (!stopped) {
        for (ConsumerRecord<byte[], byte[]> event : consumer.poll(Duration.ofMillis(100))) {
          note(event);
        }
      }
    }
  }

  private List<TopicPartition> partitions(KafkaConsumer<byte[], byte[]> consumer) {
    return consumer.partitionsFor(topic).stream()
        .map(partition -> new TopicPartition(topic, partition.partition()))
        .toList();
  }

  private void note(ConsumerRecord<byte[], byte[]> event) {
    if (noting) {
      UUID id = id(event);
      if (id != null) {
        arrivals.putIfAbsent(id, ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()));
      }
    }
    seen.incrementAndGet();
    lastAt = System.nanoTime();
  }

  private static @Nullable UUID id(ConsumerRecord<byte[], byte[]> event) {
    Header id = event.headers().lastHeader("ce_id");
    if (id == null) {
      id = event.headers().lastHeader("id");
    }
    if (id == null) {
      return null;
    }
    try {
      String text = new String(id.value(), StandardCharsets.UTF_8);
      return UUID.fromString(text.replace("\"", ""));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  long seen() {
    return seen.get();
  }

  /** When the latest one came, by {@link System#nanoTime}. */
  long lastAt() {
    return lastAt;
  }

  /** Microseconds since 1970, by event id. */
  Map<UUID, Long> arrivals() {
    return arrivals;
  }

  @Override
  public void close() {
    stopped = true;
    try {
      thread.join(5_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
