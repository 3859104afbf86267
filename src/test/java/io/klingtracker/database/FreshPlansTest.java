package io.klingtracker.database;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.TestDatabase;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** PostgreSQL's own count of how often it planned. */
class FreshPlansTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String NAME = "counted";

  private final FreshPlans plans = new FreshPlans();

  /** Its first plans are for a table that is empty, hence look cheaper than any later one. */
  @Test
  void aGrownTableIsNotPlannedForAgainAndAgain() {
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("create table grown (id int primary key)");
              handle.execute(
                  "prepare " + NAME + "(int[]) as select count(*) from grown where id <> all($1)");
              ask(handle, 10);
              handle.execute("insert into grown select generate_series(1, 5000)");
              handle.execute("analyze grown");
              handle.execute("discard plans");
              long before = planned(handle);
              handle.useTransaction(
                  inside -> {
                    plans.on(inside);
                    ask(inside, 20);
                  });
              assertEquals(before, planned(handle));
            });
  }

  @Test
  void itHoldsForTheTransactionAlone() {
    DATABASE
        .jdbi()
        .useHandle(
            handle -> {
              handle.useTransaction(
                  inside -> {
                    plans.on(inside);
                    assertEquals("force_generic_plan", mode(inside));
                  });
              assertEquals("auto", mode(handle));
              plans.on(handle);
              assertEquals("auto", mode(handle));
            });
  }

  private static void ask(Handle handle, int times) {
    for (int i = 0; i < times; i++) {
      List<Integer> count =
          handle.createQuery("execute " + NAME + "('{1,2,3}')").mapTo(Integer.class).list();
      assertEquals(1, count.size());
    }
  }

  private static long planned(Handle handle) {
    return handle
        .createQuery("select custom_plans from pg_prepared_statements where name = :name")
        .bind("name", NAME)
        .mapTo(Long.class)
        .one();
  }

  private static String mode(Handle handle) {
    return handle.createQuery("show plan_cache_mode").mapTo(String.class).one();
  }
}
