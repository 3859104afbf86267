package io.klingtracker.events;

import io.smallrye.reactive.messaging.ClientCustomizer;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.eclipse.microprofile.config.Config;

/**
 * Settings of our producers: whatever is configured, over our defaults; what the promises rest on
 * is not negotiable.
 */
@Singleton
final class ProducerSettings implements ClientCustomizer<Map<String, Object>> {

  private static final Map<String, String> DEFAULTS =
      Map.of(
          // What every client reads is this and gzip, which costs twice the processor time for an
          // event; kafkajs, for one, takes LZ4, Snappy and Zstandard for errors.
          ProducerConfig.COMPRESSION_TYPE_CONFIG, "none",
          ProducerConfig.LINGER_MS_CONFIG, "0",
          // With more, a partition whose leader is just moving can take the second batch before the
          // first, and then refuses the first as out of order until it times out. What waits goes
          // as one request.
          ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, "1",
          ProducerConfig.BATCH_SIZE_CONFIG, "65536",
          ProducerConfig.BUFFER_MEMORY_CONFIG, "33554432",
          ProducerConfig.MAX_BLOCK_MS_CONFIG, "2000",
          ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, "5000",
          ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, "15000",
          ProducerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, "1000");

  private static final Map<String, String> FIXED =
      Map.of(
          ProducerConfig.ACKS_CONFIG,
          "all",
          ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG,
          "true",
          // Within delivery.timeout.ms. The channel's own "retries" is 0: it would send again
          // beside the relay.
          ProducerConfig.RETRIES_CONFIG,
          Integer.toString(Integer.MAX_VALUE));

  @Override
  public Map<String, Object> customize(
      String channel, Config configured, Map<String, Object> settings) {
    return channel.startsWith(KafkaChannels.EVENTS)
            || channel.startsWith(KafkaChannels.STATES)
            || channel.startsWith(KafkaChannels.RECORDS)
        ? over(settings, key -> configured.getOptionalValue(key, String.class).isPresent())
        : settings;
  }

  /** What is configured, completed. */
  static Map<String, Object> of(Map<String, Object> configured) {
    return over(configured, configured::containsKey);
  }

  private static Map<String, Object> over(Map<String, Object> settings, Predicate<String> isSet) {
    Map<String, Object> all = new HashMap<>(settings);
    DEFAULTS.forEach(
        (key, value) -> {
          if (!isSet.test(key)) {
            all.put(key, value);
          }
        });
    all.putAll(FIXED);
    return all;
  }
}
