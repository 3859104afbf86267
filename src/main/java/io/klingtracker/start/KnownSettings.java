package io.klingtracker.start;

import io.klingtracker.request.Nearest;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.WithDefault;
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
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.eclipse.microprofile.config.spi.ConfigSource;

/**
 * The names of our settings, with {@code *} in place of an operator's own name, and what is set
 * under our prefixes without being one. A name in a file or a system property is meant for us: an
 * unknown one is a fault. The environment is everybody's: there only what is one edit away from a
 * setting is a fault, and the rest a warning.
 */
final class KnownSettings {

  private static final String ANY = "*";
  private static final List<String> PREFIXES = List.of("tracker.", "kling.");

  /** An operator's own name: one segment, or several in quotes. */
  private static final String OWN_NAME = "(\"[^\"]+\"|[^.\"]+)";

  /** What Kubernetes injects for each service in the namespace, and all for one of our name. */
  private static final Pattern INJECTED =
      Pattern.compile(
          "KLING_TASK_TRACKER_.*"
              + "|.+_SERVICE_(HOST|PORT(_.+)?)"
              + "|.+_PORT(_[0-9]+_(TCP|UDP)(_.+)?)?");

  /** An element of a list, at the end of a variable. */
  private static final String INDEX = "(_[0-9]+_?)?";

  /** Names, and the default of each that has one. */
  private final SortedMap<String, Optional<String>> settings;

  private final List<Pattern> keys;
  private final List<Pattern> variables;

  private KnownSettings(SortedMap<String, Optional<String>> settings) {
    this.settings = settings;
    this.keys = settings.keySet().stream().map(KnownSettings::key).toList();
    this.variables = settings.keySet().stream().map(KnownSettings::variable).toList();
  }

  static KnownSettings of(List<Class<?>> mappings) {
    SortedMap<String, Optional<String>> settings = new TreeMap<>();
    for (Class<?> mapping : mappings) {
      collect(mapping.getAnnotation(ConfigMapping.class).prefix(), mapping, settings);
    }
    return new KnownSettings(settings);
  }

  private static void collect(
      String prefix, Class<?> type, Map<String, Optional<String>> settings) {
    for (Method getter : type.getMethods()) {
      if (getter.getParameterCount() == 0 && Modifier.isAbstract(getter.getModifiers())) {
        WithDefault given = getter.getAnnotation(WithDefault.class);
        collect(
            StartupCheck.name(prefix, getter),
            getter.getGenericReturnType(),
            Optional.ofNullable(given).map(WithDefault::value),
            settings);
      }
    }
  }

  private static void collect(
      String name, Type type, Optional<String> given, Map<String, Optional<String>> settings) {
    if (type instanceof ParameterizedType generic && generic.getRawType() == Map.class) {
      collect(name + "." + ANY, generic.getActualTypeArguments()[1], given, settings);
    } else if (type instanceof Class<?> group
        && group.isInterface()
        && group.getName().startsWith("io.klingtracker.")) {
      collect(name, group, settings);
    } else {
      settings.put(name, given);
    }
  }

  /**
   * Every setting by its whole name, and its default: those that are set, and those that are not. A
   * name with an operator's own in it is there for each own name that something is set for.
   *
   * @param set the names of all that is set
   */
  SortedMap<String, Optional<String>> all(Iterable<String> set) {
    SortedMap<String, Optional<String>> all = new TreeMap<>();
    settings.forEach(
        (name, given) -> {
          int any = name.indexOf(ANY);
          if (any < 0) {
            all.put(name, given);
          } else {
            ownNames(name.substring(0, any), set)
                .forEach(own -> all.put(name.replace(ANY, own), given));
          }
        });
    return all;
  }

  private SortedSet<String> ownNames(String head, Iterable<String> set) {
    Pattern named = Pattern.compile(Pattern.quote(head) + OWN_NAME + ".*");
    SortedSet<String> own = new TreeSet<>();
    for (String name : set) {
      Matcher match = named.matcher(name);
      if (match.matches() && isKey(name)) {
        own.add(match.group(1));
      }
    }
    return own;
  }

  private static Pattern key(String name) {
    // Elements of a list may be set one by one.
    return Pattern.compile(
        Pattern.quote(name).replace(ANY, "\\E" + OWN_NAME + "\\Q") + "(\\[[0-9]+])?");
  }

  private static Pattern variable(String name) {
    return Pattern.compile(environmentName(name).replace(ANY, ".+") + INDEX);
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

  /** The warnings, one at most; faults are added. */
  List<String> check(SmallRyeConfig config, Faults faults) {
    List<String> ignored = new ArrayList<>();
    for (ConfigSource source : config.getConfigSources()) {
      boolean environment = source instanceof EnvConfigSource;
      for (String name : new TreeSet<>(source.getPropertyNames())) {
        if (environment) {
          variable(name, faults, ignored);
        } else {
          unknownKey(name).ifPresent(faults::add);
        }
      }
    }
    return ignored.isEmpty()
        ? List.of()
        : List.of("variables that set nothing: " + String.join("; ", ignored));
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
            + settings.keySet().stream()
                .map(known -> filled(known, key))
                .min(Comparator.comparingInt(known -> Nearest.distance(known, key)))
                .orElseThrow());
  }

  /** By its own spelling; the source lists each variable as a dotted name, too. */
  private void variable(String name, Faults faults, List<String> ignored) {
    if (!mayBeMeantForUs(name) || INJECTED.matcher(name).matches() || isVariable(name)) {
      return;
    }
    String bare = name.replaceFirst(INDEX + "$", "");
    String nearest =
        settings.keySet().stream()
            .map(KnownSettings::environmentName)
            .min(Comparator.comparingInt(known -> Nearest.distance(filledIn(known, bare), bare)))
            .orElseThrow();
    String meant = filledIn(nearest, bare);
    if (Nearest.distance(meant, bare) <= 1) {
      faults.add(name, "sets nothing; the nearest is " + meant + name.substring(bare.length()));
    } else if (prefixes().anyMatch(name::startsWith)) {
      ignored.add(name + ", the nearest is " + nearest.replace(ANY, "<NAME>"));
    }
  }

  /**
   * Whether it begins as ours do, but for an edit, which moves one letter more into what is cut.
   */
  private static boolean mayBeMeantForUs(String variable) {
    return prefixes()
        .anyMatch(
            prefix ->
                variable.length() >= prefix.length()
                    && Nearest.distance(prefix, variable.substring(0, prefix.length())) <= 2);
  }

  private static Stream<String> prefixes() {
    return PREFIXES.stream().map(KnownSettings::environmentName);
  }

  /**
   * A known variable with the operator's own name in it: what the given one has in its place, give
   * or take the one letter that an edit beside it moves it by.
   */
  private static String filledIn(String known, String given) {
    int any = known.indexOf(ANY);
    if (any < 0) {
      return known;
    }
    String head = known.substring(0, any);
    String tail = known.substring(any + ANY.length());
    int end = given.length() - tail.length();
    List<String> filled = new ArrayList<>();
    for (int from = any - 1; from <= any + 1; from++) {
      for (int to = end - 1; to <= Math.min(end + 1, given.length()); to++) {
        if (from < to) {
          filled.add(head + given.substring(from, to) + tail);
        }
      }
    }
    return filled.stream()
        .min(Comparator.comparingInt(one -> Nearest.distance(one, given)))
        .orElse(known);
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
}
