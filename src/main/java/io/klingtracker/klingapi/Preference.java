package io.klingtracker.klingapi;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The {@code Prefer} header (RFC 7240): what we do not know or cannot do is ignored. */
final class Preference {

  private static final Pattern WAIT =
      Pattern.compile(
          "(?:^|[,;])\\s*wait\\s*=\\s*\"?([0-9]{1,4})\"?\\s*(?:$|[,;])", Pattern.CASE_INSENSITIVE);

  private Preference() {}

  /** How long the caller would wait for the end, at most {@code most}; zero for not at all. */
  static Duration wait(@Nullable String header, Duration most) {
    if (header == null) {
      return Duration.ZERO;
    }
    Matcher wait = WAIT.matcher(header);
    if (!wait.find()) {
      return Duration.ZERO;
    }
    Duration asked = Duration.ofSeconds(Integer.parseInt(wait.group(1)));
    return asked.compareTo(most) > 0 ? most : asked;
  }
}
