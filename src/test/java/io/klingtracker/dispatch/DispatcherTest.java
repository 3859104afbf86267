package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.Doubts;
import io.klingtracker.upstream.KlingAccounts;
import io.klingtracker.upstream.QueueView.QueueStatus;
import io.micrometer.core.instrument.Counter;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of a task under each of Kling's answers, pass by pass, on a clock of our own. */
class DispatcherTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String MODEL = "kling-v3";
  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00.123Z");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final ScriptedKling kling = new ScriptedKling();
  private final Map<String, String> settings = new HashMap<>();
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeEach
  void tenants() {
    jdbi.useHandle(
        h -> {
          h.execute("insert into tenant (id, name, created_at) values ('acme', 'Acme', now())");
          h.execute("insert into tenant (id, name, created_at) values ('other', 'Other', now())");
        });
  }

  @AfterEach
  void close() {
    replicas.forEach(Replica::close);
  }

  @Test
  void an_accepted_task_holds_its_slot_until_it_ends() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica replica = replica();
    String first = submit(replica);
    String second = submit(replica);

    pass(replica);
    pass(replica);
    assertEquals(List.of(first), kling.created);
    assertEquals("submitted", status(first));

    end(replica, first);
    pass(replica);
    assertEquals(List.of(first, second), kling.created);
  }

  @Test
  void slots_survive_a_restart() {
    settings.put("kling.accounts.default.max-parallel", "1");
    Replica before = replica();
    submit(before);
    pass(before);
    Replica after = replica();
    submit(after);

    pass(after);

    assertEquals(1, kling.created.size());
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

  private static CreateAnswer exists(String id) {
    return new CreateAnswer.Exists(1201, id, "External_task_id " + id + " already exists");
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

  @ParameterizedTest
  @CsvSource({"1303, parallel task over resource pack limit", "1302, too many", "5001, closed"})
  void what_kling_puts_off_waits_and_never_fails(int code, String message) {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Throttled(code, message));
    String task = submit(replica);

    pass(replica);
    // Less than the shortest wait, which varies by a fifth.
    clock.advance(Duration.ofMillis(150));
    replica.dispatcher.runOnce();
    settled(replica);
    assertEquals(1, kling.created.size());
    assertEquals("queued", status(task));
    assertTrue(explain(replica, task).reason().contains(message));

    clock.advance(Duration.ofSeconds(2));
    pass(replica);
    assertEquals("submitted", status(task));
  }

  @Test
  void after_1303_fewer_slots_are_used_for_a_while() {
    Replica replica = replica();
    for (int i = 0; i < 3; i++) {
      submit(replica);
    }
    pass(replica);
    kling.creates.add(new CreateAnswer.Throttled(1303, "over"));
    submit(replica);
    pass(replica);

    assertEquals(3, limit(replica));
    pass(replica);
    assertEquals(4, kling.created.size());
  }

  @Test
  void refusals_at_once_are_one_cut_and_the_limit_is_back_within_seconds() {
    Replica replica = replica();
    for (int i = 0; i < 5; i++) {
      kling.creates.add(new CreateAnswer.Throttled(1303, "over"));
      submit(replica);
    }
    pass(replica);

    assertEquals(5, counted(replica, "refusals"));
    assertEquals(1, counted(replica, "cuts"));
    for (int i = 0; i < 20; i++) {
      clock.advance(Duration.ofSeconds(1));
      pass(replica);
    }
    assertEquals(5, limit(replica));
    assertEquals(1, counted(replica, "cuts"));
    assertEquals(0, count("dispatch_queue"));
  }

  private static int counted(Replica replica, String what) {
    return (int)
        replica.meters.find("tracker.dispatch.slots." + what).counters().stream()
            .mapToDouble(Counter::count)
            .sum();
  }

  @Test
  void a_refused_account_is_parked_and_another_goes_on() {
    settings.put("kling.accounts.b.api-key", "key");
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.AccountRefused(1101, "in arrears"));
    String task = submit(replica);

    pass(replica);
    pass(replica);

    assertEquals("submitted", status(task));
    assertEquals(List.of("b", "default"), kling.accounts.stream().sorted().toList());
    KlingAccounts.State parked =
        replica.accounts.all().stream().filter(a -> a.isParked()).findAny().orElseThrow();
    assertEquals(1101, parked.parked().get(0).code());
    assertEquals("in arrears", parked.parked().get(0).reason());
  }

  @Test
  void a_parked_account_is_tried_with_one_task_and_comes_back() {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.AccountRefused(1102, "Account balance not enough"));
    kling.creates.add(new CreateAnswer.AccountRefused(1102, "Account balance not enough"));
    List<String> ids = List.of(submit(replica), submit(replica), submit(replica));
    pass(replica);
    pass(replica);
    int before = kling.created.size();

    clock.advance(Duration.ofMinutes(3));
    pass(replica);
    assertEquals(before + 1, kling.created.size());
    pass(replica);
    pass(replica);

    ids.forEach(id -> assertEquals("submitted", status(id)));
    assertEquals(List.of(), replica.accounts.all().get(0).parked());
  }

  @Test
  void a_paused_account_takes_nothing_until_it_is_resumed() {
    Replica replica = replica();
    assertTrue(replica.accounts.pause("default"));
    String task = submit(replica);
    pass(replica);
    assertEquals("queued", status(task));
    assertTrue(explain(replica, task).reason().contains("paused"));

    assertTrue(replica.accounts.resume("default"));
    pass(replica);
    assertEquals("submitted", status(task));
    assertFalse(replica.accounts.pause("nobody"));
  }

  @Test
  void an_account_that_does_not_answer_is_left_alone() {
    Replica replica = replica();
    for (int i = 0; i < 5; i++) {
      kling.creates.add(new CreateAnswer.NotSent("refused"));
      submit(replica);
    }
    pass(replica);
    String late = submit(replica);
    pass(replica);
    assertEquals(5, kling.created.size());
    assertEquals("open", replica.accounts.all().get(0).breaker());
    assertTrue(explain(replica, late).reason().contains("does not answer"));
    assertEquals(2, breakerShown(replica));

    clock.advance(Duration.ofSeconds(3));
    pass(replica);
    pass(replica);
    assertEquals("closed", replica.accounts.all().get(0).breaker());
    assertEquals(0, breakerShown(replica));
  }

  private static double breakerShown(Replica replica) {
    replica.metrics.accounts(
        replica.accounts.all(), name -> replica.accounts.breaker(name).ordinal());
    return replica.meters.get("tracker.dispatch.breaker").tag("account", "default").gauge().value();
  }

  @Test
  void a_task_of_several_pictures_takes_as_many_slots() {
    settings.put("kling.accounts.default.max-parallel", "9");
    Replica replica = replica();
    clock.advance(Duration.ofMillis(1));
    String five = Replica.submit(replica.tasks, "acme", MODEL, 5, 5, null);
    clock.advance(Duration.ofMillis(1));
    String four = Replica.submit(replica.tasks, "acme", MODEL, 5, 4, null);
    String one = submit(replica);

    pass(replica);
    pass(replica);
    assertEquals(List.of(five, four), kling.created);

    end(replica, four);
    pass(replica);
    assertEquals(List.of(five, four, one), kling.created);
  }

  @Test
  void two_hundred_tasks_keep_five_slots_busy_to_the_end() {
    settings.put("kling.accounts.default.max-parallel", "5");
    Replica replica = replica();
    Random random = new Random(20260131);
    for (int i = 0; i < 200; i++) {
      submit(replica);
    }
    Map<String, Instant> running = new HashMap<>();
    int known = 0;
    int most = 0;
    long busyMillis = 0;
    long wholeMillis = 0;
    replica.dispatcher.runOnce();
    settled(replica);
    while (known < 200 || !running.isEmpty()) {
      for (; known < kling.created.size(); known++) {
        // As long as Kling's own renders take.
        running.put(
            kling.created.get(known), clock.instant().plusMillis(28_000 + random.nextInt(60_000)));
      }
      most = Math.max(most, running.size());
      String next =
          running.entrySet().stream().min(Map.Entry.comparingByValue()).orElseThrow().getKey();
      Duration wait = Duration.between(clock.instant(), running.get(next));
      if (known < 200) {
        wholeMillis += 5 * wait.toMillis();
        busyMillis += running.size() * wait.toMillis();
      }
      clock.advance(wait);
      running.remove(next);
      end(replica, next);
      replica.dispatcher.runOnce();
      settled(replica);
    }

    assertEquals(5, most);
    assertEquals(200, new HashSet<>(kling.created).size());
    assertTrue(busyMillis >= 0.95 * wholeMillis, busyMillis + " of " + wholeMillis + " ms");
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
  void a_waiting_task_can_be_canceled_and_one_that_was_sent_cannot() {
    Replica replica = replica();
    replica.accounts.pause("default");
    String waiting = submit(replica);
    assertTrue(replica.explainer.cancel(waiting));
    assertFalse(replica.explainer.cancel(waiting));
    assertEquals("canceled", status(waiting));

    replica.accounts.resume("default");
    kling.creates.add(new CreateAnswer.Unknown("reset"));
    String sent = submit(replica);
    pass(replica);
    assertFalse(replica.explainer.cancel(sent));
    assertEquals("queued", status(sent));
  }

  @Test
  void a_cancel_and_a_dispatch_at_the_same_time_never_both_win() throws Exception {
    settings.put("kling.accounts.default.max-parallel", "1000");
    settings.put("tracker.dispatch.batch", "7");
    Replica replica = replica();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      ids.add(submit(replica));
    }
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      Future<Set<String>> canceled =
          threads.submit(
              () -> {
                Set<String> won = new HashSet<>();
                for (int i = ids.size() - 1; i >= 0; i--) {
                  if (replica.explainer.cancel(ids.get(i))) {
                    won.add(ids.get(i));
                  }
                }
                return won;
              });
      Callable<Void> dispatch =
          () -> {
            while (count("dispatch_queue where sent_at is null") > 0) {
              pass(replica);
            }
            return null;
          };
      threads.submit(dispatch).get();
      Set<String> won = canceled.get();
      settled(replica);
      Set<String> sent = new HashSet<>(kling.created);

      assertEquals(ids.size(), won.size() + sent.size());
      won.forEach(id -> assertFalse(sent.contains(id), id));
      won.forEach(id -> assertEquals("canceled", status(id)));
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void a_claim_that_was_taken_over_settles_nothing() {
    Replica frozen = replica();
    submit(frozen);
    Claim stale = frozen.store.claim(frozen.accounts::judge, 1).get(0);

    clock.advance(Duration.ofSeconds(31));
    Replica other = replica();
    assertEquals(1, jdbi.withHandle(other.store::freeDead).intValue());
    other.reconciler.runOnce();
    Claim taken = other.store.claim(other.accounts::judge, 1).get(0);

    assertEquals(stale.taskId(), taken.taskId());
    assertFalse(frozen.store.release(stale, clock.instant(), "late"));
    assertFalse(frozen.doubts.begin(stale.taskId(), stale.held(), Doubts.Cause.NO_ANSWER, "late"));
    assertFalse(
        frozen.tasks.refuse(
            stale.taskId(), stale.held(), Source.DISPATCH, new TaskSignal.Failed(1200, "late")));
    assertEquals(0, frozen.store.letGo(List.of()));
    assertEquals(0, other.store.letGo(List.of(taken.taskId())), "in its hands");
    assertTrue(other.doubts.begin(taken.taskId(), taken.held(), Doubts.Cause.NO_ANSWER, "held"));
  }

  @Test
  void creates_of_a_dead_replica_are_asked_about_at_once_and_sent_again_only_when_that_is_safe() {
    Replica dead = replica();
    String arrived = submit(dead);
    String lost = submit(dead);
    List<Claim> stale = dead.store.claim(dead.accounts::judge, 2);
    assertEquals(2, stale.size());
    kling.has.add(arrived);
    Replica other = replica();
    other.reconciler.runOnce();
    assertEquals("queued", status(arrived), "as long as its sender may get the answer");

    assertEquals(2, jdbi.withHandle(other.store::freeDead).intValue());
    other.reconciler.runOnce();
    assertEquals("submitted", status(arrived));
    pass(other);
    assertEquals(List.of(), kling.created, "the other may be on its way still");

    // The first was only paused: it settles nothing.
    for (Claim claim : stale) {
      assertFalse(dead.store.release(claim, clock.instant(), "late"));
    }
    clock.advance(Duration.ofSeconds(31));
    other.reconciler.runOnce();
    pass(other);
    assertEquals(List.of(lost), kling.created);
  }

  @Test
  void what_is_still_being_sent_is_not_sent_again() {
    Replica replica = replica();
    submit(replica);
    Claim claim = replica.store.claim(replica.accounts::judge, 1).get(0);
    for (int i = 0; i < 9; i++) {
      clock.advance(Duration.ofSeconds(10));
      replica.store.letGo(List.of(claim.taskId()));
      replica().reconciler.runOnce();
    }

    assertTrue(replica.store.release(claim, clock.instant(), "Kling refused it"));
  }

  @Test
  void a_claim_of_ours_that_nobody_works_on_is_asked_about() {
    Replica replica = replica();
    String task = submit(replica);
    // The claim's answer was lost with the connection.
    replica.store.claim(replica.accounts::judge, 1);
    kling.has.add(task);

    pass(replica);
    replica.reconciler.runOnce();

    assertEquals("submitted", status(task));
    assertEquals(List.of(), kling.created);
  }

  @Test
  void two_replicas_never_claim_the_same_task() throws Exception {
    settings.put("kling.accounts.default.max-parallel", "1000");
    Replica one = replica();
    Replica two = replica();
    for (int i = 0; i < 200; i++) {
      submit(one);
    }
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      List<Callable<List<String>>> both = List.of(() -> claimAll(one), () -> claimAll(two));
      List<String> claimed = new ArrayList<>();
      for (Future<List<String>> claims : threads.invokeAll(both)) {
        claimed.addAll(claims.get());
      }
      assertEquals(200, claimed.size());
      assertEquals(200, new HashSet<>(claimed).size());
    } finally {
      threads.shutdownNow();
    }
  }

  private List<String> claimAll(Replica replica) {
    List<String> all = new ArrayList<>();
    List<Claim> claims = List.of();
    do {
      claims = replica.store.claim(replica.accounts::judge, 9);
      claims.forEach(claim -> all.add(claim.taskId()));
    } while (!claims.isEmpty());
    return all;
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
  void while_it_is_dispatched_nobody_is_told_that_another_program_submits_it() throws Exception {
    settings.put("kling.accounts.default.max-parallel", "1000");
    Replica replica = replica();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      ids.add(submit(replica));
    }
    ExecutorService reader = Executors.newSingleThreadExecutor();
    try {
      Future<List<String>> read =
          reader.submit(
              () -> {
                List<String> reasons = new ArrayList<>();
                for (boolean all = false; !all; ) {
                  all = count("dispatch_queue") == 0;
                  for (String id : ids) {
                    reasons.add(
                        replica.explainer.explain("acme", id).orElseThrow().queueStatus().reason());
                  }
                }
                return reasons;
              });
      while (count("dispatch_queue") > 0) {
        pass(replica);
      }
      assertFalse(read.get().stream().anyMatch(reason -> reason.contains("another program")));
    } finally {
      reader.shutdownNow();
    }
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

  private Replica replica() {
    Replica replica = new Replica(jdbi, clock, settings, kling);
    replicas.add(replica);
    return replica;
  }

  /** Ids sort by the millisecond. */
  private String submit(Replica replica) {
    clock.advance(Duration.ofMillis(1));
    return Replica.submit(replica.tasks, "acme", MODEL, 5);
  }

  /** One pass of the dispatcher and everything that comes of it. */
  private void pass(Replica replica) {
    clock.advance(Duration.ofMillis(500));
    replica.dispatcher.runOnce();
    settled(replica);
  }

  private static void settled(Replica replica) {
    while (replica.dispatcher.isBusy()) {
      LockSupport.parkNanos(100_000);
    }
  }

  private void end(Replica replica, String taskId) {
    Outcome outcome =
        replica.tasks.apply(
            new News(
                taskId,
                Source.CALLBACK,
                new TaskSignal.Succeed("{}"),
                null,
                null,
                null,
                "succeed"));
    assertTrue(outcome instanceof Outcome.Moved, () -> taskId + " " + outcome);
  }

  private QueueStatus explain(Replica replica, String taskId) {
    return replica(replica).explainer.explain("acme", taskId).orElseThrow().queueStatus();
  }

  /** What explain shows of the slots is up to a second old. */
  private Replica replica(Replica replica) {
    clock.advance(Duration.ofSeconds(1));
    return replica;
  }

  private int limit(Replica replica) {
    return replica.accounts.all().get(0).slots().get(0).limit();
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

  private String status(String taskId) {
    return jdbi.withHandle(
        h ->
            h.createQuery("select status::text from task where id = :id")
                .bind("id", taskId)
                .mapTo(String.class)
                .one());
  }

  private int count(String from) {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from " + from).mapTo(Integer.class).one());
  }

  private String text(String sql) {
    return jdbi.withHandle(h -> h.createQuery(sql).mapTo(String.class).one());
  }

  @Test
  void what_another_has_claimed_meanwhile_is_not_set_aside() {
    Replica replica = replica();
    String task = submit(replica);
    Claim claim = replica.store.claim(replica.accounts::judge, 1).get(0);
    Replica other = replica();

    assertEquals(false, jdbi.withHandle(h -> other.store.lockUnsent(h, task)));
    jdbi.useHandle(h -> other.store.setAside(h, task));
    jdbi.useHandle(h -> other.store.putBack(h, task, clock.instant()));

    assertTrue(
        replica.doubts.begin(task, claim.held(), Doubts.Cause.NO_ANSWER, "its claim still holds"));
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
}
