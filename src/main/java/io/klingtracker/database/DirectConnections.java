package io.klingtracker.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Properties;
import org.eclipse.microprofile.config.Config;
import org.postgresql.Driver;

/**
 * Connections of the driver's own, beside the pool and configured as it is, by {@code
 * tracker.datasource.session-url} where that is set: for sessions that are kept, for migrations and
 * for the look at PostgreSQL before the start.
 */
public final class DirectConnections {

  private static final String SESSION_URL = "tracker.datasource.session-url";
  private static final String JDBC = "quarkus.datasource.jdbc.";
  private static final String ADDITIONAL = JDBC + "additional-jdbc-properties.";

  private final String url;
  private final Properties properties = new Properties();

  private DirectConnections(String url) {
    this.url = url;
  }

  /** As configured. */
  public static DirectConnections of(Config config) {
    DirectConnections connections =
        new DirectConnections(
            config
                .getOptionalValue(SESSION_URL, String.class)
                .orElseGet(() -> config.getValue(JDBC + "url", String.class)));
    for (String name : config.getPropertyNames()) {
      if (name.startsWith(ADDITIONAL)) {
        connections.set(config, name, name.substring(ADDITIONAL.length()).replace("\"", ""));
      }
    }
    connections.set(config, "quarkus.datasource.username", "user");
    connections.set(config, "quarkus.datasource.password", "password");
    return connections;
  }

  private void set(Config config, String key, String property) {
    config
        .getOptionalValue(key, String.class)
        .ifPresent(value -> properties.setProperty(property, value));
  }

  /** Opens one; whoever does closes it. */
  public Connection open() throws SQLException {
    Connection connection = new Driver().connect(url, properties);
    if (connection == null) {
      throw new SQLException("not a URL of PostgreSQL: " + where());
    }
    return connection;
  }

  /** Where they lead, without parameters, which may hold a password. */
  public String where() {
    return url.replaceFirst("\\?.*$", "").replaceFirst("^jdbc:postgresql:(//)?", "");
  }

  /** Which setting says so. */
  public static String key(Config config) {
    return config.getOptionalValue(SESSION_URL, String.class).isPresent()
        ? SESSION_URL
        : JDBC + "url";
  }
}
