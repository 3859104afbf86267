package io.klingtracker.database;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
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
  private static final String URL = "quarkus.datasource.jdbc.url";
  private static final String ADDITIONAL = "quarkus.datasource.jdbc.additional-jdbc-properties.";

  private final String key;
  private final boolean mustLast;
  private final String url;
  private final Properties properties = new Properties();

  private DirectConnections(Config config, String key, boolean mustLast) {
    this.key = key;
    this.mustLast = mustLast;
    this.url = config.getValue(key, String.class);
    for (String name : config.getPropertyNames()) {
      if (name.startsWith(ADDITIONAL)) {
        set(config, name, name.substring(ADDITIONAL.length()).replace("\"", ""));
      }
    }
    set(config, "quarkus.datasource.username", "user");
    set(config, "quarkus.datasource.password", "password");
  }

  /** Those whose sessions last. */
  public static DirectConnections of(Config config) {
    boolean separate = config.getOptionalValue(SESSION_URL, String.class).isPresent();
    return new DirectConnections(config, separate ? SESSION_URL : URL, true);
  }

  /** The way that the pool takes. */
  static DirectConnections likeThePool(Config config) {
    return new DirectConnections(config, URL, false);
  }

  /** Every way that is configured, that of {@link #of} and, where it is another, the pool's. */
  public static List<DirectConnections> ways(Config config) {
    DirectConnections lasting = of(config);
    return lasting.key.equals(URL) ? List.of(lasting) : List.of(lasting, likeThePool(config));
  }

  private void set(Config config, String key, String property) {
    config
        .getOptionalValue(key, String.class)
        .ifPresent(value -> properties.setProperty(property, value));
  }

  /** Opens one; whoever does closes it. */
  public Connection open() throws SQLException {
    return open(properties);
  }

  /** Opens one that is given up when it takes longer, or an answer on it does. */
  Connection open(Duration limit) throws SQLException {
    Properties limited = new Properties();
    limited.putAll(properties);
    limited.setProperty("loginTimeout", Long.toString(limit.toSeconds()));
    limited.setProperty("socketTimeout", Long.toString(limit.toSeconds()));
    return open(limited);
  }

  private Connection open(Properties with) throws SQLException {
    Connection connection = new Driver().connect(url, with);
    if (connection == null) {
      throw new SQLException("not a URL of PostgreSQL: " + where());
    }
    return connection;
  }

  /** Where they lead, without parameters, which may hold a password. */
  public String where() {
    return url.replaceFirst("\\?.*$", "").replaceFirst("^jdbc:postgresql:(//)?", "");
  }

  /** Which setting says where. */
  public String key() {
    return key;
  }

  /** Whether sessions have to last there. */
  public boolean mustLast() {
    return mustLast;
  }
}
