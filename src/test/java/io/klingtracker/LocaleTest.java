package io.klingtracker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.time.Rfc3339;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Numbers and dates for machines look the same wherever the service runs: with the locale {@code
 * ar-EG} a {@code %d} writes Arabic digits. The compiler refuses changes of letter case without a
 * locale ({@code StringCaseLocaleUsage}); this finds the rest in the sources.
 */
class LocaleTest {

  private static final Path SOURCES = Path.of("src/main/java");

  /** What writes digits or names in the manner of a locale. */
  private static final Pattern LOCALISED =
      Pattern.compile("%(\\d+\\$)?[-#+ 0,(]*\\d*(\\.\\d+)?[dxXoefgaEGAtT]");

  private static final Pattern FORMATS =
      Pattern.compile("\\.formatted\\(|String\\.format\\((?!\\s*Locale\\.ROOT)|\\.printf\\(");

  private static final Pattern SAFE =
      Pattern.compile("String\\.format\\(\\s*Locale\\.ROOT,\\s*\"[^\"]*\"");

  private static final Pattern BY_DEFAULT_LOCALE =
      Pattern.compile(
          "ofPattern\\([^;]*?\"\\)|new (DecimalFormat|SimpleDateFormat)\\(|"
              + "NumberFormat\\.get\\w*\\(\\)|ofLocalized");

  @Test
  void nothing_for_machines_is_formatted_in_the_manner_of_a_locale() throws IOException {
    List<String> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        String source = Files.readString(file);
        // Text blocks may have semicolons; a statement that is cut there is looked at in parts.
        for (String part : source.split(";\\s*\n")) {
          String statement = SAFE.matcher(part).replaceAll("");
          boolean formats = FORMATS.matcher(statement).find();
          Matcher localised = LOCALISED.matcher(statement);
          if (formats && localised.find() && !statement.contains("LOG.")) {
            found.add(SOURCES.relativize(file) + ": " + localised.group() + "; use %s");
          }
          Matcher byDefault = BY_DEFAULT_LOCALE.matcher(statement);
          if (byDefault.find()) {
            found.add(SOURCES.relativize(file) + ": " + byDefault.group() + " without Locale.ROOT");
          }
        }
      }
    }
    assertEquals(List.of(), found);
  }

  @Test
  void times_have_latin_digits_everywhere() {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
    try {
      assertEquals(
          "2026-01-31T12:00:00.000Z", Rfc3339.format(Instant.parse("2026-01-31T12:00:00Z")));
    } finally {
      Locale.setDefault(before);
    }
  }
}
