package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What becomes of a task under each of Kling's answers to its create, and without one. */
class CreateAnswersTest extends DispatcherRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  CreateAnswersTest() {
    super(DATABASE);
  }

  @Test
  void an_unknown_create_is_found_by_our_id_and_not_sent_again() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("read timeout"));
    String task = submit(replica);
    kling.queries.add(new QueryAnswer.Found(ScriptedKling.news(task)));

    pass(replica);
    assertEquals("queued", status(task));
    assertTrue(explain(replica, task).reason().contains("read timeout"));

    replica.reconciler.runOnce();
    assertEquals("submitted", status(task));
    assertEquals(1, kling.created.size());
  }

  @Test
  void an_unknown_create_is_found_in_kling_s_lists() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    kling.listed.add(ScriptedKling.news(task));

    pass(replica);
    replica.reconciler.runOnce();
    clock.advance(Duration.ofSeconds(30));
    replica.reconciler.runOnce();

    assertEquals("submitted", status(task));
    assertEquals(1, kling.created.size());
  }

  @Test
  void a_task_that_had_ended_when_it_was_looked_up_is_booked_like_any_other() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    pass(replica);
    kling.queries.add(
        new QueryAnswer.Found(
            new KlingNews(
                "878106242831892487",
                task,
                KlingStatus.SUCCEED,
                "succeed",
                "",
                "{\"videos\":[{\"url\":\"https://evil.example/v.mp4\"}]}",
                null,
                null,
                null)));

    replica.reconciler.runOnce();

    assertEquals("succeed", status(task));
    assertEquals(
        "default 1 1",
        text("select account || ' ' || expected || ' ' || lost from callback_ledger"));
    assertEquals("poll", text("select source from task_news where reason = 'result-host'"));
  }

  @Test
  void what_kling_does_not_have_is_sent_again_after_the_safety_delay() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    pass(replica);

    replica.reconciler.runOnce();
    clock.advance(Duration.ofSeconds(28));
    replica.reconciler.runOnce();
    pass(replica);
    assertEquals(1, kling.created.size());

    clock.advance(Duration.ofSeconds(2));
    replica.reconciler.runOnce();
    pass(replica);
    assertEquals(List.of(task, task), kling.created);
    assertEquals("submitted", status(task));
  }

  @Test
  void already_exists_is_adopted_by_a_query() {
    Replica replica = replica();
    String task = submit(replica);
    kling.creates.add(exists(task));
    kling.queries.add(new QueryAnswer.Found(ScriptedKling.news(task)));

    pass(replica);
    replica.reconciler.runOnce();

    assertEquals("submitted", status(task));
  }

  @Test
  void what_kling_says_it_has_is_never_sent_again() {
    Replica replica = replica();
    String task = submit(replica);
    kling.creates.add(exists(task));
    pass(replica);
    for (int i = 0; i < 5; i++) {
      replica.reconciler.runOnce();
      clock.advance(Duration.ofHours(1));
      pass(replica);
    }

    assertEquals("queued", status(task));
    assertTrue(explain(replica, task).reason().contains("does not show it"));
    assertEquals(1, kling.created.size());
  }

  @Test
  void that_something_else_exists_is_a_refusal() {
    Replica replica = replica();
    String task = submit(replica);
    kling.creates.add(exists(task + "0"));

    pass(replica);

    assertEquals("failed", status(task));
    assertEquals(0, count("open_task"));
  }

  @Test
  void what_a_gateway_turns_away_holds_no_slot_and_ends() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    String odd = submit(replica);
    for (int i = 1; i < CreateSettler.MAX_TURNED_AWAY; i++) {
      kling.creates.add(new CreateAnswer.TurnedAway("HTTP 403"));
      pass(replica);

      assertEquals(i, kling.created.size());
      assertEquals("queued", status(odd));
      assertEquals(0, count("open_task"));
      String reason = String.valueOf(explain(replica, odd).reason());
      assertTrue(reason.contains("HTTP 403"), reason);
      clock.advance(Duration.ofMinutes(2));
    }
    kling.creates.add(new CreateAnswer.TurnedAway("HTTP 403"));
    String next = submit(replica);
    pass(replica);
    pass(replica);

    assertEquals("failed", status(odd));
    assertEquals(
        "not accepted, turned away before Kling 8 times: HTTP 403",
        replica.tasks.find("acme", odd).orElseThrow().statusMessage());
    assertEquals("submitted", status(next));
    assertEquals(1, count("open_task"));
  }

  @Test
  void what_passes_a_gateway_later_is_accepted() {
    Replica replica = replica();
    String task = submit(replica);
    for (int i = 0; i < 3; i++) {
      // What Kling itself defers is not counted among them.
      for (int j = 0; j < 10; j++) {
        kling.creates.add(new CreateAnswer.Throttled(5001, "maintenance"));
        pass(replica);
        clock.advance(Duration.ofMinutes(10));
      }
      kling.creates.add(new CreateAnswer.TurnedAway("HTTP 302"));
      pass(replica);
      clock.advance(Duration.ofMinutes(10));
    }
    pass(replica);

    assertEquals("submitted", status(task));
  }

  @Test
  void a_callback_settles_what_was_unknown() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task = submit(replica);
    pass(replica);

    replica.tasks.apply(
        new News(
            task, Source.CALLBACK, new TaskSignal.Processing(), "123", null, null, "processing"));
    clock.advance(Duration.ofMinutes(5));
    pass(replica);

    assertEquals("processing", status(task));
    assertEquals(1, kling.created.size());
  }

  @Test
  void a_refusal_fails_the_task_with_kling_s_code_and_words() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Refused(1301, "content policy"));
    String task = submit(replica);

    pass(replica);

    Task failed = replica.tasks.find("acme", task).orElseThrow();
    assertEquals(TaskStatus.FAILED, failed.status());
    assertEquals(1301, failed.errorCode());
    assertEquals("content policy", failed.statusMessage());
    assertEquals(0, count("open_task"));
    assertEquals(0, count("dispatch_queue"));
    assertEquals(2, count("task_event"));
  }

  @Test
  void an_acceptance_counts_where_the_step_that_it_proves_is_not_known_yet() {
    Replica first = replica();
    submit(first);
    first.accounts.judge(first.pools.snapshot());
    jdbi.useHandle(
        h ->
            h.execute(
                """
                insert into account_pool (account, family, model, lowered_to, good, step, proved, lowerings, credit,
                  epoch, raise_at) values ('default', 'video', ?, 3, 2, 1, false, 1, 0, 4, ?)
                """,
                MODEL,
                clock.instant().plusSeconds(600)));
    Replica other = replica();
    Claim claim = other.store.claim(other.accounts::judge, 1).get(0);
    assertEquals(4, claim.epoch());

    first.accounts.accepted(claim);

    assertEquals(
        true,
        jdbi.withHandle(
            h -> h.createQuery("select proved from account_pool").mapTo(Boolean.class).one()));
  }

  private static CreateAnswer exists(String id) {
    return new CreateAnswer.Exists(1201, id, "External_task_id " + id + " already exists");
  }
}
