package io.klingtracker.bench;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.HdrHistogram.Histogram;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka from a producer to a consumer with nothing before it: no event can be there sooner. */
final class Floor {

  private static final String TOPIC = "bench.floor";
  private static final int BYTES = 500;

  private Floor() {}

  /** Latencies in microseconds of records of an event's size, at a rate a second. */
  static Histogram measure(String bootstrap, int rate, Duration time) {
    Topics.ensure(bootstrap, TOPIC);
    Map<String, Object> reading =
        Map.of(
            "bootstrap.servers", bootstrap,
            "key.deserializer", ByteArrayDeserializer.class.getName(),
            "value.deserializer", ByteArrayDeserializer.class.getName());
    Map<String, Object> writing =
        Map.of(
            "bootstrap.servers", bootstrap,
            "acks", "all",
            "enable.idempotence", "true",
            "linger.ms", "0",
            "compression.type", "none",
            "key.serializer", ByteArraySerializer.class.getName(),
            "value.serializer", ByteArraySerializer.class.getName());
    Histogram latency = Load.histogram();
    long records = rate * time.toMillis() / 1000;
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(reading);
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(writing)) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(TOPIC).stream()
              .map(partition -> new TopicPartition(TOPIC, partition.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToEnd(partitions);
      partitions.forEach(consumer::position);
      Thread sender = new Thread(() -> send(producer, rate, records), "floor");
      sender.start();
      long end = System.nanoTime() + time.plusSeconds(10).toNanos();
      while (latency.getTotalCount() < records && System.nanoTime() < end) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          long sent = ByteBuffer.wrap(record.value()).getLong();
          latency.recordValue((System.nanoTime() - sent) / 1000);
        }
      }
      sender.join(5_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return latency;
  }

  private static void send(KafkaProducer<byte[], byte[]> producer, int rate, long records) {
    long start = System.nanoTime();
    for (long i = 0; i < records; i++) {
      long due = start + i * 1_000_000_000L / rate - System.nanoTime();
      if (due > 0) {
        java.util.concurrent.locks.LockSupport.parkNanos(due);
      }
      byte[] value = ByteBuffer.allocate(BYTES).putLong(System.nanoTime()).array();
      byte[] key = ByteBuffer.allocate(8).putLong(i).array();
      producer.send(new ProducerRecord<>(TOPIC, key, value));
    }
    producer.flush();
  }
}
