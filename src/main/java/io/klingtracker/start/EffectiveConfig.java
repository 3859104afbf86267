package io.klingtracker.start;

import io.smallrye.config.ConfigValue;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SysPropConfigSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the service runs with, or would: every setting of ours, and of the platform's those that
 * everybody sets and those that somebody has set. Secrets read {@code ****}, whatever they are.
 */
final class EffectiveConfig {

  private static final String MASK = "****";
  private static final String DEFAULT = "default";
  private static final String BUILT_IN = "built-in";

  /** Where an application.properties inside of the service stands among the sources. */
  private static final int BUILT_IN_ORDINAL = 250;

  private static final String FILE = "PropertiesConfigSource[source=";

  /** What Quarkus has fixed in the build, or makes while it starts. */
  private static final Pattern OF_QUARKUS =
      Pattern.compile("(?i).*(build|run) ?time.*|.*(uuid|value ?registry).*");

  private static final Set<String> PLATFORM =
      Set.of(
          "kafka.bootstrap.servers",
          "quarkus.datasource.jdbc.max-size",
          "quarkus.datasource.jdbc.url",
          "quarkus.datasource.password",
          "quarkus.datasource.username",
          "quarkus.http.host",
          "quarkus.http.port",
          "quarkus.oidc.tenant-enabled");

  private static final Pattern PLATFORM_PREFIX =
      Pattern.compile("(kafka|quarkus|mp\\.messaging)\\..+");

  private static final Pattern SECRET =
      Pattern.compile(".*\\.([a-z-]*secrets?|(admin|api|access|secret)-key|password)(\\[[0-9]+])?");

  /** The platform has more secrets than we know by name; what may be one is not shown. */
  private static final Pattern MAYBE_SECRET =
      Pattern.compile(".*(secret|passw|pwd|jaas|credential|private|token|key).*");

  /** Passwords inside of URLs: before the host, and as parameters of PostgreSQL's driver. */
  private static final Pattern IN_URL = Pattern.compile("(?<=//)[^/@]*(?=@)|(?<=password=)[^&]*");

  private EffectiveConfig() {}

  /**
   * A setting.
   *
   * @param key its whole name
   * @param value in use, as it is written; {@value #MASK} for a secret, null where it is not set
   * @param origin {@code environment}, {@code system property}, {@code file …}, {@code built-in}
   *     for what the service brings with it, {@code default}; null where it is not set
   * @param standard what it is without being set; null where there is none
   */
  record Setting(
      String key, @Nullable String value, @Nullable String origin, @Nullable String standard) {

    /** For people, on one line. */
    String line() {
      return key
          + "="
          + (value == null ? "" : value)
          + "  # "
          + (origin == null ? "not set" : origin)
          + (standard == null || DEFAULT.equals(origin) ? "" : ", default " + standard);
    }
  }

  /** All of them, by name. */
  static List<Setting> of(SmallRyeConfig config, KnownSettings known) {
    Set<String> set = new TreeSet<>();
    config.getPropertyNames().forEach(set::add);
    Map<String, Optional<String>> all = new TreeMap<>(known.all(set));
    // Elements of lists may be set one by one.
    set.stream().filter(known::isKey).forEach(name -> all.putIfAbsent(name, Optional.empty()));
    Stream.concat(
            PLATFORM.stream(),
            set.stream()
                .filter(name -> PLATFORM_PREFIX.matcher(name).matches())
                .filter(name -> isOperators(config.getConfigValue(name))))
        .forEach(name -> all.putIfAbsent(name, Optional.empty()));
    List<Setting> settings = new ArrayList<>();
    all.forEach(
        (name, given) ->
            settings.add(setting(name, config.getConfigValue(name), given.orElse(null), known)));
    return settings;
  }

  /** By the name that was asked for: the platform knows some under several. */
  private static Setting setting(
      String name, ConfigValue value, @Nullable String standard, KnownSettings known) {
    String given = value.getValue();
    boolean secret =
        SECRET.matcher(name).matches()
            || !known.isKey(name) && MAYBE_SECRET.matcher(name).matches();
    if (given == null || given.isEmpty()) {
      return new Setting(name, null, null, standard);
    }
    return new Setting(
        name, secret ? MASK : IN_URL.matcher(given).replaceAll(MASK), origin(value), standard);
  }

  /** Not what this service or Quarkus brings with it. */
  private static boolean isOperators(ConfigValue value) {
    return value.getValue() != null && !Set.of(DEFAULT, BUILT_IN).contains(origin(value));
  }

  private static String origin(ConfigValue value) {
    String source = String.valueOf(value.getConfigSourceName());
    if (source.startsWith(EnvConfigSource.NAME)) {
      return "environment";
    }
    if (source.startsWith(SysPropConfigSource.NAME)) {
      return "system property";
    }
    if (source.startsWith("Default") || source.equals("null")) {
      return DEFAULT;
    }
    boolean file = source.startsWith(FILE);
    if (file && value.getConfigSourceOrdinal() == BUILT_IN_ORDINAL
        || OF_QUARKUS.matcher(source).matches()) {
      return BUILT_IN;
    }
    return file
        ? "file " + source.substring(FILE.length(), source.length() - 1).replaceFirst("^file:", "")
        : source;
  }
}
