package io.klingtracker.database;

import java.sql.Connection;
import java.sql.SQLException;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.postgresql.PGConnection;

/** Sessions that one user keeps as long as they live, to listen, or for the locks they hold. */
public final class LongSessions {

  private static final Logger LOG = Logger.getLogger(LongSessions.class);

  private LongSessions() {}

  /**
   * Opens one; {@link #discard} ends it.
   *
   * @param jdbi the one that is {@link LongLived}
   */
  public static Handle open(Jdbi jdbi) {
    Handle session = jdbi.open();
    try {
      session.execute(SessionSettings.longSql());
      return session;
    } catch (RuntimeException e) {
      discard(session);
      throw e;
    }
  }

  /**
   * Finds that the session's server cannot write any more, because another one took its place: it
   * would continue to read and listen there for ever.
   *
   * @throws IllegalStateException whose cause has SQLSTATE 25006
   */
  public static void requireWritable(Handle session) {
    String readOnly = session.createQuery("show transaction_read_only").mapTo(String.class).one();
    if (readOnly.equals("on")) {
      throw new IllegalStateException(
          "PostgreSQL is read-only here",
          new SQLException("the session's server is read-only", SqlStates.READ_ONLY));
    }
  }

  /**
   * Ends a session for good, its locks with it. The driver's connection is broken off, not that of
   * a pool, which would forget it without giving its place back.
   */
  public static void discard(Handle session) {
    try {
      ((Connection) session.getConnection().unwrap(PGConnection.class)).abort(Runnable::run);
      // Where it is a pool's all the same, its connection has to fail once to be thrown away.
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
}
