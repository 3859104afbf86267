package io.klingtracker.time;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** The one way we write a time outside of Kling's shapes: RFC 3339, UTC, milliseconds. */
public final class Rfc3339 {

  private static final DateTimeFormatter FORMAT =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  /**
   * {@code to_char} pattern that makes PostgreSQL write the same; apply it to {@code x at time zone
   * 'UTC'}.
   */
  public static final String SQL_PATTERN = "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'";

  private Rfc3339() {}

  /** For example {@code 2026-01-31T12:00:00.000Z}. */
  public static String format(Instant time) {
    return FORMAT.format(time);
  }
}
