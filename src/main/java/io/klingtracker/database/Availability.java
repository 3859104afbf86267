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
import org.jboss.logging.Logger;
import org.jdbi.v3.core.statement.SqlLogger;
import org.jdbi.v3.core.statement.StatementContext;
import org.jspecify.annotations.Nullable;

/**
 * Whether PostgreSQL can serve now: asked once a second over the pool, so that nobody who wants to
 * know has to wait for it, and told by readiness, a gauge and one line of the log when it changes.
 * {@link SqlStates#isDatabaseAway} says it of a single failure.
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

  private final AgroalDataSource pool;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private volatile @Nullable String trouble = "not asked yet";
  private volatile @Nullable String refusal;
  private volatile long refusedAt;
  private volatile long askedAt = System.nanoTime();
  private volatile boolean asking;
  private @Nullable String told;
  private long downSince;

  @Inject
  Availability(AgroalDataSource pool, MeterRegistry registry) {
    this.pool = pool;
    Gauge.builder("tracker.database.up", () -> trouble() == null ? 1 : 0)
        .description("Whether PostgreSQL can serve this replica now")
        .register(registry);
    Thread thread = new Thread(this::run, "database-watch");
    thread.setDaemon(true);
    thread.start();
  }

  /** What a caller is told while PostgreSQL cannot serve. */
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
          refusal = oneLine(failure);
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
        tell();
      } while (!stopped.await(ASK_EVERY.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private @Nullable String ask() {
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("show transaction_read_only")) {
      row.next();
      if (!"on".equals(row.getString(1))) {
        return null;
      }
      renew();
      return "it is read-only";
    } catch (SQLException | RuntimeException e) {
      // A pool that is merely busy keeps its sessions.
      if (!SqlStates.of(e).isEmpty()) {
        renew();
      }
      return oneLine(e);
    }
  }

  /** Has the pool connect anew, to whichever server is the primary by now. */
  private void renew() {
    if (told == null) {
      pool.flush(AgroalDataSource.FlushMode.GRACEFUL);
    }
  }

  private void tell() {
    String now = trouble();
    if (now != null && told == null) {
      downSince = System.nanoTime();
      LOG.errorf("PostgreSQL cannot serve: %s", now);
    } else if (now == null && told != null) {
      // What was connected while it was away may lead to a server that is none any more.
      pool.flush(AgroalDataSource.FlushMode.GRACEFUL);
      LOG.infof(
          "PostgreSQL serves again, after %d s",
          Duration.ofNanos(System.nanoTime() - downSince).toSeconds());
    }
    told = now;
  }

  private static String oneLine(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() instanceof SQLException cause) {
      root = cause;
    }
    String state = SqlStates.of(root);
    String message = String.valueOf(root.getMessage()).replaceAll("\\s+", " ").strip();
    return state.isEmpty() ? message : message + " (" + state + ")";
  }

  @PreDestroy
  void close() {
    stopped.countDown();
  }
}
