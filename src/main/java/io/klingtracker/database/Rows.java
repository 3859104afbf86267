package io.klingtracker.database;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Reads times from rows. */
public final class Rows {

  private Rows() {}

  /**
   * A time in a column that has one in each row.
   *
   * @throws IllegalStateException when there is none
   */
  public static Instant instant(ResultSet row, String column) throws SQLException {
    Timestamp time = row.getTimestamp(column);
    if (time == null) {
      throw new IllegalStateException(column + " has no time");
    }
    return time.toInstant();
  }

  /** A time in a column that may have none. */
  public static @Nullable Instant instantOrNull(ResultSet row, String column) throws SQLException {
    Timestamp time = row.getTimestamp(column);
    return time == null ? null : time.toInstant();
  }
}
