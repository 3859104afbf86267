package io.klingtracker.events;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import org.eclipse.microprofile.config.Config;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which settings of Kafka's producers are the operator's, on every way that there is. */
class ProducerSettingsTest {

  @ParameterizedTest
  @ValueSource(strings = {KafkaChannels.EVENTS, KafkaChannels.STATES})
  void what_the_promises_rest_on_cannot_be_set_otherwise(String channel) {
    Config configured =
        new SmallRyeConfigBuilder()
            .withDefaultValue("acks", "0")
            .withDefaultValue("linger.ms", "7")
            .build();

    Map<String, Object> settings =
        new ProducerSettings()
            .customize(
                channel,
                configured,
                Map.of(
                    "acks", "0", "enable.idempotence", "false", "retries", "0", "linger.ms", "7"));

    assertEquals("all", settings.get("acks"));
    assertEquals("true", settings.get("enable.idempotence"));
    assertEquals(Integer.toString(Integer.MAX_VALUE), settings.get("retries"));
    assertEquals("7", settings.get("linger.ms"), "ours to default, not to keep");
    assertEquals("2000", settings.get("max.block.ms"));
  }
}
