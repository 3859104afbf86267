package io.klingtracker.database;

import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What bounds every session of ours. Set by SQL once it is connected: a start-up option would be
 * refused by poolers.
 */
public final class SessionSettings {

  /**
   * A statement, a lock, a transaction that nobody continues; and PostgreSQL finds out within about
   * eleven seconds that our host is gone, instead of two hours.
   */
  private static final String BOUNDS =
      settings(
          "statement_timeout=15s",
          "lock_timeout=3s",
          "idle_in_transaction_session_timeout=30s",
          "tcp_keepalives_idle=5",
          "tcp_keepalives_interval=2",
          "tcp_keepalives_count=3",
          "tcp_user_timeout=10s");

  private SessionSettings() {}

  /** The statement that sets them. */
  public static String sql() {
    return BOUNDS;
  }

  /** The same for a session that may be silent for as long as it likes. */
  static String longSql() {
    return BOUNDS + ", " + setting("idle_session_timeout=0");
  }

  private static String settings(String... settings) {
    return Stream.of(settings)
        .map(SessionSettings::setting)
        .collect(Collectors.joining(", ", "select ", ""));
  }

  private static String setting(String pair) {
    int equals = pair.indexOf('=');
    return "set_config('%s', '%s', false)"
        .formatted(pair.substring(0, equals), pair.substring(equals + 1));
  }
}
