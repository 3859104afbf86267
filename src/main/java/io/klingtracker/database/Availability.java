package io.klingtracker.database;

import io.agroal.api.AgroalDataSource;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.Config;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.statement.SqlLogger;
import org.jdbi.v3.core.statement.StatementContext;
import org.jspecify.annotations.Nullable;

/**
 * Whether PostgreSQL can serve now: asked once a second over the pool, so that nobody who wants to
 * know has to wait for it, and shown by readiness, a gauge and one line of the log when it changes.
 * While the pool has no connection free it is asked beside it: load is not PostgreSQL's failure,
 * unless it lasts. {@link SqlStates#isDatabaseAway} says it of a single failure.
 */
@Startup
@Singleton
public class Availability {

  private static final Logger LOG = Logger.getLogger(Availability.class);

  /** How long callers are asked to stay away. */
  public static final Duration RETRY_AFTER = Duration.ofSeconds(2);

  private static final Duration ASK_EVERY = Duration.ofSeconds(1);

  /** A question that takes so long is an answer. */
  private static final Duration SILENT = Duration.ofSeconds(5);

  /** PostgreSQL may answer questions and yet take nothing: its disk is full, a right is missing. */
  private static final Duration REFUSAL_HOLDS = Duration.ofSeconds(5);

  /** A pool that gives nobody a connection for so long serves nobody. */
  private static final Duration NO_PLACE = Duration.ofSeconds(30);

  private final AgroalDataSource pool;
  private final Beside beside;
  private final Duration noPlace;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private volatile @Nullable String trouble = "not asked yet";
  private volatile @Nullable String refusal;
  private volatile long refusedAt;
  private volatile long askedAt = System.nanoTime();
  private volatile boolean asking;
  private @Nullable String shown;
  private long downSince;
  private @Nullable Long busySince;

  /** A way to PostgreSQL that needs no place in the pool. */
  @FunctionalInterface
  interface Beside {
    /** Opens a connection, or fails within this time. */
    Connection open(Duration limit) throws SQLException;
  }

  @Inject
  Availability(AgroalDataSource pool, MeterRegistry registry, Config config) {
    this(pool, registry, DirectConnections.likeThePool(config)::open, NO_PLACE);
  }

  Availability(AgroalDataSource pool, MeterRegistry registry, Beside beside, Duration noPlace) {
    this.pool = pool;
    this.beside = beside;
    this.noPlace = noPlace;
    Gauge.builder("tracker.database.up", () -> trouble() == null ? 1 : 0)
        .description("Whether PostgreSQL can serve this replica now")
        .register(registry);
    Thread thread = new Thread(this::run, "database-watch");
    thread.setDaemon(true);
    thread.start();
  }

  /** What a caller is answered while PostgreSQL cannot serve. */
  public static ProblemException problem() {
    return new ProblemException(
        ErrorCode.UNAVAILABLE,
        "the service cannot store anything right now; try again",
        RETRY_AFTER);
  }

  /** What keeps PostgreSQL from serving; null when nothing does. */
  public @Nullable String trouble() {
    if (asking && System.nanoTime() - askedAt > SILENT.toNanos()) {
      return "no answer for " + SILENT.toSeconds() + " s";
    }
    String found = trouble;
    return found != null || System.nanoTime() - refusedAt > REFUSAL_HOLDS.toNanos()
        ? found
        : refusal;
  }

  /** Notes what only a statement that writes finds out. */
  SqlLogger failures() {
    return new SqlLogger() {
      @Override
      public void logException(StatementContext context, SQLException failure) {
        if (SqlStates.isRefusal(failure)) {
          refusal = SqlStates.oneLine(failure);
          refusedAt = System.nanoTime();
        }
      }
    };
  }

  private void run() {
    try {
      do {
        askedAt = System.nanoTime();
        asking = true;
        trouble = ask();
        asking = false;
        report();
      } while (!stopped.await(ASK_EVERY.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private @Nullable String ask() {
    String found;
    try (Connection connection = pool.getConnection()) {
      found = look(connection);
    } catch (SQLException | RuntimeException e) {
      if (SqlStates.of(e).isEmpty()) {
        return askBeside();
      }
      renew();
      return SqlStates.oneLine(e);
    }
    busySince = null;
    if (found != null) {
      renew();
    }
    return found;
  }

  private static @Nullable String look(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("show transaction_read_only")) {
      row.next();
      return "on".equals(row.getString(1)) ? "it is read-only" : null;
    }
  }

  /** No connection was free in time. */
  private @Nullable String askBeside() {
    long now = System.nanoTime();
    Long since = busySince;
    if (since == null) {
      since = now;
      busySince = since;
      LOG.warn(
          "no connection of the pool was free in time: statements are slow, or"
              + " quarkus.datasource.jdbc.max-size is small for this load");
    }
    askedAt = now;
    try (Connection connection = beside.open(SILENT)) {
      String found = look(connection);
      if (found != null) {
        renew();
        return found;
      }
    } catch (SQLException | RuntimeException e) {
      // One that has no session left for this question answers all the same.
      if (!SqlStates.of(e).equals(SqlStates.TOO_MANY_CONNECTIONS)) {
        renew();
        return SqlStates.oneLine(e);
      }
    }
    return now - since < noPlace.toNanos()
        ? null
        : "no connection of the pool has been free for "
            + Duration.ofNanos(now - since).toSeconds()
            + " s";
  }

  /** Has the pool connect anew, to whichever server is the primary by now. */
  private void renew() {
    if (shown == null) {
      pool.flush(AgroalDataSource.FlushMode.GRACEFUL);
    }
  }

  private void report() {
    String now = trouble();
    if (now != null && shown == null) {
      downSince = System.nanoTime();
      LOG.errorf("PostgreSQL cannot serve: %s", now);
    } else if (now == null && shown != null) {
      // What was connected while it was away may lead to a server that is none any more.
      pool.flush(AgroalDataSource.FlushMode.GRACEFUL);
      LOG.infof(
          "PostgreSQL serves again, after %d s",
          Duration.ofNanos(System.nanoTime() - downSince).toSeconds());
    }
    shown = now;
  }

  @PreDestroy
  void close() {
    stopped.countDown();
  }
}
