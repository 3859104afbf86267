package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.http.LargeBodyWork;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Refusal;
import io.klingtracker.share.Share;
import io.klingtracker.task.ClaimToken;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Large bodies are loaded as many at a time as there is memory for; small ones pass them. */
class BodyRoomTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00.123Z");
  private static final int LARGE = 200_000;

  /** For two of those at a time. */
  private static final long MOST = 2L * LARGE * BodyRoom.COPIES + 10_000;

  private static final String MODEL = "kling-v3";
  private static final String OTHER_MODEL = "kling-v2-6";

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final ScriptedKling kling = new ScriptedKling();
  private final LargeBodyWork work = work(MOST);
  private final BodyRoom room = new BodyRoom(work);
  private final List<Replica> replicas = new ArrayList<>();

  /** Room of a size of its own. */
  static BodyRoom room(long most) {
    return new BodyRoom(work(most));
  }

  private static LargeBodyWork work(long most) {
    Bound bound =
        new Bound(
            "large-body-copies",
            "bytes",
            most,
            0,
            false,
            ErrorCode.RATE_LIMITED,
            Duration.ofSeconds(1));
    return new LargeBodyWork(new Share(bound, System::nanoTime, refusal -> {}));
  }

  @BeforeEach
  void tenants() {
    jdbi.useHandle(
        h -> {
          for (String tenant : List.of("big", "huge", "small")) {
            h.execute(
                "insert into tenant (id, name, created_at) values (?, ?, now())", tenant, tenant);
          }
        });
  }

  @AfterEach
  void close() {
    replicas.forEach(Replica::close);
  }

  @Test
  void as_many_are_claimed_as_there_is_memory_for_those_under_way_included() {
    Replica replica = replica(100);
    List<String> tasks = large(replica, "big", 5, LARGE);

    List<Claim> first = claim(replica);
    assertEquals(tasks.subList(0, 2), ids(first));
    first.forEach(claim -> assertEquals(claim.body().length(), claim.bytes()));
    first.forEach(room::hold);
    assertEquals(List.of(), claim(replica));

    assertTrue(room.release(first.get(0)), "somebody waits for it");
    List<Claim> next = claim(replica);
    assertEquals(tasks.subList(2, 3), ids(next));
    assertEquals(3, number(jdbi, "select count(*) from open_task"), "only claims hold slots");
  }

  @Test
  void what_callers_send_takes_of_the_same_memory() {
    Replica replica = replica(100);
    List<String> tasks = large(replica, "big", 1, LARGE);
    Permit sent = work.enter("caller", MOST - LARGE).orThrow();

    assertEquals(List.of(), claim(replica));
    sent.close();
    List<Claim> claimed = claim(replica);
    assertEquals(tasks, ids(claimed));
    claimed.forEach(room::hold);
    assertInstanceOf(Refusal.class, work.enter("caller", MOST - LARGE));
    claimed.forEach(room::release);
    work.enter("caller", MOST).orThrow().close();
  }

  @Test
  void what_was_chosen_and_not_claimed_is_given_back_by_the_next_choice() {
    assertTrue(room.pass().takes("big", LARGE));
    assertInstanceOf(Refusal.class, work.enter("caller", MOST));
    assertTrue(room.pass().takes("big", 100));
    work.enter("caller", MOST).orThrow().close();
  }

  @Test
  void one_that_is_larger_than_all_memory_passes_alone() {
    Replica replica = replica(100);
    List<String> huge = large(replica, "big", 2, 3 * LARGE);

    List<Claim> first = claim(replica);
    assertEquals(huge.subList(0, 1), ids(first));
    first.forEach(room::hold);
    assertEquals(List.of(), claim(replica));
    first.forEach(room::release);
    assertEquals(huge.subList(1, 2), ids(claim(replica)));
  }

  /** With a single slot: a queue whose turn it is, but whose body has no room, hides nobody. */
  @Test
  void large_ones_stall_no_small_ones_and_keep_their_turn() {
    Replica replica = replica(1);
    room.hold(held("elsewhere", 2 * LARGE));
    List<String> large = large(replica, "big", 1, LARGE);
    large(replica, "huge", 1, 3 * LARGE);
    String others = submit(replica, "small");

    assertEquals(List.of(others), ids(claim(replica)));
    jdbi.useHandle(h -> h.execute("delete from open_task"));

    room.release(held("elsewhere", 2 * LARGE));
    assertEquals(large, ids(claim(replica)));
  }

  @Test
  void a_small_one_passes_a_large_one_of_its_own_tenant() {
    Replica replica = replica(2);
    room.hold(held("elsewhere", 2 * LARGE));
    large(replica, "big", 1, LARGE);
    String own = submit(replica, "big");

    assertEquals(List.of(own), ids(claim(replica)));
  }

  /**
   * The other model is claimed for in the same pass, and its bodies are small enough to slip in.
   */
  @Test
  void nobody_takes_the_room_from_a_tenant_that_waited_for_it_first() {
    Replica replica = replica(100);
    String[] running = {"one", "two"};
    for (String one : running) {
      room.hold(held(one, LARGE));
    }
    String huge = large(replica, "huge", 1, 2 * LARGE).get(0);
    assertEquals(List.of(), claim(replica));
    clock.advance(Duration.ofMillis(1));
    List<String> more = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      more.add(submit(replica, "big", OTHER_MODEL, LARGE / 2));
    }

    room.release(held("one", LARGE));
    assertEquals(List.of(), claim(replica), "there would be room for a smaller one");
    room.release(held("two", LARGE));
    List<Claim> first = claim(replica);
    assertEquals(List.of(huge), ids(first));
    first.forEach(room::hold);
    assertEquals(List.of(), claim(replica));
    first.forEach(room::release);
    assertEquals(more, ids(claim(replica)));
  }

  @Test
  void all_are_sent_in_the_end_and_none_is_held_any_more() {
    Replica replica = replica(100);
    Set<String> tasks = new HashSet<>(large(replica, "big", 7, LARGE));
    tasks.addAll(large(replica, "huge", 3, 3 * LARGE));
    tasks.add(submit(replica, "small"));

    for (int i = 0; i < 20; i++) {
      pass(replica);
    }

    assertEquals(tasks, new HashSet<>(kling.created));
    assertEquals(tasks.size(), kling.created.size());
    assertFalse(room.release(held(kling.created.get(0), LARGE)));
  }

  @Test
  void a_large_one_that_did_not_arrive_goes_through_its_queue_again() {
    Replica replica = replica(100);
    String task = large(replica, "big", 1, LARGE).get(0);
    kling.creates.add(new CreateAnswer.Unknown("read timeout"));
    pass(replica);
    assertEquals(1, number(jdbi, "select count(*) from open_task"));

    clock.advance(Duration.ofMinutes(1));
    replica.reconciler.runOnce();
    pass(replica);

    assertEquals(List.of(task, task), kling.created);
    assertEquals(1, number(jdbi, "select count(*) from task where status = 'submitted'"));
  }

  private Replica replica(int slots) {
    Replica replica =
        new Replica(
            jdbi,
            clock,
            Map.of("kling.accounts.default.max-parallel", Integer.toString(slots)),
            kling,
            room);
    replicas.add(replica);
    return replica;
  }

  private List<Claim> claim(Replica replica) {
    return replica.store.claim(replica.accounts::judge, 50);
  }

  private static List<String> ids(List<Claim> claims) {
    return claims.stream().map(Claim::taskId).toList();
  }

  private List<String> large(Replica replica, String tenant, int count, int bytes) {
    List<String> tasks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      tasks.add(submit(replica, tenant, MODEL, bytes));
    }
    return tasks;
  }

  private String submit(Replica replica, String tenant) {
    return submit(replica, tenant, MODEL, 0);
  }

  /** The text is as compressible as can be: what counts is its length, not what is stored. */
  private String submit(Replica replica, String tenant, String model, int bytes) {
    clock.advance(Duration.ofMillis(1));
    String task = Replica.submit(replica.tasks, tenant, model, 5);
    jdbi.useHandle(
        h ->
            h.execute(
                "update task_request set body = left(body, -1) || ',\"image\":\"' || repeat('A', ?) || '\"}' where task_id = ?",
                Math.max(0, bytes - 100),
                task));
    return task;
  }

  private static Claim held(String task, int bytes) {
    return new Claim(
        new UpstreamRef(task, "text2video", null, "default"),
        null,
        bytes,
        MODEL,
        "video",
        1,
        new ClaimToken("o", 1),
        0,
        NOW,
        null,
        false);
  }

  private void pass(Replica replica) {
    clock.advance(Duration.ofMillis(500));
    replica.dispatch();
  }
}
