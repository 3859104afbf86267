package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.smallrye.config.ConfigMapping;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The README's table of settings is whole. */
class ReadmeTest {

  @Test
  void every_setting_has_a_row() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    Set<String> missing = new TreeSet<>();
    for (Class<?> mapping : StartupCheck.MAPPINGS) {
      String prefix = mapping.getAnnotation(ConfigMapping.class).prefix();
      for (String key : keys(prefix, mapping)) {
        if (!readme.contains("`" + key + "`")) {
          missing.add(key);
        }
      }
    }
    assertEquals(Set.of(), missing, "settings without a row in README.md");
  }

  @Test
  void every_decision_is_numbered_once() throws IOException {
    try (var files = Files.list(Path.of("src/docs/adr"))) {
      List<String> numbers =
          files.map(file -> file.getFileName().toString().substring(0, 4)).sorted().toList();
      assertEquals(numbers.stream().distinct().toList(), numbers);
    }
  }

  private static Set<String> keys(String prefix, Class<?> type) {
    Set<String> keys = new TreeSet<>();
    for (Method getter : type.getMethods()) {
      if (getter.getParameterCount() > 0 || !Modifier.isAbstract(getter.getModifiers())) {
        continue;
      }
      String key = StartupCheck.name(prefix, getter);
      Class<?> value = getter.getReturnType();
      if (Map.class.isAssignableFrom(value)) {
        Type content =
            ((ParameterizedType) getter.getGenericReturnType()).getActualTypeArguments()[1];
        if (content instanceof Class<?> group && group.isInterface()) {
          keys.addAll(keys(key + ".<name>", group));
        } else if (content instanceof ParameterizedType) {
          keys.add(key + ".<tenant>.<public>");
        } else {
          keys.add(key + ".<public>");
        }
      } else if (value.isInterface() && value.getName().startsWith("io.klingtracker.")) {
        keys.addAll(keys(key, value));
      } else {
        keys.add(key);
      }
    }
    return keys;
  }
}
