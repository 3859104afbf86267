package io.klingtracker.database;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Long statements: each in a commented file beside its class, {@code
 * src/main/resources/<package>/<Name>.sql}. They are read when the class that runs them is
 * initialized, and a file that is missing stops that.
 */
public final class SqlFile {

  private static final Pattern PART = Pattern.compile("\\$\\{(\\w+)}");

  private SqlFile() {}

  /** A statement that is whole in its file. */
  public static String read(Class<?> owner, String name) {
    return read(owner, name, Map.of());
  }

  /**
   * A statement that shares parts with others.
   *
   * @param owner the class beside which the file is
   * @param name the file's, without its ending
   * @param parts what is put in place of each {@code ${part}} of the file
   * @return without the lines that are comments, which need not be sent with every statement
   * @throws IllegalStateException when there is no such file, or it and the parts do not fit
   */
  public static String read(Class<?> owner, String name, Map<String, String> parts) {
    String file = owner.getPackageName() + "/" + name + ".sql";
    String text =
        text(owner, name, file)
            .lines()
            .filter(line -> !line.isBlank() && !line.stripLeading().startsWith("--"))
            .collect(Collectors.joining("\n", "", "\n"));
    Set<String> used = new HashSet<>();
    String filled =
        PART.matcher(text)
            .replaceAll(
                match -> {
                  String part = parts.get(match.group(1));
                  if (part == null) {
                    throw new IllegalStateException(
                        file + " has a part without a text: " + match.group(1));
                  }
                  used.add(match.group(1));
                  return Matcher.quoteReplacement(part.strip());
                });
    if (!used.equals(parts.keySet())) {
      throw new IllegalStateException(file + " has not all of the parts " + parts.keySet());
    }
    return filled;
  }

  private static String text(Class<?> owner, String name, String file) {
    try (InputStream in = owner.getResourceAsStream(name + ".sql")) {
      if (in == null) {
        throw new IllegalStateException(file + " is missing");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(file, e);
    }
  }
}
