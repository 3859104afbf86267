package io.klingtracker.start;

import io.klingtracker.database.DirectConnections;
import io.klingtracker.database.SqlStates;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import org.eclipse.microprofile.config.Config;

/**
 * A look at PostgreSQL before anything is started. One that is away or starting is waited for; what
 * waiting does not mend (a wrong password, a missing right, sessions that do not last) ends the
 * start with one line.
 */
final class DatabaseCheck {

  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final Duration SAY_EVERY = Duration.ofSeconds(5);

  /** A pooler in transaction mode may deal the same session twice in a row by chance. */
  private static final int ROUNDS = 5;

  /**
   * What the migrations need and the user has not; the oldest of our tables represent all. In the
   * order in which it would be noticed.
   */
  private static final String MISSING =
      """
      select format('the right CREATE on schema %I (grant it, or make the user the owner of the database)', s.name)
      from (select coalesce(current_schema(), 'public') as name) s
      where has_schema_privilege(s.name, 'create') is not true
      union all
      select format('to own the table %I, which belongs to %I (alter its owner, or grant the user that role)',
        c.relname, pg_get_userbyid(c.relowner))
      from pg_class c
      where c.relnamespace = to_regnamespace(current_schema())::oid and c.relkind = 'r'
        and c.relname in ('flyway_schema_history', 'task', 'task_event', 'tenant')
        and not pg_has_role(c.relowner, 'usage')
      limit 1
      """;

  private DatabaseCheck() {}

  /**
   * Waits for PostgreSQL and looks at it.
   *
   * @param most how long it is waited for
   * @param say receives what is waited for, every few seconds
   * @return what keeps the service from starting, as one line that names the setting
   */
  static Optional<String> fault(Config config, Duration most, Consumer<String> say) {
    for (DirectConnections way : DirectConnections.ways(config)) {
      Optional<String> fault = fault(way, most, say);
      if (fault.isPresent()) {
        return fault;
      }
    }
    return Optional.empty();
  }

  private static Optional<String> fault(
      DirectConnections way, Duration most, Consumer<String> say) {
    long begin = System.nanoTime();
    Duration saidAt = SAY_EVERY.negated();
    while (true) {
      try (Connection one = way.open();
          Connection other = way.open()) {
        return way.mustLast() ? look(way, one, other) : Optional.empty();
      } catch (SQLException e) {
        Duration waited = Duration.ofNanos(System.nanoTime() - begin);
        String reason = reason(e);
        if (!SqlStates.isTemporary(e)) {
          return Optional.of(
              "%s: PostgreSQL at %s does not let us in: %s"
                  .formatted(way.key(), way.where(), reason));
        }
        if (waited.compareTo(most) >= 0) {
          return Optional.of(
              "%s: PostgreSQL at %s was waited for in vain for %s s (tracker.start.wait): %s"
                  .formatted(way.key(), way.where(), waited.toSeconds(), reason));
        }
        if (waited.minus(saidAt).compareTo(SAY_EVERY) >= 0) {
          saidAt = waited;
          say.accept(
              "PostgreSQL at %s: %s (%s s of tracker.start.wait=%s s)"
                  .formatted(way.where(), reason, waited.toSeconds(), most.toSeconds()));
        }
        pause();
      }
    }
  }

  private static Optional<String> look(DirectConnections way, Connection one, Connection other)
      throws SQLException {
    if (!lasts(one, other)) {
      return Optional.of(
          "%s leads to a pooler in transaction mode, where sessions do not last: set"
                  .formatted(way.key())
              + " tracker.datasource.session-url to PostgreSQL itself, or to a pool in session mode");
    }
    try (Statement statement = one.createStatement();
        ResultSet row = statement.executeQuery(MISSING)) {
      return row.next()
          ? Optional.of(
              "%s: the user of quarkus.datasource.username lacks %s"
                  .formatted(way.key(), row.getString(1)))
          : Optional.empty();
    }
  }

  /** Whether each connection keeps a session of its own from one transaction to the next. */
  private static boolean lasts(Connection one, Connection other) throws SQLException {
    other.setAutoCommit(false);
    for (int round = 0; round < ROUNDS; round++) {
      long before = session(one);
      // Holds its session until its transaction ends: it may be the very one.
      if (session(other) == before) {
        return false;
      }
      long after = session(one);
      other.rollback();
      if (after != before) {
        return false;
      }
    }
    return true;
  }

  private static long session(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      return row.getLong(1);
    }
  }

  private static String reason(SQLException failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String message = String.valueOf(failure.getMessage());
    String why = root == failure ? "" : " (" + root.getMessage() + ")";
    return (message + why).replaceAll("\\s+", " ").strip();
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
