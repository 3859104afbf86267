package io.klingtracker.database;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import org.jdbi.v3.core.mapper.RowMapper;
import org.jdbi.v3.core.mapper.reflect.ConstructorMapper;
import org.jspecify.annotations.Nullable;

/** Reads rows. */
public final class Rows {

  private Rows() {}

  /**
   * Reads rows into a record by the names of their columns, as {@code created_at} for {@code
   * createdAt}. For what is read now and then: what is read for every task is read by hand.
   *
   * @param type a public record, each of whose components is a column
   */
  public static <T extends Record> RowMapper<T> record(Class<T> type) {
    return ConstructorMapper.of(type);
  }

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
