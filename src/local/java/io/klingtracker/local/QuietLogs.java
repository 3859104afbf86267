package io.klingtracker.local;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Keeps the talk of embedded servers out of the service's log. */
public final class QuietLogs {

  // The log manager forgets levels of loggers that nobody holds.
  private static final Map<String, Logger> HELD = new ConcurrentHashMap<>();

  private QuietLogs() {}

  static void warningsOnly(String... categories) {
    set(Level.WARNING, categories);
  }

  /** Nothing of these is logged. */
  public static void silent(String... categories) {
    set(Level.OFF, categories);
  }

  private static void set(Level level, String... categories) {
    for (String category : categories) {
      HELD.computeIfAbsent(category, Logger::getLogger).setLevel(level);
    }
  }
}
