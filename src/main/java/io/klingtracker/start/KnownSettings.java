package io.klingtracker.start;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfig;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.eclipse.microprofile.config.spi.ConfigSource;

/**
 * The names of our settings, with {@code *} in place of an operator's own name, and what is set
 * under our prefixes without being one. A name in a file or a system property is meant for us: an
 * unknown one is a fault. The environment is everybody's, so there it is a warning.
 */
final class KnownSettings {

  private static final String ANY = "*";
  private static final List<String> PREFIXES = List.of("tracker.", "kling.");

  /** An operator's own name: one segment, or several in quotes. */
  private static final String OWN_NAME = "(\"[^\"]+\"|[^.\"]+)";

  /** What Kubernetes tells a container of each service in its namespace, ours among them. */
  private static final Pattern SERVICE_LINK =
      Pattern.compile(".+_SERVICE_(HOST|PORT(_.+)?)|.+_PORT(_[0-9]+_(TCP|UDP)(_.+)?)?");

  private final SortedSet<String> names;
  private final List<Pattern> keys;
  private final List<Pattern> variables;

  private KnownSettings(SortedSet<String> names) {
    this.names = names;
    this.keys = names.stream().map(KnownSettings::key).toList();
    this.variables = names.stream().map(KnownSettings::variable).toList();
  }

  static KnownSettings of(List<Class<?>> mappings) {
    SortedSet<String> names = new TreeSet<>();
    for (Class<?> mapping : mappings) {
      collect(mapping.getAnnotation(ConfigMapping.class).prefix(), mapping, names);
    }
    return new KnownSettings(names);
  }

  private static void collect(String prefix, Class<?> type, SortedSet<String> names) {
    for (Method getter : type.getMethods()) {
      if (getter.getParameterCount() == 0 && Modifier.isAbstract(getter.getModifiers())) {
        collect(StartupCheck.name(prefix, getter), getter.getGenericReturnType(), names);
      }
    }
  }

  private static void collect(String name, Type type, SortedSet<String> names) {
    if (type instanceof ParameterizedType generic && generic.getRawType() == Map.class) {
      collect(name + "." + ANY, generic.getActualTypeArguments()[1], names);
    } else if (type instanceof Class<?> group
        && group.isInterface()
        && group.getName().startsWith("io.klingtracker.")) {
      collect(name, group, names);
    } else {
      names.add(name);
    }
  }

  private static Pattern key(String name) {
    // Elements of a list may be set one by one.
    return Pattern.compile(
        Pattern.quote(name).replace(ANY, "\\E" + OWN_NAME + "\\Q") + "(\\[[0-9]+])?");
  }

  private static Pattern variable(String name) {
    return Pattern.compile(environmentName(name).replace(ANY, ".+") + "(_[0-9]+_?)?");
  }

  /** How a key is spelled in the environment; {@code *} stays. */
  private static String environmentName(String key) {
    return key.replaceAll("[^a-zA-Z0-9*]", "_").toUpperCase(Locale.ROOT);
  }

  /** Whether a dotted name is one of ours. */
  boolean isKey(String name) {
    return keys.stream().anyMatch(pattern -> pattern.matcher(name).matches());
  }

  /** Whether a variable of the environment sets one of ours. */
  boolean isVariable(String variable) {
    return variables.stream().anyMatch(pattern -> pattern.matcher(variable).matches());
  }

  /** The warnings; faults are added. */
  List<String> check(SmallRyeConfig config, Faults faults) {
    List<String> warnings = new ArrayList<>();
    for (ConfigSource source : config.getConfigSources()) {
      boolean environment = source instanceof EnvConfigSource;
      for (String name : new TreeSet<>(source.getPropertyNames())) {
        if (environment) {
          unknownVariable(name).ifPresent(warnings::add);
        } else {
          unknownKey(name).ifPresent(faults::add);
        }
      }
    }
    return warnings;
  }

  private Optional<String> unknownKey(String name) {
    // A profile's own value, as in %prod.tracker.secret.
    String key = name.startsWith("%") ? name.substring(name.indexOf('.') + 1) : name;
    if (PREFIXES.stream().noneMatch(key::startsWith) || isKey(key)) {
      return Optional.empty();
    }
    return Optional.of(
        name
            + " is no setting; the nearest is "
            + names.stream()
                .map(known -> filled(known, key))
                .min(Comparator.comparingInt(known -> distance(known, key)))
                .orElseThrow());
  }

  private Optional<String> unknownVariable(String name) {
    if (PREFIXES.stream().map(KnownSettings::environmentName).noneMatch(name::startsWith)
        || SERVICE_LINK.matcher(name).matches() && !isVariable(name)
        || isVariable(name)) {
      return Optional.empty();
    }
    return Optional.of(
        name
            + " sets nothing; the nearest is "
            + names.stream()
                .map(KnownSettings::environmentName)
                .min(Comparator.comparingInt(known -> distance(known.replace(ANY, ""), name)))
                .orElseThrow()
                .replace(ANY, "<NAME>"));
  }

  /** A known name with the operator's own names in it, where both have them in the same place. */
  private static String filled(String known, String given) {
    String[] segments = known.split("\\.", -1);
    String[] own = given.split("\\.", -1);
    for (int i = 0; i < segments.length; i++) {
      if (segments[i].equals(ANY)) {
        segments[i] = i < own.length ? own[i] : "<name>";
      }
    }
    return String.join(".", segments);
  }

  /** Letters to add, drop or change to make one word the other. */
  static int distance(String one, String other) {
    int[] before = new int[other.length() + 1];
    for (int j = 0; j <= other.length(); j++) {
      before[j] = j;
    }
    for (int i = 1; i <= one.length(); i++) {
      int[] now = new int[other.length() + 1];
      now[0] = i;
      for (int j = 1; j <= other.length(); j++) {
        int change = before[j - 1] + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
        now[j] = Math.min(change, 1 + Math.min(before[j], now[j - 1]));
      }
      before = now;
    }
    return before[other.length()];
  }
}
