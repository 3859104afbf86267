package io.klingtracker.database;

import java.sql.SQLException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a failed statement's SQLSTATE means: never by its text, which is for people. */
public final class SqlStates {

  /** A row that has to be alone of its kind is there already. */
  public static final String UNIQUE_VIOLATION = "23505";

  /** The server writes nothing: a standby, or a primary that was made read-only. */
  static final String READ_ONLY = "25006";

  static final String TOO_MANY_CONNECTIONS = "53300";

  private static final String LOCK_NOT_AVAILABLE = "55P03";
  private static final String INSUFFICIENT_PRIVILEGE = "42501";
  private static final String NO_SUCH_DATABASE = "3D000";

  /** Ended by a time-out of the server's: idle in a transaction, or the transaction itself. */
  private static final Set<String> TIMED_OUT_SESSIONS = Set.of("25P03", "25P04");

  /** A statement that this session has prepared is another session's: poolers do that. */
  private static final Set<String> MIXED_UP_SESSIONS = Set.of("26000", "42P05");

  private static final String QUERY_CANCELED = "57014";

  private static final int MAX_DEPTH = 3;

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
   * Whether PostgreSQL cannot serve now, whatever the statement: SQLSTATE classes 08 (connection),
   * 28 (not let in), 53 (too many connections, disk full), 57 (operator, shutdown), 58 (its
   * system); a server that is read-only, a right or a database that is missing, time-outs of the
   * pool, which has no SQLSTATE, or of a lock.
   */
  public static boolean isDatabaseAway(Throwable failure) {
    boolean isSql = false;
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql) {
        isSql = true;
        if (isAway(sql.getSQLState())) {
          return true;
        }
      }
    }
    // A transaction manager keeps why it could not commit beside its failure.
    return !isSql && suppressed(failure, 0);
  }

  private static boolean suppressed(Throwable failure, int depth) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      for (Throwable beside : cause.getSuppressed()) {
        if (depth < MAX_DEPTH && isDatabaseAway(beside)) {
          return true;
        }
      }
    }
    return false;
  }

  private static boolean isAway(@Nullable String state) {
    return state == null
        || isLost(state)
        || state.startsWith("53")
        || state.startsWith("57")
        || state.startsWith("58")
        || state.equals(LOCK_NOT_AVAILABLE)
        || state.equals(INSUFFICIENT_PRIVILEGE)
        || state.equals(NO_SUCH_DATABASE);
  }

  private static boolean isLost(String state) {
    return state.startsWith("08")
        || state.startsWith("28")
        || state.startsWith("57P")
        || state.equals(READ_ONLY)
        || TIMED_OUT_SESSIONS.contains(state);
  }

  /**
   * Whether waiting can mend it: PostgreSQL cannot serve now, somebody holds a lock, a transaction
   * was rolled back (class 40). A password, right, table or database that is missing is mended by
   * people.
   */
  public static boolean isTemporary(Throwable failure) {
    String state = of(failure);
    return isRolledBack(failure)
        || isDatabaseAway(failure)
            // The driver's word for a password that is missing.
            && !state.equals("08004")
            && !state.startsWith("28")
            && !state.startsWith("3D")
            && !state.startsWith("42");
  }

  /** What PostgreSQL says, and its SQLSTATE; of another failure, what that says. */
  public static String oneLine(Throwable failure) {
    Throwable said = failure;
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException || !(said instanceof SQLException)) {
        said = cause;
      }
    }
    String state = of(said);
    String message = String.valueOf(said.getMessage()).replaceAll("\\s+", " ").strip();
    return state.isEmpty() ? message : message + " (" + state + ")";
  }

  /** Whether the session is of no use any more, so that the pool has to replace it. */
  static boolean isSessionLost(SQLException failure) {
    String state = failure.getSQLState();
    return state != null && (isLost(state) || MIXED_UP_SESSIONS.contains(state));
  }

  /** Whether PostgreSQL answers, but refuses to do its work: its disk is full, a right is gone. */
  static boolean isRefusal(SQLException failure) {
    String state = String.valueOf(failure.getSQLState());
    return state.startsWith("53") || state.startsWith("58") || state.equals(INSUFFICIENT_PRIVILEGE);
  }

  /** Whether it would go well another time: SQLSTATE class 40, a deadlock. */
  public static boolean isRolledBack(Throwable failure) {
    return of(failure).startsWith("40");
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
