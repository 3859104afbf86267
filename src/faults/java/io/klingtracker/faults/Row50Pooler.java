package io.klingtracker.faults;

import io.klingtracker.local.ServiceProcess;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * PgBouncer before PostgreSQL: in transaction mode everything goes over it but what needs sessions
 * that last; without a way to those the start ends; in session mode it works as it is.
 */
@Field
final class Row50Pooler extends Row {

  private @Nullable DebianPostgres postgres;
  private @Nullable PgBouncer transactions;
  private @Nullable PgBouncer sessions;

  Row50Pooler() {
    super(50, "a pooler between us and PostgreSQL", "works, or is refused at the start");
  }

  @Override
  Installation installation(Stage stage) throws Exception {
    PgBouncer.require();
    DebianPostgres server = DebianPostgres.primary(Map.of());
    postgres = server;
    server.execute("postgres", "create database pooled");
    server.execute("postgres", "create database elsewhere");
    PgBouncer pooler = new PgBouncer(server.port(), "transaction");
    transactions = pooler;
    sessions = new PgBouncer(server.port(), "session");
    return stage.installation(
        2,
        Installation.Place.at(
            server.jdbcUrl("pooled"),
            Map.of(
                "quarkus.datasource.jdbc.url",
                pooler.jdbcUrl("pooled"),
                "tracker.datasource.session-url",
                server.jdbcUrl("pooled"))));
  }

  @Override
  void attack(Scene scene) {
    ServiceProcess installed = scene.installation().service();
    try (ServiceProcess refused =
        installed.another(
            Map.of(
                "quarkus.datasource.jdbc.url",
                url(transactions, "elsewhere"),
                "tracker.datasource.session-url",
                ""))) {
      int exit = refused.startAndEnd();
      scene
          .findings()
          .require(
              exit == 1
                  && refused.log().lines().count() == 1
                  && refused.log().contains("pooler in transaction mode"),
              "a pooler that keeps no sessions is refused in one line",
              exit + ": " + refused.log());
    }
    try (ServiceProcess works =
        installed.another(
            Map.of(
                "quarkus.datasource.jdbc.url",
                url(sessions, "elsewhere"),
                "tracker.datasource.session-url",
                ""))) {
      works.start();
      scene
          .findings()
          .require(!works.log().contains(" ERROR "), "session mode works as it is", works.log());
    }
    scene.watch(scene.run().seconds(20));
  }

  private static String url(@Nullable PgBouncer pooler, String database) {
    return pooler == null ? "" : pooler.jdbcUrl(database);
  }

  @Override
  void afterwards(Scene scene) {
    for (ServiceProcess replica : scene.installation().replicas()) {
      scene
          .findings()
          .require(
              !replica.log().contains("prepared statement"),
              "no statement is prepared for another session",
              replica.url());
    }
  }

  @Override
  boolean leavesTraces() {
    return true;
  }

  @Override
  void end() {
    if (transactions != null) {
      transactions.close();
    }
    if (sessions != null) {
      sessions.close();
    }
    if (postgres != null) {
      postgres.close();
    }
  }
}
