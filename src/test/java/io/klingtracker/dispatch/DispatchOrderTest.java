package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.QueueView.QueueStatus;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** In which order tasks are sent, until when, and what is told of it. */
class DispatchOrderTest extends DispatcherRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  DispatchOrderTest() {
    super(DATABASE);
  }

  @Test
  void a_deadline_that_passes_in_the_queue_fails_the_task_unsent() {
    Replica replica = replica();
    replica.accounts.pause("default");
    String task =
        Replica.submit(replica.tasks, "acme", MODEL, 5, 1, clock.instant().plusSeconds(10));

    clock.advance(Duration.ofSeconds(10));
    pass(replica);

    assertEquals("failed", status(task));
    assertEquals(List.of(), kling.created);
    assertEquals("deadline", text("select source from task_event where sequence = 2"));
  }

  @Test
  void a_deadline_does_not_fail_what_may_have_arrived() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String task =
        Replica.submit(replica.tasks, "acme", MODEL, 5, 1, clock.instant().plusSeconds(10));
    pass(replica);

    clock.advance(Duration.ofSeconds(11));
    replica.reconciler.runOnce();
    pass(replica);
    assertEquals("queued", status(task));

    clock.advance(Duration.ofSeconds(30));
    replica.reconciler.runOnce();
    pass(replica);
    assertEquals("failed", status(task));
    assertEquals(1, kling.created.size());
  }

  @Test
  void priority_goes_before_age_and_age_before_all_else() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    String old = submit(replica);
    String young = submit(replica);
    clock.advance(Duration.ofMillis(1));
    String urgent = Replica.submit(replica.tasks, "acme", MODEL, 9);
    String idle = Replica.submit(replica.tasks, "acme", MODEL, 1);
    assertEquals(1, explain(replica, urgent).position());
    assertEquals(4, explain(replica, idle).position());

    for (int i = 0; i < 4; i++) {
      pass(replica);
      end(replica, kling.created.get(i));
    }

    assertEquals(List.of(urgent, old, young, idle), kling.created);
  }

  @Test
  void a_tenant_with_ten_thousand_tasks_does_not_delay_another_s_first() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    flood("acme", 10_000);
    for (int i = 0; i < 5; i++) {
      pass(replica);
      end(replica, kling.created.get(i));
    }
    String single = Replica.submit(replica.tasks, "other", MODEL, 5);

    for (int i = 5; i < 7; i++) {
      pass(replica);
      end(replica, kling.created.get(i));
    }

    int place = kling.created.subList(5, 7).indexOf(single) + 1;
    System.out.printf(
        "fairness: 10,000 queued beside it, the other tenant's task was number %d%n", place);
    assertTrue(place == 1 || place == 2, kling.created.toString());
  }

  @Test
  void tasks_that_are_put_off_do_not_hide_other_tenants() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.NotSent("refused"));
    submit(replica);
    pass(replica);
    String other = Replica.submit(replica.tasks, "other", MODEL, 5);

    pass(replica);

    assertEquals("submitted", status(other));
  }

  @Test
  void a_position_and_an_estimate_come_from_render_times() {
    settings.put("kling.accounts.default.max-parallel", "2");
    Replica replica = replica();
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into sample (series, name, model, slot, millis, at)"
                    + " values ('render', 'text2video', 'kling-v3', 0, 60000, now())"));
    submit(replica);
    submit(replica);
    pass(replica);
    submit(replica);
    String last = submit(replica);

    QueueStatus queueStatus = explain(replica, last);

    assertEquals(2, queueStatus.position());
    assertEquals(clock.instant().plusSeconds(60), queueStatus.estimatedDispatchAt());
    assertEquals(clock.instant().plusSeconds(120), queueStatus.estimatedFinishAt());
    assertTrue(queueStatus.reason().contains("all 2 slots"), queueStatus.reason());
    assertEquals(queueStatus, replica.explainer.find("acme", last).orElseThrow().queueStatus());
    assertTrue(replica.explainer.find("acme", "none").isEmpty());
    QueueStatus running = explain(replica, kling.created.get(0));
    assertNull(running.position());
    assertNotNull(running.next());
  }

  @Test
  void a_task_that_is_not_asked_about_any_more_says_why() {
    Replica replica = replica();
    String task = submit(replica);
    pass(replica);
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into set_aside (kind, key, task_id, reason, attempts, at)"
                    + " values ('check', ?, ?, 'too large a number', 1, now())",
                task,
                task));

    QueueStatus queueStatus = explain(replica, task);

    assertNull(queueStatus.nextAt());
    assertTrue(queueStatus.next().contains("(too large a number)"), queueStatus.next());
    assertTrue(queueStatus.next().contains("check:" + task + "/retry"), queueStatus.next());
    jdbi.useHandle(h -> h.execute("delete from set_aside where key = ?", task));
  }

  private void flood(String tenant, int tasks) {
    jdbi.useHandle(
        h -> {
          h.createUpdate(
                  """
                  insert into task (id, tenant_id, kind, model, upstream_model, status, sequence, feed_position,
                    created_at, updated_at)
                  select 'task_' || lpad(i::text, 26, '0'), :tenant, 'text2video', :model, :model, 'queued', 1, 0,
                    now(), now()
                  from generate_series(1, :tasks) i
                  """)
              .bind("tenant", tenant)
              .bind("model", MODEL)
              .bind("tasks", tasks)
              .execute();
          h.execute("insert into task_request (task_id, body) select id, '{}' from task");
          h.createUpdate(
                  """
                  insert into dispatch_queue (task_id, tenant_id, model, family, due_at)
                  select id, tenant_id, upstream_model, 'video', :now from task
                  """)
              .bind("now", clock.instant())
              .execute();
        });
  }
}
