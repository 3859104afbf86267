package io.klingtracker.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.SQLException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a SQLSTATE says of PostgreSQL and of the session. */
class SqlStatesTest {

  /** State, and whether the pool must replace the session. */
  @ParameterizedTest
  @CsvSource({
    "08006, true", // the connection broke
    "08001, true", // cannot connect; no primary among the hosts
    "25006, true", // read-only
    "28000, true", // not let in
    "28P01, true", // wrong password
    "57P01, true", // shutdown
    "57P02, true", // crash of another
    "57P03, true", // starting up
    "25P03, true", // ended while idle in a transaction
    "53300, false", // too many connections
    "53100, false", // disk full
    "53200, false", // out of memory
    "57014, false", // statement timeout
    "58030, false", // I/O error
    "55P03, false", // lock timeout
    "42501, false", // a right is missing
    "3D000, false" // no such database
  })
  void postgresql_is_away(String state, boolean sessionLost) {
    SQLException failure = new SQLException("x", state);
    assertTrue(SqlStates.isDatabaseAway(new IllegalStateException("wrapped", failure)));
    assertEquals(sessionLost, SqlStates.isSessionLost(failure));
  }

  @ParameterizedTest
  @ValueSource(strings = {"23505", "22003", "40P01", "42P01", "XX000", "26000"})
  void it_is_the_statement(String state) {
    assertFalse(SqlStates.isDatabaseAway(new SQLException("x", state)));
  }

  @ParameterizedTest
  @CsvSource({
    "08006, true", // the connection broke
    "57P03, true", // starting up
    "25006, true", // read-only
    "53300, true", // too many connections
    "55P03, true", // a lock is held
    "40001, true", // could not serialize
    "40P01, true", // a deadlock
    "08004, false", // no password
    "28P01, false", // a wrong one
    "3D000, false", // no such database
    "42501, false", // a right is missing
    "42601, false", // no SQL
    "42P01, false", // no such table
    "23505, false" // a row that is there already
  })
  void waiting_mends_it(String state, boolean mends) {
    SQLException failure = new SQLException("x", state);
    assertEquals(mends, SqlStates.isTemporary(new IllegalStateException("wrapped", failure)));
  }

  @Test
  void what_is_told_is_what_postgresql_says_in_one_line() {
    SQLException said = new SQLException("ERROR: no\n  Hint: never", "42601");
    assertEquals(
        "ERROR: no Hint: never (42601)",
        SqlStates.oneLine(new IllegalStateException("x", new RuntimeException("y", said))));
    assertEquals("y", SqlStates.oneLine(new IllegalStateException("x", new Error("y"))));
  }

  @Test
  void a_time_out_of_the_pool_has_no_state() {
    SQLException timeout = new SQLException("Sorry, acquisition timeout!");
    assertTrue(SqlStates.isDatabaseAway(timeout));
    assertFalse(SqlStates.isSessionLost(timeout));
  }

  /** As Narayana says that a commit failed. */
  @Test
  void what_failed_may_be_beside_what_says_so() {
    IllegalStateException commit = new IllegalStateException("could not commit");
    commit.addSuppressed(new IllegalStateException("XA", new SQLException("x", "57P01")));
    assertTrue(SqlStates.isDatabaseAway(new RuntimeException(commit)));
  }

  @Test
  void what_closing_says_does_not_count_against_the_cause() {
    SQLException duplicate = new SQLException("x", "23505");
    duplicate.addSuppressed(new SQLException("closed", "08003"));
    assertFalse(SqlStates.isDatabaseAway(duplicate));
  }
}
