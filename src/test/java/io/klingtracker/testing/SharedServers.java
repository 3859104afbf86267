package io.klingtracker.testing;

import io.klingtracker.local.EmbeddedKafkaBroker;
import io.klingtracker.local.EmbeddedPostgresServer;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.function.Supplier;
import javax.management.JMException;
import javax.management.ObjectName;
import javax.management.StandardMBean;

/**
 * The servers of a test run, started on first use and stopped with the JVM. Quarkus gives tests and
 * test resources class loaders of their own, each with its copy of this class; what they share
 * therefore is in system properties and platform MBeans.
 */
final class SharedServers {

  private static final String PREFIX = "io.klingtracker.testing.";

  private SharedServers() {}

  static String postgresUrl(String database) {
    String port =
        once(
            "postgres.port",
            () -> {
              EmbeddedPostgresServer server = EmbeddedPostgresServer.ephemeral();
              return Integer.toString(server.port());
            });
    return "jdbc:postgresql://localhost:" + port + "/" + database;
  }

  static String kafka() {
    return once(
        "kafka.bootstrap",
        () -> {
          EmbeddedKafkaBroker broker = EmbeddedKafkaBroker.ephemeral();
          share("kafka.stop", broker::stop);
          share("kafka.start", broker::start);
          Runtime.getRuntime().addShutdownHook(new Thread(broker::close, "kafka-closer"));
          return broker.bootstrapServers();
        });
  }

  /** Runs something that the whole JVM needs but once. */
  static void postgresOnce(String what, Runnable action) {
    once(
        "postgres." + what,
        () -> {
          action.run();
          return "done";
        });
  }

  /**
   * A platform MBean: the JDK's own types are the same in all class loaders, and properties take
   * text only.
   */
  static void share(String name, Runnable action) {
    try {
      ManagementFactory.getPlatformMBeanServer()
          .registerMBean(new StandardMBean(action, Runnable.class), objectName(name));
    } catch (JMException e) {
      throw new IllegalStateException(e);
    }
  }

  static void run(String name) {
    try {
      ManagementFactory.getPlatformMBeanServer()
          .invoke(objectName(name), "run", new Object[0], new String[0]);
    } catch (JMException e) {
      throw new IllegalStateException("cannot run " + name + ": " + e.getMessage(), e);
    }
  }

  private static ObjectName objectName(String name) throws JMException {
    return new ObjectName("io.klingtracker.testing", "name", name);
  }

  static String once(String name, Supplier<String> make) {
    // The one lock that all class loaders see.
    synchronized (System.getProperties()) {
      String known = System.getProperty(PREFIX + name);
      if (known == null) {
        known = make.get();
        System.setProperty(PREFIX + name, known);
      }
      return known;
    }
  }

  static void executeSql(String sql) {
    try (Connection connection =
            DriverManager.getConnection(postgresUrl("postgres"), EmbeddedPostgresServer.USER, "");
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(sql + ": " + e.getMessage(), e);
    }
  }
}
