package io.klingtracker.feed;

import io.agroal.api.AgroalPoolInterceptor;
import io.klingtracker.database.LockHolders;
import io.klingtracker.database.SqlStates;
import io.klingtracker.retry.Patience;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.eclipse.microprofile.config.inject.ConfigProperty;
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

  private static final String WAIT = "tracker.start.wait";

  /** Right after the migrations, before whatever writes. */
  private static final int EARLY = 2;

  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final Duration SAY_EVERY = Duration.ofSeconds(30);

  private final DataSource pool;
  private final Duration most;
  private volatile boolean migrated;

  @Inject
  FeedEpoch(DataSource pool, @ConfigProperty(name = WAIT) Duration most) {
    this.pool = pool;
    this.most = most;
  }

  /**
   * Looks, or stops the start.
   *
   * @throws ConfigurationException which Quarkus prints as one line, and exits with 1
   */
  void onStart(@Observes @Priority(EARLY) StartupEvent start) {
    migrated = true;
    try {
      begin(LOG::warn);
    } catch (IllegalStateException e) {
      LOG.debugf(e, "the feed's epoch");
      throw new ConfigurationException("Kling Task Tracker cannot start: " + e.getMessage());
    }
  }

  /**
   * Looks until somebody could.
   *
   * @param say receives what is waited for, now and then
   * @throws IllegalStateException with one line, when that has lasted long enough or is of no use
   */
  void begin(Consumer<String> say) {
    Patience patience = new Patience(WAIT, most, PAUSE, SAY_EVERY, say);
    for (String wait = attempt(); !wait.isEmpty(); wait = attempt()) {
      patience.await("the feed's epoch waits for " + wait);
    }
  }

  /** What it waits for; empty when it has looked. */
  private String attempt() {
    try (Connection connection = pool.getConnection()) {
      try {
        follow(connection, true);
        return "";
      } catch (SQLException e) {
        if (SqlStates.isLockTimeout(e)) {
          return "a lock on outbox: " + LockHolders.say(connection, "");
        }
        throw e;
      }
    } catch (SQLException | RuntimeException e) {
      if (!SqlStates.isTemporary(e)) {
        throw new IllegalStateException("the feed's epoch: " + SqlStates.oneLine(e), e);
      }
      return "PostgreSQL: " + SqlStates.oneLine(e);
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
                    "restore detected: the database was %s. The feed's positions continue above all earlier ones:"
                        + " cursors of before stay good. See src/docs/operations.md, \"Back up and restore\".",
                    reason));
        return why;
      }
    }
  }
}
