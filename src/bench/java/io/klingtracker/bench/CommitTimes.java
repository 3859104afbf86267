package io.klingtracker.bench;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;

/** When events were committed, as PostgreSQL itself noted it. */
final class CommitTimes {

  private CommitTimes() {}

  /**
   * Microseconds since 1970.
   *
   * @param key the column that names an event
   * @param condition which events
   */
  static Map<String, Long> of(Database database, String key, String condition) {
    String query =
        """
        select %s::text, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint
        from task_event where %s
        """
            .formatted(key, condition);
    Map<String, Long> times = new HashMap<>();
    try (Connection connection = database.connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      while (row.next()) {
        times.put(row.getString(1), row.getLong(2));
      }
    } catch (SQLException e) {
      throw new IllegalStateException(query + ": " + e.getMessage(), e);
    }
    return times;
  }
}
