package io.klingtracker.start;

import io.smallrye.config.ConfigValue;
import io.smallrye.config.SmallRyeConfig;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * {@code --print-config}: what the service would run with, one setting a line, and where each value
 * comes from. Secrets read {@code ****}, whatever they are; of the platform's settings those alone
 * that everybody sets.
 */
final class PrintedConfig {

  private static final String MASK = "****";

  private static final List<String> PLATFORM =
      List.of(
          "kafka.bootstrap.servers",
          "quarkus.datasource.jdbc.url",
          "quarkus.datasource.password",
          "quarkus.datasource.username",
          "quarkus.http.host",
          "quarkus.http.port");

  private static final Pattern SECRET =
      Pattern.compile(".*\\.([a-z-]*secrets?|(admin|api|access|secret)-key|password)(\\[[0-9]+])?");

  /** Passwords inside of URLs: before the host, and as parameters of PostgreSQL's driver. */
  private static final Pattern IN_URL = Pattern.compile("(?<=//)[^/@]*(?=@)|(?<=password=)[^&]*");

  private PrintedConfig() {}

  /** The lines, by name. */
  static List<String> lines(SmallRyeConfig config, KnownSettings known) {
    TreeSet<String> names = new TreeSet<>();
    config.getPropertyNames().forEach(names::add);
    names.removeIf(name -> !known.isKey(name));
    return Stream.concat(names.stream(), PLATFORM.stream())
        .map(config::getConfigValue)
        .filter(value -> value.getValue() != null)
        .map(PrintedConfig::line)
        .toList();
  }

  private static String line(ConfigValue value) {
    String shown =
        SECRET.matcher(value.getName()).matches()
            ? MASK
            : IN_URL.matcher(String.valueOf(value.getValue())).replaceAll(MASK);
    return value.getName() + "=" + shown + "  # " + value.getConfigSourceName();
  }
}
