package io.klingtracker.testing;

import io.klingtracker.local.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;

/** What PostgreSQL itself counts of the statements that a database gets. */
public final class Statements {

  private static final String MAINTENANCE = "postgres";

  private final String database;
  private final Map<String, Long> before;

  private Statements(String database) {
    SharedServers.postgresOnce(
        "pg_stat_statements",
        () -> SharedServers.executeSql("create extension pg_stat_statements"));
    this.database = database;
    this.before = calls();
  }

  /** Counts from now on, in the database of a JDBC URL. */
  public static Statements of(String jdbcUrl) {
    return new Statements(jdbcUrl.replaceFirst(".*/", "").replaceFirst("\\?.*", ""));
  }

  /** Each statement's text and how often it was executed since, most first. */
  public Map<String, Long> since() {
    Map<String, Long> since = new LinkedHashMap<>();
    calls()
        .forEach(
            (text, calls) -> {
              long more = calls - before.getOrDefault(text, 0L);
              if (more > 0) {
                since.put(text, more);
              }
            });
    return since;
  }

  private Map<String, Long> calls() {
    try (Connection connection =
            DriverManager.getConnection(
                SharedServers.postgresUrl(MAINTENANCE), EmbeddedPostgresServer.USER, "");
        PreparedStatement query =
            connection.prepareStatement(
                """
                select s.query, sum(s.calls) as calls from pg_stat_statements s
                join pg_database d on d.oid = s.dbid and d.datname = ?
                where s.toplevel group by s.query order by calls desc
                """)) {
      query.setString(1, database);
      Map<String, Long> calls = new LinkedHashMap<>();
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          calls.put(rows.getString("query"), rows.getLong("calls"));
        }
      }
      return calls;
    } catch (SQLException e) {
      throw new IllegalStateException("pg_stat_statements: " + e.getMessage(), e);
    }
  }
}
