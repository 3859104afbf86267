package io.klingtracker.dispatch;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.simulator.SimulatorSettings.Duplicates;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.JdbiException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What waited at the time of a backup may have been sent since: nothing is paid twice. */
class RecoveryTest extends HurriedStack {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 14;
  private static final int SENT = 4;

  RecoveryTest() {
    super(DATABASE);
  }

  /** All rows, as a dump has them. */
  private void dump(Handle h) {
    h.execute("drop schema if exists dump cascade");
    h.execute("create schema dump");
    tables(h)
        .forEach(
            table -> h.execute("create table dump.%1$s as table public.%1$s".formatted(table)));
  }

  private static void restore(Handle h) {
    h.execute("set local session_replication_role = replica");
    for (String table : tables(h)) {
      h.execute("delete from public." + table);
      h.execute(
          "insert into public.%1$s overriding system value select * from dump.%1$s"
              .formatted(table));
    }
    h.execute("drop schema dump cascade");
  }

  private static List<String> tables(Handle h) {
    return h.createQuery(
            """
            select table_name from information_schema.tables
            where table_schema = 'public' and table_type = 'BASE TABLE'
              and table_name not in ('flyway_schema_history', 'replica', 'feed_epoch')
            """)
        .mapTo(String.class)
        .list();
  }

  @Test
  void nothing_is_paid_twice_after_a_restore() {
    // A Kling that makes a second task of a second create with the same id.
    stand(simulated(7).duplicates(Duplicates.ACCEPT));
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < TASKS; i++) {
      ids.add(Replica.submit(replicas.get(0).tasks, "acme", "kling-v3", 5));
    }
    jdbi.useTransaction(this::dump);
    run();
    await().atMost(PATIENCE).until(() -> simulator.ledger().accepted() >= SENT);
    replicas.forEach(Replica::kill);
    replicas.forEach(Replica::awaitEnd);
    // Whoever restores waits until what was sent before can arrive no more.
    Instant arrived = clock.instant().plus(LONGEST);
    await().atMost(PATIENCE).until(() -> clock.instant().isAfter(arrived));
    int before = (int) simulator.ledger().accepted();
    jdbi.useTransaction(RecoveryTest::restore);
    assertEquals(TASKS, count("dispatch_queue where sent_at is null"));

    Replica alone = another();
    AtomicBoolean done = new AtomicBoolean();
    Recovery recovery =
        new Recovery(new RecoveryStore(jdbi), List.of("default"), clock, new SimpleMeterRegistry());
    recovery.onDone(() -> done.set(true));
    assertEquals(TASKS, recovery.waiting());
    recovery.begin();
    assertTrue(recovery.isUnderWay());
    await()
        .atMost(PATIENCE)
        .until(
            () -> {
              recovery.runOnce();
              return done.get();
            });
    assertFalse(recovery.isUnderWay());
    assertEquals(before, simulator.ledger().accepted(), "nothing was sent while Kling was asked");

