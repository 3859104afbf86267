package io.klingtracker.faults;

import io.klingtracker.local.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** The service's database, read from outside. */
final class Sql implements AutoCloseable {

  private static final int VALID_SECONDS = 5;

  private final String url;
  private Connection connection;

  Sql(String url) {
    this.url = url;
    try {
      connection = open(url);
    } catch (SQLException e) {
      throw new IllegalStateException(url + ": " + e.getMessage(), e);
    }
  }

  private static Connection open(String url) throws SQLException {
    return DriverManager.getConnection(url, EmbeddedPostgresServer.USER, "");
  }

  /** The server may have been restarted, or replaced by another, since the last query. */
  private Connection connection() throws SQLException {
    if (!connection.isValid(VALID_SECONDS)) {
      connection.close();
      connection = open(url);
    }
    return connection;
  }

  String url() {
    return url;
  }

  /** The first column of the first row. */
  long number(String query, Object... arguments) {
    return Long.parseLong(rows(query, arguments).get(0).get(0));
  }

  /** All rows, as text. */
  synchronized List<List<String>> rows(String query, Object... arguments) {
    try (PreparedStatement statement = connection().prepareStatement(query)) {
      for (int i = 0; i < arguments.length; i++) {
        Object argument = arguments[i];
        if (argument instanceof String[] texts) {
          statement.setArray(i + 1, connection.createArrayOf("text", texts));
        } else {
          statement.setObject(i + 1, argument);
        }
      }
      List<List<String>> rows = new ArrayList<>();
      try (ResultSet result = statement.executeQuery()) {
        int columns = result.getMetaData().getColumnCount();
        while (result.next()) {
          List<String> row = new ArrayList<>();
          for (int column = 1; column <= columns; column++) {
            String value = result.getString(column);
            row.add(value == null ? "" : value);
          }
          rows.add(row);
        }
      }
      return rows;
    } catch (SQLException e) {
      throw new IllegalStateException(query + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}
