package io.klingtracker.custody;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which bytes of a file are asked for, as in RFC 9110: one range. Several ranges, and what is no
 * range of bytes, are answered with the whole file.
 *
 * @param start of the first byte
 * @param length 1 at least, but of an empty file
 * @param partial whether that was asked for
 */
record ByteRange(long start, long length, boolean partial) {

  private static final Pattern RANGE = Pattern.compile("(?i)bytes=([0-9]{0,18})-([0-9]{0,18})");

  /**
   * Reads the header.
   *
   * @param header {@code Range}, or null
   * @param size of the file
   * @return null when the file has no such bytes
   */
  static @Nullable ByteRange of(@Nullable String header, long size) {
    Matcher range = RANGE.matcher(header == null ? "" : header.strip());
    if (!range.matches() || range.group(1).isEmpty() && range.group(2).isEmpty()) {
      return new ByteRange(0, size, false);
    }
    if (range.group(1).isEmpty()) {
      long last = Math.min(size, Long.parseLong(range.group(2)));
      return last == 0 ? null : new ByteRange(size - last, last, true);
    }
    long start = Long.parseLong(range.group(1));
    long end = range.group(2).isEmpty() ? size - 1 : Long.parseLong(range.group(2));
    if (end < start && !range.group(2).isEmpty()) {
      return new ByteRange(0, size, false);
    }
    return start >= size ? null : new ByteRange(start, Math.min(end, size - 1) - start + 1, true);
  }
}
