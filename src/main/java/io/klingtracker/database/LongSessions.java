package io.klingtracker.database;

import java.sql.Connection;
import java.sql.SQLException;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.postgresql.PGConnection;

/** Sessions that one user keeps as long as they live, for the locks that they hold. */
public final class LongSessions {

  private static final Logger LOG = Logger.getLogger(LongSessions.class);

  /**
   * PostgreSQL finds out within about eleven seconds that our host is gone, instead of two hours,
   * and does not end a session because it waits. By SQL: poolers refuse start-up options; and only
   * what this version of PostgreSQL knows.
   */
  private static final String SETTINGS =
      """
      select set_config(s.name, v.value, false)
      from (values ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
          ('tcp_user_timeout', '10s'), ('idle_session_timeout', '0')) as v(name, value)
        join pg_settings s on s.name = v.name
      """;

  private LongSessions() {}

  /** Opens one; {@link #discard} ends it. */
  public static Handle open(Jdbi jdbi) {
    Handle session = jdbi.open();
    try {
      session.createQuery(SETTINGS).mapTo(String.class).list();
      return session;
    } catch (RuntimeException e) {
      discard(session);
      throw e;
    }
  }

  /**
   * Ends a session for good, its locks with it. The driver's connection is broken off, not the
   * pool's: what is given back to the pool afterwards is found to be closed, and its place is free.
   */
  public static void discard(Handle session) {
    try {
      driver(session).abort(Runnable::run);
      // The pool is to notice: it keeps what no statement has failed on.
      session.execute("select 1");
    } catch (SQLException | RuntimeException e) {
      LOG.debugf(e, "breaking off a session");
    }
    try {
      session.close();
    } catch (RuntimeException e) {
      LOG.debugf(e, "closing a session");
    }
  }

  private static Connection driver(Handle session) throws SQLException {
    return (Connection) session.getConnection().unwrap(PGConnection.class);
  }
}
