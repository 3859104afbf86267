package io.klingtracker.database;

import java.sql.SQLException;

/** What a failed statement tells by its SQLSTATE: never by its text, which is for people. */
public final class SqlStates {

  /** A row that has to be alone of its kind is there already. */
  public static final String UNIQUE_VIOLATION = "23505";

  private static final String LOCK_NOT_AVAILABLE = "55P03";
  private static final String QUERY_CANCELED = "57014";

  private SqlStates() {}

  /** The SQLSTATE behind a failure; empty when PostgreSQL has not named one. */
  public static String of(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql && sql.getSQLState() != null) {
        return sql.getSQLState();
      }
    }
    return "";
  }

  /**
   * SQLSTATE classes 08 (connection), 53 (resources), 57 (operator, shutdown), and time-outs of the
   * pool or a lock.
   */
  public static boolean isDatabaseAway(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql) {
        String state = sql.getSQLState();
        if (state == null
            || state.startsWith("08")
            || state.startsWith("53")
            || state.startsWith("57")
            || state.equals(LOCK_NOT_AVAILABLE)) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Whether a value was refused for its form: SQLSTATE classes 22 (a text, number or time that no
   * column holds) and 54 (too long for an index).
   */
  public static boolean isValueRefused(Throwable failure) {
    String state = of(failure);
    return state.startsWith("22") || state.startsWith("54");
  }

  /** Whether somebody held a lock for too long, which may concern one row only. */
  public static boolean isLockTimeout(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql && LOCK_NOT_AVAILABLE.equals(sql.getSQLState())) {
        return true;
      }
    }
    return false;
  }

  /** Whether a statement took too long, which may concern one row only. */
  public static boolean isTimeout(Throwable failure) {
    return isLockTimeout(failure) || of(failure).equals(QUERY_CANCELED);
  }

  /**
   * Whether it is the data that cannot be stored, whenever it is tried: classes 22 (a number out of
   * range, bytes that are no text) and 54 (too large for an index).
   */
  public static boolean isData(Throwable failure) {
    String state = of(failure);
    return state.startsWith("22") || state.startsWith("54");
  }

  /** Whether a constraint refuses it: class 23. */
  public static boolean isRefused(Throwable failure) {
    return of(failure).startsWith("23");
  }
}
