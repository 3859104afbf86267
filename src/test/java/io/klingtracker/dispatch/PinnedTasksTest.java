package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.task.GivenTask;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Tasks that name what one account has: they go there, hold nobody up, and get their turn. */
class PinnedTasksTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Map<String, String> SETTINGS =
      Map.of(
          "kling.accounts.default.max-parallel", "2",
          "kling.accounts.second.api-key", "key",
          "kling.accounts.second.base-url", "http://localhost:1",
          "kling.accounts.second.max-parallel", "2");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final ScriptedKling kling = new ScriptedKling();
  private final Replica replica = new Replica(jdbi, clock, SETTINGS, kling);

  @BeforeEach
  void tenants() {
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into tenant (id, name, created_at) values ('acme', 'Acme', now()),"
                    + " ('busy', 'Busy', now())"));
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void it_goes_to_its_account_and_waits_for_that_alone() {
    List<String> pinned = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      pinned.add(submit("acme", "second"));
    }
    String free = submit("acme", null);
    pass();

    assertEquals(3, kling.created.size());
    assertTrue(kling.created.containsAll(List.of(pinned.get(0), pinned.get(1), free)));
    assertEquals("default", kling.accounts.get(kling.created.indexOf(free)));
    assertEquals("second", kling.accounts.get(kling.created.indexOf(pinned.get(0))));
    assertEquals(
        "what it names is on account second: all 2 slots of kling-v3 are in use",
        replica.explainer.explain("acme", pinned.get(2)).orElseThrow().queueStatus().reason());

    // One more for anybody passes by those that wait.
    submit("acme", null);
    pass();
    assertEquals(4, kling.created.size());
    assertEquals("default", kling.accounts.get(3));
    end(pinned.get(0));
    pass();
    assertEquals(pinned.get(2), kling.created.get(4));
  }

  @Test
  void it_gets_the_first_slot_of_its_account_however_much_others_want_it() {
    for (int i = 0; i < 40; i++) {
      submit("busy", null);
    }
    pass();
    assertEquals(4, kling.created.size());
    String pinned = submit("acme", "second");
    submit("acme", null);
    // Slots of the other account alone become free: they are the others'.
    for (int i = 0; i < 5; i++) {
      end(running("default"));
      pass();
      assertTrue(!kling.created.contains(pinned));
    }

    end(running("second"));
    pass();

    assertEquals(pinned, kling.created.get(kling.created.size() - 1));
    assertEquals("second", kling.accounts.get(kling.accounts.size() - 1));
  }

  @Test
  void one_tenant_s_flood_to_an_account_leaves_others_their_turns_there() {
    for (int i = 0; i < 40; i++) {
      submit("busy", "second");
    }
    for (int i = 0; i < 10; i++) {
      submit("acme", "second");
    }
    pass();
    for (int i = 0; i < 8; i++) {
      end(running("second"));
      pass();
    }

    assertEquals(
        5,
        jdbi.withHandle(
                h ->
                    h.createQuery(
                            "select count(*) from task where tenant_id = 'acme' and status <>"
                                + " 'queued'")
                        .mapTo(Integer.class)
                        .one())
            .intValue());
  }

  @Test
  void one_whose_account_is_gone_waits_with_the_reason_and_holds_nobody_up() {
    String lost = submit("acme", "third");
    String free = submit("acme", null);
    pass();

    assertEquals(List.of(free), kling.created);
    assertEquals(
        "what it names is on account third: no account takes tasks of kling-v3 now: account third"
            + " is not configured",
        replica.explainer.explain("acme", lost).orElseThrow().queueStatus().reason());
    assertEquals(
        "it fails, unsent, unless account third is configured again within 60 minutes",
        replica.explainer.explain("acme", lost).orElseThrow().queueStatus().next());
  }

  @Test
  void one_whose_account_stays_gone_fails_unsent_after_an_hour_and_nothing_else_does() {
    String early = submit("acme", "third");
    String here = submit("acme", "second");
    String any = submit("acme", null);
    clock.advance(Duration.ofHours(2));
    GoneAccounts gone = gone();
    // This replica has just begun: the configuration may be on its way.
    clock.advance(Duration.ofMinutes(59));
    gone.run();
    assertEquals("queued", status(early));
    String late = submit("acme", "third");

    clock.advance(Duration.ofMinutes(2));
    gone.run();

    assertEquals("failed", status(early));
    assertEquals(
        "no such Kling account any more: third, which has what the task names; nothing was sent to"
            + " Kling",
        text(jdbi, "select status_message from task where id = '" + early + "'"));
    for (String other : List.of(here, any, late)) {
      assertEquals("queued", status(other));
    }
    clock.advance(Duration.ofHours(1));
    gone.run();
    assertEquals("failed", status(late));
    pass();
    assertEquals(Set.of(here, any), Set.copyOf(kling.created));
  }

  @Test
  void one_that_was_sent_is_no_task_of_a_gone_account_to_be_ended() {
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String sent = submit("acme", "second");
    pass();
    jdbi.useHandle(h -> h.execute("update dispatch_queue set pinned_to = 'third'"));
    GoneAccounts gone = gone();
    clock.advance(Duration.ofHours(2));

    gone.run();

    assertEquals("queued", status(sent));
  }

  private GoneAccounts gone() {
    return new GoneAccounts(
        jdbi, replica.tasks, Replica.config(SETTINGS).getConfigMapping(KlingConfig.class), clock);
  }

  private String status(String task) {
    return Rows.status(jdbi, task);
  }

  private String running(String account) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "select o.task_id from open_task o where o.account = :account order by"
                        + " o.task_id limit 1")
                .bind("account", account)
                .mapTo(String.class)
                .one());
  }

  private void end(String taskId) {
    jdbi.useHandle(h -> h.execute("delete from open_task where task_id = ?", taskId));
    clock.advance(Duration.ofMillis(1));
  }

  private String submit(String tenant, String account) {
    // Ids sort by the millisecond.
    clock.advance(Duration.ofMillis(1));
    return GivenTask.of(tenant)
        .body("{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\"}")
        .account(account)
        .submit(replica.tasks);
  }

  private void pass() {
    replica.dispatcher.runOnce();
    while (replica.dispatcher.isBusy()) {
      LockSupport.parkNanos(100_000);
    }
  }
}
