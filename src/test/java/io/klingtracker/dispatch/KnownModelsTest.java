package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.task.GivenTask;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Names that callers invent are no pools, turns or labels of their own. */
class KnownModelsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final ScriptedKling kling = new ScriptedKling();
  private final Replica replica =
      new Replica(jdbi, clock, Map.of("kling.models.house", "house-upstream"), kling);

  @BeforeEach
  void tenant() {
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into tenant (id, name, created_at, models) values"
                    + " ('acme', 'Acme', now(), '{\"own\":\"own-upstream\"}')"));
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void invented_names_share_the_slots_of_one_pool() {
    for (int i = 0; i < 30; i++) {
      submit("invented-" + i, "other");
    }
    pass();
    pass();

    assertEquals(5, kling.created.size());
    assertEquals(
        List.of("video other 5 5"),
        replica.accounts.all().get(0).slots().stream()
            .map(s -> s.family() + " " + s.model() + " " + s.used() + " " + s.limit())
            .toList());
    assertEquals(List.of("other"), texts(jdbi, "select distinct model from dispatch_turn"));
    assertEquals(
        List.of("invented-0"),
        texts(
            jdbi,
            "select t.upstream_model from open_task o join task t on t.id = o.task_id order by t.id limit 1"));
  }

  @Test
  void what_waits_or_runs_under_a_name_that_is_not_known_any_more_is_put_under_one_pool() {
    for (int i = 0; i < 8; i++) {
      submit("invented-" + i, null);
    }
    pass();
    assertEquals(8, kling.created.size(), "as long as it was known");
    for (int i = 8; i < 20; i++) {
      submit("invented-" + i, null);
    }
    for (String known : List.of("kling-v3", "house-upstream", "own-upstream")) {
      submit(known, null);
    }
    jdbi.useHandle(
        h -> {
          h.execute(
              "insert into sample (series, name, model, slot, millis, at) select 'render', 'effects', m, 1, 1, now()"
                  + " from unnest(array['invented-1', '', 'kling-v3', 'house-upstream']) m");
          h.execute(
              "insert into account_pool (account, family, model, lowered_to) select 'default', 'video', m, 1"
                  + " from unnest(array['invented-1', '', 'kling-v3']) m");
          h.execute(
              "insert into dispatch_turn (family, model, tenant_id, turn)"
                  + " select 'video', 'idle-' || i, 'acme', i from generate_series(1, 800) i");
        });

    replica.sweep.run();

    assertEquals(
        List.of("house-upstream", "kling-v3", "other", "own-upstream"),
        texts(jdbi, "select distinct model from dispatch_queue where sent_at is null order by 1"));
    assertEquals(
        List.of("other 8"),
        texts(jdbi, "select model || ' ' || sum(slots) from open_task group by model"));
    assertEquals(
        List.of("house-upstream", "kling-v3"), texts(jdbi, "select model from sample order by 1"));
    assertEquals(List.of("", "kling-v3"), texts(jdbi, "select model from account_pool order by 1"));
    assertEquals(List.of(), texts(jdbi, "select model from dispatch_turn"));

    pass();
    // The eight that run hold more than the pool's slots, so that of the rest only the known go.
    assertEquals(11, kling.created.size());
    // Sent under its own name all the same.
    assertEquals(
        List.of("invented-8"),
        texts(
            jdbi,
            "select t.upstream_model from dispatch_queue q join task t on t.id = q.task_id"
                + " where q.sent_at is null order by t.id limit 1"));
  }

  @Test
  void that_one_invented_name_has_no_right_parks_nobody_else() {
    kling.creates.add(new CreateAnswer.AccountRefused(1103, "no right"));
    String first = submit("invented", "other");
    pass();
    assertEquals(
        List.of("failed"), texts(jdbi, "select status::text from task where id = '" + first + "'"));

    submit("another", "other");
    pass();
    assertEquals(2, kling.created.size());
    assertTrue(replica.accounts.all().get(0).parked().isEmpty());
  }

  private String submit(String upstream, String slotModel) {
    clock.advance(Duration.ofMillis(1));
    return GivenTask.of("acme")
        .kind("effects")
        .model(upstream)
        .onSlotsOf(slotModel)
        .submit(replica.tasks);
  }

  private void pass() {
    clock.advance(Duration.ofMillis(500));
    replica.dispatch();
  }
}
