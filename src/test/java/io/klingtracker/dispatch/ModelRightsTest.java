package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.KlingAccounts;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Which account may use which model: as configured, and as Kling teaches it. */
class ModelRightsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:00:00Z"));
  private final ScriptedKling kling = new ScriptedKling();
  private final Replica replica =
      new Replica(
          jdbi,
          clock,
          Map.of(
              "kling.accounts.default.max-parallel-video", "2",
              "kling.accounts.default.models", "kling-v3,kling-v2-6",
              "kling.accounts.second.api-key", "key",
              "kling.accounts.second.base-url", "http://localhost:1",
              "kling.accounts.second.max-parallel-video", "auto",
              "kling.accounts.second.models", "kling-v3"),
          kling);

  @BeforeEach
  void tenant() {
    jdbi.useHandle(
        h -> h.execute("insert into tenant (id, name, created_at) values ('acme', 'Acme', now())"));
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void an_account_gets_the_models_that_it_may_use_and_the_rest_waits_with_the_reason() {
    submit("kling-v2-6");
    submit("kling-v2-6");
    String third = submit("kling-v2-6");
    String nobodys = submit("kling-v2-5-turbo");

    pass();

    assertEquals(List.of("default", "default"), kling.accounts);
    assertTrue(reason(third).startsWith("all 2 slots of kling-v2-6 are in use"), reason(third));
    assertEquals(
        "no account takes tasks of kling-v2-5-turbo now: account default may not use it"
            + " (kling.accounts.default.models); account second may not use it"
            + " (kling.accounts.second.models)",
        reason(nobodys));
    KlingAccounts.State second = replica.accounts.one("second").orElseThrow();
    assertEquals(5, second.maxParallel());
    assertTrue(second.limits().get("video").isAuto());
    assertEquals(5, second.limits().get("image").start());
    assertEquals(Set.of("kling-v3"), second.models());
  }

  @Test
  void a_refused_right_sends_that_model_elsewhere_for_a_bounded_while() {
    kling.creates.add(new CreateAnswer.AccountRefused(1103, "no right to this model"));
    String first = submit("kling-v3");
    pass();
    pass();

    assertEquals(List.of("default", "second"), kling.accounts);
    assertEquals(List.of(first, first), kling.created);
    KlingAccounts.Parked parked = replica.accounts.one("default").orElseThrow().parked().get(0);
    assertEquals(1103, parked.code());
    assertEquals("kling-v3", parked.model());
    assertEquals("video", parked.family());

    submit("kling-v3");
    pass();
    assertEquals("second", kling.accounts.get(2), "not asked again");

    // The other model of the account is taken as before.
    submit("kling-v2-6");
    pass();
    assertEquals("default", kling.accounts.get(3));

    clock.advance(Duration.ofMinutes(11));
    submit("kling-v3");
    pass();
    assertEquals("default", kling.accounts.get(4), "tried again, and taken now");
    assertEquals(List.of(), replica.accounts.one("default").orElseThrow().parked());
  }

  @Test
  void a_number_to_be_found_is_found_over_the_database() {
    jdbi.useHandle(
        h ->
            h.execute(
                "insert into account_pool (account, family, model, paused) values ('default', '',"
                    + " '', true)"));
    for (int i = 0; i < 9; i++) {
      submit("kling-v3");
    }
    pass();
    assertEquals(5, kling.created.size());
    pass();
    assertEquals(5, kling.created.size());

    for (int more = 6; more <= 8; more++) {
      clock.advance(SlotLimit.QUIET);
      pass();
      pass();
      assertEquals(more, kling.created.size());
    }
    assertEquals(
        List.of(8),
        replica.accounts.one("second").orElseThrow().slots().stream()
            .map(KlingAccounts.Slots::limit)
            .toList());
  }

  private String submit(String model) {
    // Ids sort by the millisecond.
    clock.advance(Duration.ofMillis(1));
    return Replica.submit(replica.tasks, "acme", model, 5);
  }

  private void pass() {
    replica.dispatcher.runOnce();
    while (replica.dispatcher.isBusy()) {
      LockSupport.parkNanos(100_000);
    }
  }

  private String reason(String taskId) {
    return replica.explainer.explain("acme", taskId).orElseThrow().queueStatus().reason();
  }
}
