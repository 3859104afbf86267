package io.klingtracker.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class TestDatabaseTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  @Test
  void is_migrated_and_empty() {
    insertTenant();

    assertEquals(1, tenants());
    database.truncate();
    assertEquals(0, tenants());
  }

  @Test
  void sessions_run_in_an_odd_time_zone() {
    assertEquals(
        TestDatabase.ODD_TIME_ZONE,
        database.jdbi().withHandle(h -> h.createQuery("show time zone").mapTo(String.class).one()));
  }

  private static void insertTenant() {
    Rows.tenants(database.jdbi(), "t");
  }

  private static int tenants() {
    return database
        .jdbi()
        .withHandle(h -> h.createQuery("select count(*) from tenant").mapTo(Integer.class).one());
  }
}
