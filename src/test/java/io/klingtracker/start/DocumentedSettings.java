package io.klingtracker.start;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The rows of configuration.md beside the mappings. The default of a setting is code, as {@code
 * `5s`}, exactly where it has one; words say what holds where it has none. One default in a row
 * counts for all settings of the row.
 */
final class DocumentedSettings {

  /** A default that there is none of. */
  private static final String NONE = "";

  private static final Pattern CODE = Pattern.compile("`([^`]+)`");
  private static final Pattern PART = Pattern.compile("(?:`[^`]*`|[^,`])+");

  /** By name, the default as it is written. */
  private final Map<String, String> defaults = new LinkedHashMap<>();

  private final List<String> malformed = new ArrayList<>();

  private DocumentedSettings() {}

  static DocumentedSettings of(String page) {
    DocumentedSettings settings = new DocumentedSettings();
    boolean inTable = false;
    for (String line : page.lines().toList()) {
      if (line.equals("| setting | meaning | default |")) {
        inTable = true;
      } else if (!line.startsWith("|")) {
        inTable = false;
      } else if (inTable && !line.startsWith("| ---")) {
        settings.row(line);
      }
    }
    return settings;
  }

  private void row(String line) {
    String[] cells = line.split("\\|", -1);
    if (cells.length != 5) {
      malformed.add("not three cells: " + line);
      return;
    }
    List<String> names = all(CODE, cells[1]);
    List<String> values = all(PART, cells[3]);
    if (names.isEmpty() || values.size() != 1 && values.size() != names.size()) {
      malformed.add("neither one default nor one for each name: " + line);
      return;
    }
    for (int i = 0; i < names.size(); i++) {
      if (defaults.put(names.get(i), values.get(values.size() == 1 ? 0 : i)) != null) {
        malformed.add(names.get(i) + " has two rows");
      }
    }
  }

  private static List<String> all(Pattern pattern, String cell) {
    List<String> found = new ArrayList<>();
    Matcher matcher = pattern.matcher(cell.strip());
    while (matcher.find()) {
      found.add(matcher.group(matcher.groupCount()).strip());
    }
    return found;
  }

  Set<String> names() {
    return defaults.keySet();
  }

  /** Rows that cannot be read, that set nothing, or whose default is another. */
  List<String> faults(List<Class<?>> mappings) {
    Map<String, String> mapped = mapped(mappings);
    Properties platform = application();
    List<String> faults = new ArrayList<>(malformed);
    defaults.forEach(
        (name, written) -> {
          boolean ours = name.startsWith("tracker.") || name.startsWith("kling.");
          if (ours && !mapped.containsKey(name)) {
            faults.add(name + " has a row, but is no setting");
            return;
          }
          String value = ours ? mapped.get(name) : platform.getProperty(name, NONE);
          String expected = value.equals(NONE) ? "words" : "`" + value + "`";
          boolean words = !written.contains("`");
          if (value.equals(NONE) ? !words : !written.equals(expected)) {
            faults.add(name + " has the default " + expected + ", not " + written);
          }
        });
    return faults;
  }

  private static Properties application() {
    Properties properties = new Properties();
    try (InputStream in =
        Files.newInputStream(Path.of("src/main/resources/application.properties"))) {
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties;
  }

  /** Every setting of the mappings with its default, or nothing. */
  static Map<String, String> mapped(List<Class<?>> mappings) {
    Map<String, String> all = new TreeMap<>();
    for (Class<?> mapping : mappings) {
      collect(mapping.getAnnotation(ConfigMapping.class).prefix(), mapping, all);
    }
    return all;
  }

  private static void collect(String prefix, Class<?> type, Map<String, String> all) {
    for (Method getter : type.getMethods()) {
      if (getter.getParameterCount() > 0 || !Modifier.isAbstract(getter.getModifiers())) {
        continue;
      }
      String key = StartupCheck.name(prefix, getter);
      Class<?> value = getter.getReturnType();
      WithDefault given = getter.getAnnotation(WithDefault.class);
      if (Map.class.isAssignableFrom(value)) {
        Type content =
            ((ParameterizedType) getter.getGenericReturnType()).getActualTypeArguments()[1];
        if (content instanceof Class<?> group && group.isInterface()) {
          collect(key + ".<name>", group, all);
        } else {
          all.put(key + ".<public>", NONE);
        }
      } else if (value.isInterface() && value.getName().startsWith("io.klingtracker.")) {
        collect(key, value, all);
      } else {
        all.put(key, given == null ? NONE : given.value());
      }
    }
  }
}
