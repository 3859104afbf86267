package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.number;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.callback.ReceiptStore.Kept;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is kept of a receipt, and what that costs. */
class ReceiptStoreTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String LOOKS =
      "select coalesce(seq_scan, 0) + coalesce(idx_scan, 0) from pg_stat_xact_user_tables where relname = 'task'";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);

  @BeforeEach
  void tenant() {
    GivenTasks.tenant(jdbi);
  }

  private Receipt receipt(String task, String body) {
    return Receipt.of(
        task, body.getBytes(StandardCharsets.UTF_8), "{}", true, null, clock.instant());
  }

  @Test
  void a_receipt_is_kept_as_long_as_there_is_its_task() {
    String task = GivenTasks.stored(tasks);
    Receipt mine = receipt(task, "{}");
    Receipt again = receipt(task, "{ }");
    Receipt nobodys = receipt("gone", "{}");

    Map<String, Kept> kept = new ReceiptStore(jdbi).keep(List.of(mine, again, nobodys), Set.of());

    assertEquals(
        Map.of(mine.key(), Kept.STORED, again.key(), Kept.STORED, nobodys.key(), Kept.REMOVED),
        kept);
    assertEquals(2, number(jdbi, "select count(*) from callback_receipt"));
  }

  @Test
  void each_receipts_task_is_looked_for_once() {
    assertEquals(1, looks(GivenTasks.stored(tasks)));
    assertEquals(1, looks("gone"));
  }

  private int looks(String task) {
    return jdbi.inTransaction(
        handle -> {
          Jdbi same =
              Jdbi.create(handle.getConnection())
                  .registerArrayType(String.class, "text")
                  .registerArrayType(Integer.class, "int4");
          int before = handle.createQuery(LOOKS).mapTo(Integer.class).one();
          new ReceiptStore(same).keep(List.of(receipt(task, "{}")), Set.of());
          return handle.createQuery(LOOKS).mapTo(Integer.class).one() - before;
        });
  }
}
