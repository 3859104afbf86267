package io.klingtracker.reconcile;

import static io.klingtracker.testing.Rows.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.kling.UnaskedKling;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.Submission;
import io.klingtracker.task.TaskId;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.task.TrackedTask;
import io.klingtracker.task.UpstreamRef;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** One tenant has thousands of silent tasks, most of them made up; another has one. */
class QuestionSharesTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Map<String, String> SETTINGS =
      Map.of("kling.accounts.default.api-key", "key", "tracker.reconcile.rate", "1000000");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final Unknowing kling = new Unknowing();

  @Test
  void a_claim_is_shared_by_the_tenants_who_have_something_due() {
    open("greedy", 3000, true, clock.instant().minusSeconds(100));
    open("quiet", 3, false, clock.instant().minusSeconds(1));
    ReconcileStore store = new ReconcileStore(jdbi, clock, new ReplicaId());

    Map<String, String> asking =
        store.claim(Map.of(), false, 100).stream()
            .collect(Collectors.toMap(Check::taskId, Check::tenant));
    assertEquals(50, asking.values().stream().filter("greedy"::equals).count());
    assertEquals(3, asking.values().stream().filter("quiet"::equals).count());

    // What is asked about counts: the room that is left is for others first.
    open("third", 40, false, clock.instant().minusSeconds(1));
    Map<String, Long> next =
        store.claim(asking, false, 100 - asking.size()).stream()
            .collect(Collectors.groupingBy(Check::tenant, Collectors.counting()));
    assertEquals(Map.of("third", 24L), next);
  }

  @Test
  void a_check_that_is_requested_while_kling_is_asked_is_due_at_once() {
    String task = open("quiet", 1, false, clock.instant().minusSeconds(1)).get(0);
    ReconcileStore store = new ReconcileStore(jdbi, clock, new ReplicaId());
    Instant later = clock.instant().plusSeconds(60);

    Check asked = store.claim(Map.of(), false, 100).get(0);
    jdbi.useHandle(
        h ->
            h.createUpdate("update open_task set next_check_at = :now, checks = 0")
                .bind("now", clock.instant())
                .execute());
    assertEquals(List.of(task), store.reschedule(List.of(Reschedule.notProving(asked, later))));

    Check again = store.claim(Map.of(), false, 100).get(0);
    assertEquals(List.of(), store.reschedule(List.of(Reschedule.notProving(again, later))));
  }

  @Test
  void an_answer_looks_for_more_where_a_tenant_got_all_that_it_may() {
    List<Check> seven = Collections.nCopies(7, check("greedy", null, true, 1));

    assertTrue(Reconciler.leftSome(List.of(), seven, 14));
    assertFalse(Reconciler.leftSome(List.of(), seven, 20));
    // Six are asked about already, so that four more would have been all.
    List<String> six = Collections.nCopies(6, "greedy");
    assertTrue(Reconciler.leftSome(six, seven.subList(0, 4), 14));
    assertFalse(Reconciler.leftSome(six, seven.subList(0, 3), 14));
    assertTrue(Reconciler.leftSome(six, List.of(), 6), "it got nothing, whatever is due");
  }

  @Test
  void who_is_asked_about_and_who_waits() {
    List<Check> checks = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      checks.add(check("greedy", null, true, 1));
      checks.add(check("greedy", null, true, 9));
    }
    checks.add(check("quiet", null, false, 1));
    checks.add(check("quiet", TaskStatus.SUCCEED, false, 1));

    CheckShares.Shares shares = CheckShares.of(checks, Map.of(), 100);

    assertEquals("quiet", shares.asked().get(0).tenant(), "a proof first");
    assertEquals(Urgency.PROOF, shares.asked().get(0).urgency());
    assertTrue(
        shares.asked().subList(1, 3).stream().anyMatch(check -> check.tenant().equals("quiet")));
    long greedy = shares.asked().stream().filter(check -> check.tenant().equals("greedy")).count();
    assertEquals(49, greedy, "half of what is left by the other");
    assertEquals(602, shares.asked().size() + shares.deferred().size());
    assertEquals(
        List.of(), CheckShares.of(checks.subList(0, 600), Map.of("greedy", 50), 100).asked());
  }

  @Test
  void what_kling_never_spoke_of_gets_a_quarter() {
    List<Check> checks = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      checks.add(check("greedy", null, true, 3));
    }
    assertEquals(25, CheckShares.of(checks, Map.of(), 100).asked().size());
    assertEquals(0, CheckShares.of(checks, Map.of("greedy", 25), 100).asked().size());
  }

  @Test
  void an_end_is_known_in_the_pass_that_finds_it_however_many_made_up_ids_are_due() {
    open("greedy", 3000, true, clock.instant().minusSeconds(100));
    String mine = open("quiet", 1, false, clock.instant().minusSeconds(1)).get(0);
    kling.knows.add(mine);

    reconciler().runOnce();

    assertEquals("succeed", text("select status::text from task where id = '" + mine + "'"));
    assertTrue(kling.questions <= 3 + 51, kling.questions + " questions in one pass");
    // The others wait, each for its turn at the rate of the account, and are not counted as asked.
    assertEquals(
        "0",
        text("select max(checks)::text from open_task where next_check_at < now() and checks > 1"));
  }

  @Test
  void a_made_up_id_is_asked_for_ever_less_often_and_ends_after_a_bounded_time() {
    open("greedy", 1, true, clock.instant());
    ReconcileParts reconciler = reconciler();
    int passes = 0;
    while (number(jdbi, "select count(*) from open_task") > 0) {
      reconciler.runOnce();
      clock.advance(Duration.ofMinutes(1));
      passes++;
      assertTrue(passes < 2 * 24 * 60, "it is asked for for ever");
    }
    assertEquals("expired", text("select status::text from task"));
    assertTrue(kling.questions < 40, kling.questions + " questions about one made-up id");
  }

  @Test
  void even_if_a_callback_claims_that_it_ended() {
    open("greedy", 1, true, clock.instant());
    jdbi.useHandle(h -> h.execute("update open_task set proving = 'succeed'"));
    ReconcileParts reconciler = reconciler();
    clock.advance(Duration.ofHours(25));
    reconciler.runOnce();
    assertEquals(0, number(jdbi, "select count(*) from open_task"));
    assertEquals("expired", text("select status::text from task"));
  }

  @Test
  void so_many_tasks_of_others_are_watched_for_a_tenant_and_no_more() {
    Tasks few = TasksOnDatabase.tracking(jdbi, clock, 2);
    Rows.tenants(jdbi, "acme", "zeta");
    assertInstanceOf(Submission.Stored.class, few.track(tracked("acme", "1")));
    assertInstanceOf(Submission.Stored.class, few.track(tracked("acme", "2")));
    assertEquals(new Submission.TooManyTracked(2), few.track(tracked("acme", "3")));
    assertInstanceOf(Submission.Stored.class, few.track(tracked("zeta", "4")));
    jdbi.useHandle(h -> h.execute("delete from open_task where ask_id = '1'"));
    assertInstanceOf(Submission.Stored.class, few.track(tracked("acme", "3")));
  }

  private static TrackedTask tracked(String tenant, String id) {
    return new TrackedTask(tenant, "text2video", "default", null, id, null, "video");
  }

  private static Check check(
      String tenant, @Nullable TaskStatus proving, boolean tracked, int checks) {
    return new Check(
        new UpstreamRef(TaskId.next(Instant.EPOCH), "text2video", "kling-v3", "default"),
        tenant,
        null,
        false,
        tracked,
        "x",
        tracked ? TaskStatus.QUEUED : TaskStatus.SUBMITTED,
        proving,
        0,
        null,
        Instant.EPOCH,
        Instant.EPOCH,
        checks,
        false,
        null,
        Instant.EPOCH);
  }

  private List<String> open(String tenant, int count, boolean tracked, Instant due) {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ids.add(TaskId.next(clock.instant()));
    }
    jdbi.useHandle(
        h -> {
          h.createUpdate(
                  "insert into tenant (id, name, created_at) values (:t, :t, now()) on conflict do nothing")
              .bind("t", tenant)
              .execute();
          h.createUpdate(
                  """
                  with t as (
                    insert into task (id, tenant_id, kind, tracked, model, upstream_model, account, status, previous_status,
                      sequence, feed_position, created_at, updated_at)
                    select id, :tenant, 'text2video', :tracked, 'kling-v3', 'kling-v3', 'default',
                      cast(case when :tracked then 'queued' else 'submitted' end as task_status),
                      cast(case when :tracked then null else 'queued' end as task_status),
                      case when :tracked then 1 else 2 end, 1, :now, :now
                    from unnest(cast(:ids as text[])) as g(id)
                    returning id
                  )
                  insert into open_task (task_id, tenant_id, account, family, slots, next_check_at, tracked, ask_id)
                  select id, :tenant, 'default', 'video', 0, :due, :tracked, case when :tracked then 'made-up-' || id end
                  from t
                  """)
              .bind("tenant", tenant)
              .bind("tracked", tracked)
              .bindArray("ids", String.class, ids)
              .bind("now", clock.instant())
              .bind("due", due)
              .execute();
        });
    return ids;
  }

  private ReconcileParts reconciler() {
    return new ReconcileParts(
        jdbi,
        clock,
        tasks,
        new UpstreamParts(jdbi, clock, tasks, SETTINGS),
        kling,
        new SameThread(),
        SETTINGS);
  }

  private String text(String query) {
    return jdbi.withHandle(h -> h.createQuery(query).mapTo(String.class).findOne().orElse("0"));
  }

  /** A Kling with empty lists that knows few tasks, and those by their external id. */
  private static final class Unknowing extends UnaskedKling {

    private final List<String> knows = new ArrayList<>();
    private int questions;

    @Override
    public CompletionStage<QueryAnswer> query(String account, String path) {
      questions++;
      return CompletableFuture.completedFuture(
          knows.stream()
              .filter(path::contains)
              .findFirst()
              .<QueryAnswer>map(
                  id ->
                      new QueryAnswer.Found(
                          new KlingNews(
                              "878106242831892487",
                              id,
                              KlingStatus.SUCCEED,
                              "succeed",
                              "",
                              null,
                              null,
                              null,
                              null)))
              .orElse(new QueryAnswer.NotFound("Task not found")));
    }

    @Override
    public CompletionStage<ListAnswer> page(String account, String path, int page) {
      questions++;
      return CompletableFuture.completedFuture(new ListAnswer.Found(List.of()));
    }
  }
}
