package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.Doubts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who may send a task when others want it too: a cancel, a replica that lives, one that died. */
class DispatchClaimsTest extends DispatcherRig {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  DispatchClaimsTest() {
    super(DATABASE);
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
      replica.settled();
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

  private List<String> claimAll(Replica replica) {
    List<String> all = new ArrayList<>();
    List<Claim> claims = List.of();
    do {
      claims = replica.store.claim(replica.accounts::judge, 9);
      claims.forEach(claim -> all.add(claim.taskId()));
    } while (!claims.isEmpty());
    return all;
  }
}