    alone.start();
    await().atMost(PATIENCE).until(() -> isOver(7));
    Map<String, Integer> paid = new TreeMap<>();
    ids.forEach(id -> paid.put(id, simulator.ledger().accepted(id)));
    Map<String, Integer> once = new TreeMap<>();
    ids.forEach(id -> once.put(id, 1));
    assertEquals(once, paid);
  }

  private final TestClock still = new TestClock(Instant.parse("2026-03-31T12:00:00Z"));
  private final AtomicBoolean over = new AtomicBoolean();

  private Recovery recovery(String... accounts) {
    return recovery(new RecoveryStore(jdbi), accounts);
  }

  private Recovery recovery(RecoveryStore store, String... accounts) {
    Recovery recovery = new Recovery(store, List.of(accounts), still, new SimpleMeterRegistry());
    recovery.onDone(() -> over.set(true));
    return recovery;
  }

  private void nobodyHasIt() {
    jdbi.useTransaction(
        h -> {
          h.execute(
              "update dispatch_queue set sent_at = null, doubt = null where sent_at is not null");
          h.execute("delete from open_task");
        });
  }

  private List<String> asked() {
    return Rows.texts(jdbi, "select account || ' ' || task_id from open_task order by 1");
  }

  @Test
  void every_account_is_asked_about_what_was_there_and_nothing_else() {
    Rows.tenants(jdbi, "acme");
    Tasks tasks = TasksOnDatabase.of(jdbi, still);
    String id = GivenTask.of("acme").submit(tasks);
    still.advance(Duration.ofSeconds(1));
    Recovery recovery = recovery("b", "a");
    assertEquals(1, recovery.waiting());
    assertFalse(recovery.runOnce());
    assertEquals(List.of(), asked(), "nobody has begun");
    recovery.begin();
    still.advance(Duration.ofSeconds(1));
    GivenTask.of("acme").submit(tasks);

    recovery.runOnce();
    assertEquals(List.of("a " + id), asked());
    recovery.runOnce();
    assertEquals(List.of("a " + id), asked(), "until Kling has answered");
    nobodyHasIt();
    recovery.runOnce();
    assertEquals(List.of("b " + id), asked());
    assertFalse(over.get());
    nobodyHasIt();
    recovery.runOnce();
    assertTrue(over.get());
    assertEquals(List.of(), asked());
  }

  @Test
  void what_kling_knows_by_no_id_of_ours_waits_for_a_person_and_holds_up_nobody() {
    Rows.tenants(jdbi, "acme");
    Tasks tasks = TasksOnDatabase.of(jdbi, still);
    GivenTask.of("acme")
        .kind("text-to-video")
        .model("kling-4.0")
        .body("{\"prompt\":\"a cat\"}")
        .submit(tasks);
    still.advance(Duration.ofSeconds(1));
    Recovery recovery = recovery("a");
    recovery.begin();

    recovery.runOnce();
    recovery.runOnce();

    assertTrue(over.get());
    assertEquals(1, Rows.count(jdbi, "open_task where unnamed"));
    assertEquals(
        1,
        Rows.count(
            jdbi, "dispatch_queue where sent_at is not null and prompt_hash = sha256('a cat')"));
  }

  private String waits() {
    String id = GivenTask.of("acme").submit(TasksOnDatabase.of(jdbi, still));
    still.advance(Duration.ofSeconds(1));
    return id;
  }

  @Test
  void a_question_that_could_not_be_stored_is_asked_again() {
    Rows.tenants(jdbi, "acme");
    String id = waits();
    Recovery recovery = recovery("a");
    recovery.begin();
    jdbi.useHandle(
        h -> h.execute("alter table open_task add constraint broken check (account <> 'a')"));
    try {
      assertThrows(JdbiException.class, recovery::runOnce);
      assertThrows(JdbiException.class, recovery::runOnce);
    } finally {
      jdbi.useHandle(h -> h.execute("alter table open_task drop constraint broken"));
    }
    assertFalse(over.get(), "nobody was asked");

    recovery.runOnce();
    assertEquals(List.of("a " + id), asked());
    nobodyHasIt();
    recovery.runOnce();
    assertTrue(over.get());
  }

  @Test
  void a_request_that_cannot_be_read_just_now_is_no_request_that_cannot_be_sent() {
    Rows.tenants(jdbi, "acme");
    GivenTask.of("acme")
        .kind("text-to-video")
        .model("kling-4.0")
        .body("{\"prompt\":\"a cat\"}")
        .submit(TasksOnDatabase.of(jdbi, still));
    still.advance(Duration.ofSeconds(1));
    Recovery recovery = recovery("a");
    recovery.begin();
    jdbi.useHandle(h -> h.execute("alter table task_request rename to unread"));
    try {
      assertThrows(JdbiException.class, recovery::runOnce);
    } finally {
      jdbi.useHandle(h -> h.execute("alter table unread rename to task_request"));
    }
    assertFalse(over.get());

    recovery.runOnce();
    recovery.runOnce();
    assertTrue(over.get());
    assertEquals(1, Rows.count(jdbi, "open_task where unnamed"));
  }

  @Test
  void a_request_that_cannot_be_sent_holds_up_nobody() {
    Rows.tenants(jdbi, "acme");
    GivenTask.of("acme")
        .kind("text-to-video")
        .model("kling-4.0")
        .body("{\"prompt\":\"a cat\"}")
        .submit(TasksOnDatabase.of(jdbi, still));
    still.advance(Duration.ofSeconds(1));
    jdbi.useHandle(h -> h.execute("delete from task_request"));
    Recovery recovery = recovery("a", "b");
    recovery.begin();

    recovery.runOnce();

    assertTrue(over.get());
    assertEquals(List.of(), asked());
  }

  @Test
  void a_task_that_kling_is_asked_about_elsewhere_is_not_taken_for_asked() {
    Rows.tenants(jdbi, "acme");
    String open = waits();
    String other = waits();
    jdbi.useHandle(
        h ->
            h.execute(
                """
                insert into open_task (task_id, tenant_id, account, model, family, slots, next_check_at)
                select task_id, tenant_id, 'b', model, family, slots, now() from dispatch_queue
                where task_id = ?
                """,
                open));
    Recovery recovery = recovery("a");
    recovery.begin();

    recovery.runOnce();
    assertEquals(List.of("a " + other, "b " + open), asked());
    nobodyHasIt();
    recovery.runOnce();
    assertEquals(List.of("a " + open), asked());
    assertFalse(over.get());
    nobodyHasIt();
    recovery.runOnce();
    assertTrue(over.get());
  }

  @Test
  void what_comes_back_while_the_others_are_read_is_asked_about_on_the_next_account() {
    Rows.tenants(jdbi, "acme");
    String id = waits();
    AtomicBoolean comesBack = new AtomicBoolean();
    RecoveryStore store =
        new RecoveryStore(jdbi) {
          @Override
          List<Waiting> waiting(String after, String bound, int limit) {
            List<Waiting> page = super.waiting(after, bound, limit);
            if (comesBack.getAndSet(false)) {
              nobodyHasIt();
            }
            return page;
          }
        };
    Recovery recovery = recovery(store, "a", "b");
    recovery.begin();
    recovery.runOnce();
    comesBack.set(true);

    recovery.runOnce();
    assertFalse(over.get(), "b was not asked");

    recovery.runOnce();
    assertEquals(List.of("b " + id), asked());
    nobodyHasIt();
    recovery.runOnce();
    assertTrue(over.get());
  }
}
