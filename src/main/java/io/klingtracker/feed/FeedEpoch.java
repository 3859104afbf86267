package io.klingtracker.feed;

import io.agroal.api.AgroalPoolInterceptor;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;
import javax.sql.DataSource;
import org.jboss.logging.Logger;
import org.postgresql.PGConnection;

/**
 * Keeps the feed going when the database turns up in another cluster, whose transaction numbers may
 * be lower than positions that readers have: each session is looked at before it is used, so that
 * nothing is written with a position that a reader has passed. See {@code feed_epoch}.
 */
@Singleton
class FeedEpoch implements AgroalPoolInterceptor {

  private static final Logger LOG = Logger.getLogger(FeedEpoch.class);

  /** Right after the migrations, before whatever writes. */
  private static final int EARLY = 2;

  private final DataSource pool;
  private volatile boolean migrated;

  @Inject
  FeedEpoch(DataSource pool) {
    this.pool = pool;
  }

  void onStart(@Observes @Priority(EARLY) StartupEvent start) throws SQLException {
    migrated = true;
    try (Connection connection = pool.getConnection()) {
      follow(connection, true);
    }
  }

  @Override
  public void onConnectionCreate(Connection connection) {
    if (!migrated) {
      return;
    }
    try {
      follow(connection, false);
    } catch (SQLException e) {
      close(connection);
      throw new IllegalStateException("a new session cannot be used: " + e.getMessage(), e);
    }
  }

  /** The driver's: closing the pool's would do nothing, since it is not the pool's yet. */
  private static void close(Connection connection) {
    try {
      ((Connection) connection.unwrap(PGConnection.class)).abort(Runnable::run);
    } catch (SQLException e) {
      LOG.debugf(e, "the session was closed already");
    }
  }

  /**
   * Begins an epoch where that is needed.
   *
   * @param lookAtEvents whether events may have come by another way than a restore of everything;
   *     takes a look into the index for each tenant
   * @return why one was begun
   */
  static Optional<String> follow(Connection connection, boolean lookAtEvents) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select feed_follow_cluster(?)")) {
      statement.setBoolean(1, lookAtEvents);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        Optional<String> why = Optional.ofNullable(row.getString(1));
        why.ifPresent(
            reason ->
                LOG.warnf(
                    "restore detected: the database was %s. The feed's positions go on above all earlier ones:"
                        + " cursors of before stay good. See src/docs/operations.md, \"Back up and restore\".",
                    reason));
        return why;
      }
    }
  }
}
