package io.klingtracker.bench;

import io.klingtracker.local.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** One database of the bench's PostgreSQL. */
final class Database {

  private final EmbeddedPostgresServer server;
  private final String name;

  Database(EmbeddedPostgresServer server, String name) {
    this.server = server;
    this.name = name;
  }

  String name() {
    return name;
  }

  int port() {
    return server.port();
  }

  String url() {
    return server.jdbcUrl(name);
  }

  /** A session whose parameters take the type of their place, as pgbench's do. */
  Connection connect() throws SQLException {
    return DriverManager.getConnection(
        url() + "?stringtype=unspecified&ApplicationName=bench", EmbeddedPostgresServer.USER, "");
  }

  void execute(String... statements) {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    } catch (SQLException e) {
      throw new IllegalStateException(name + ": " + e.getMessage(), e);
    }
  }

  long number(String query) {
    return (long) decimal(query);
  }

  double decimal(String query) {
    return decimals(query, 1)[0];
  }

  /** So many columns of the only row. */
  double[] decimals(String query, int columns) {
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      double[] values = new double[columns];
      for (int column = 0; column < columns; column++) {
        values[column] = row.getDouble(column + 1);
      }
      return values;
    } catch (SQLException e) {
      throw new IllegalStateException(query + ": " + e.getMessage(), e);
    }
  }

  String text(String query) {
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return row.getString(1);
    } catch (SQLException e) {
      throw new IllegalStateException(query + ": " + e.getMessage(), e);
    }
  }

  List<String> texts(String query) {
    List<String> texts = new ArrayList<>();
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      while (row.next()) {
        texts.add(row.getString(1));
      }
    } catch (SQLException e) {
      throw new IllegalStateException(query + ": " + e.getMessage(), e);
    }
    return texts;
  }

  /** Waits until a condition holds; false when it did not in time. */
  static boolean await(Duration limit, BooleanSupplier condition) {
    long end = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        return false;
      }
      pause(5);
    }
    return true;
  }

  static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
