package io.klingtracker.testing;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;

/** A feature's settings without Quarkus: the defaults in its interface, and what a test sets. */
public final class Settings {

  private Settings() {}

  /** One feature's settings. */
  public static <T> T of(Class<T> mapping, Map<String, String> values) {
    return new SmallRyeConfigBuilder()
        .addDefaultInterceptors()
        .addDiscoveredConverters()
        .withMapping(mapping)
        .withValidateUnknown(false)
        .withSources(new PropertiesConfigSource(values, "test", 1000))
        .build()
        .getConfigMapping(mapping);
  }
}
