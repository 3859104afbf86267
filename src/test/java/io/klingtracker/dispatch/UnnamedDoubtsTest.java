package io.klingtracker.dispatch;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.status;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.CatalogOver;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.KlingOverHttp;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Ledger;
import io.klingtracker.simulator.Operation;
import io.klingtracker.simulator.SimulatorSettings;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A model that keeps no id of ours, at a Kling that resets what it has accepted: paid once. */
class UnnamedDoubtsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String MODEL = "kling-4.0";
  private static final String KEY = "key-of-the-account";
  private static final Duration LATER = Duration.ofMinutes(10);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-11-30T12:00:00Z"));
  private final Vertx vertx = Vertx.vertx();
  private final SimulatorSettings switches =
      new SimulatorSettings()
          .apiKey("default", KEY)
          .clock(clock)
          .callbackStatuses(Set.of())
          .renderTimes(Duration.ofDays(1), Duration.ofDays(2))
          .withoutExternalIds(Set.of(MODEL));
  private final KlingSimulator simulator = new KlingSimulator(switches);
  private final Map<String, String> settings = new HashMap<>();
  private Replica replica;

  @BeforeEach
  void start() {
    Rows.tenants(jdbi, "acme");
    simulator.start();
    settings.put("kling.accounts.default.base-url", simulator.url());
    settings.put("kling.accounts.default.api-key", KEY);
    KlingConfig config = Replica.config(settings).getConfigMapping(KlingConfig.class);
    KlingClient kling = KlingOverHttp.client(vertx, config, clock);
    replica = new Replica(jdbi, clock, settings, kling);
  }

  @AfterEach
  void stop() throws Exception {
    replica.close();
    simulator.close();
    vertx.close().toCompletionStage().toCompletableFuture().get();
  }

  @Test
  void one_that_the_list_shows_with_model_and_prompt_is_taken_over() {
    switches.listsShowOrders(true);
    resetOnceAccepted();
    String task = submit("a cat");
    String other = submit("a dog");

    rounds(LATER, Duration.ofSeconds(30));

    assertEquals("submitted", status(jdbi, task));
    assertEquals(
        klingId(0), text(jdbi, "select kling_task_id from task where id = '" + task + "'"));
    assertEquals("submitted", status(jdbi, other));
    assertEquals(2, simulator.ledger().accepted());
  }

  @Test
  void one_that_the_list_shows_without_what_was_asked_waits_for_a_person() {
    resetOnceAccepted();
    String task = submit("a cat");

    rounds(Duration.ofMinutes(29), Duration.ofMinutes(1));
    assertEquals(1, number(jdbi, "select slots from open_task"));
    rounds(Duration.ofHours(2), Duration.ofMinutes(5));

    assertEquals("queued", status(jdbi, task));
    assertEquals(1, simulator.ledger().accepted());
    assertEquals(0, number(jdbi, "select slots from open_task"));
    String reason = explain(task);
    assertTrue(
        reason.contains("(" + klingId(0) + "); it does not show what was asked of them"), reason);
  }

  @Test
  void identical_twins_wait_for_a_person() {
    switches.listsShowOrders(true);
    // Another program's, of the same account.
    resetOnceAccepted();
    String lost = submit("a cat");
    dispatch();
    jdbi.useHandle(h -> h.execute("delete from task where id = ?", lost));
    resetOnceAccepted();
    String task = submit("a cat");

    rounds(LATER, Duration.ofSeconds(30));

    assertEquals("queued", status(jdbi, task));
    assertEquals(2, simulator.ledger().accepted());
    String reason = explain(task);
    assertTrue(reason.contains("Kling lists 2 that may be it"), reason);
  }

  @Test
  void one_row_is_given_to_neither_of_two_creates_that_are_alike() {
    switches.listsShowOrders(true);
    resetOnceAccepted();
    String first = submit("a cat");
    dispatch();
    simulator.mend();
    simulator.fault(FaultRule.on(Operation.CREATE, new Fault.Reset()).nth(1));
    String second = submit("a cat");

    rounds(LATER, Duration.ofSeconds(30));

    assertEquals("queued", status(jdbi, first));
    assertEquals("queued", status(jdbi, second));
    assertEquals(1, simulator.ledger().accepted());
    assertTrue(explain(second).contains("2 creates of ours are alike"), explain(second));
  }

  @Test
  void one_that_no_list_shows_waits_too_and_is_sent_again_once_a_person_says_so() {
    switches.listsShowOrders(true);
    simulator.fault(FaultRule.on(Operation.CREATE, new Fault.Reset()).nth(1));
    String task = submit("a cat");

    rounds(LATER, Duration.ofSeconds(30));

    assertEquals("queued", status(jdbi, task));
    assertEquals(0, simulator.ledger().accepted());
    assertTrue(explain(task).contains("shows no task of that time"), explain(task));
    replica.reconciler.decide().notAccepted(task);
    dispatch();
    assertEquals("submitted", status(jdbi, task));
    assertEquals(1, simulator.ledger().accepted());
  }

  @Test
  void a_person_says_which_of_kling_s_tasks_it_is() {
    String known = submit("a horse");
    dispatch();
    resetOnceAccepted();
    String task = submit("a cat");
    dispatch();
    assertEquals(List.of(task), replica.reconciler.decide().waiting());

    assertEquals(
        "its create may still arrive; decide after 2026-11-30T12:00:30.002Z",
        refusal(() -> replica.reconciler.decide().notAccepted(task)));
    assertEquals(
        "no create of this task is in doubt",
        refusal(() -> replica.reconciler.decide().accepted(known, klingId(0))));
    assertEquals(
        "Kling knows no task 4711 on account default",
        refusal(() -> replica.reconciler.decide().accepted(task, "4711")));
    assertEquals(
        "Kling's task %s is %s of ours".formatted(klingId(0), known),
        refusal(() -> replica.reconciler.decide().accepted(task, klingId(0))));
    replica.reconciler.decide().accepted(task, klingId(1));

    assertEquals("submitted", status(jdbi, task));
    assertEquals(
        klingId(1), text(jdbi, "select kling_task_id from task where id = '" + task + "'"));
    assertEquals(List.of(), replica.reconciler.decide().waiting());
    assertEquals(2, simulator.ledger().accepted());
  }

  @Test
  void what_is_laid_over_the_catalogue_meanwhile_does_not_change_what_was_sent() {
    resetOnceAccepted();
    String unnamed = submit("a cat");
    dispatch();
    switches.withoutExternalIds(Set.of());
    String named;
    try (CatalogOver over = takesId(true)) {
      rounds(LATER, Duration.ofSeconds(30));
      assertEquals("queued", status(jdbi, unnamed));
      simulator.mend();
      resetOnceAccepted();
      named = submit("a dog");
      dispatch();
      assertEquals("queued", status(jdbi, named));
    }
    try (CatalogOver over = takesId(false)) {
      rounds(LATER, Duration.ofSeconds(30));
    }

    assertEquals("queued", status(jdbi, unnamed));
    assertEquals("submitted", status(jdbi, named));
    assertEquals(2, simulator.ledger().accepted());
  }

  @Test
  void a_catalogue_that_loses_the_model_while_it_waits_does_not_have_it_paid_twice() {
    resetOnceAccepted();
    String task = given("a cat").unnamed().submit(replica.tasks);

    // As its kind's other models are.
    try (CatalogOver over = takesId(true)) {
      rounds(LATER, Duration.ofSeconds(30));
    }

    assertEquals("queued", status(jdbi, task));
    assertEquals(1, simulator.ledger().accepted());
  }

  @Test
  void what_the_catalogue_says_when_it_is_sent_stays_with_the_task() {
    String task = submit("a cat");
    assertEquals("", text(jdbi, "select coalesce(unnamed::text, '') from task"));

    dispatch();

    assertEquals("submitted", status(jdbi, task));
    assertEquals("true", text(jdbi, "select unnamed::text from task"));
  }

  @Test
  void the_id_that_a_callback_named_is_shown_once_kling_has_answered_to_it() {
    resetOnceAccepted();
    String task = submit("a cat");
    dispatch();
    // As an unsigned callback does, whose id counts only once Kling confirms it.
    replica.tasks.apply(News.of(task, Source.CALLBACK, new TaskSignal.Processing()));
    jdbi.useHandle(h -> h.execute("update open_task set ask_id = ?", klingId(0)));

    rounds(LATER, Duration.ofSeconds(30));

    assertEquals("processing", status(jdbi, task));
    assertEquals(klingId(0), text(jdbi, "select coalesce(kling_task_id, 'none') from task"));
  }

  @Test
  void the_end_that_a_callback_claims_is_proved_by_the_id_that_it_names() {
    resetOnceAccepted();
    String task = submit("a cat");
    dispatch();
    jdbi.useHandle(
        h ->
            h.execute(
                "update open_task set proving = 'succeed', checks = 0, ask_id = ?", klingId(0)));

    rounds(Duration.ofMinutes(1), Duration.ofSeconds(20));

    assertEquals(
        klingId(0), text(jdbi, "select kling_task_id from task where id = '" + task + "'"));
    assertEquals(1, simulator.ledger().accepted());
  }

  @Test
  void what_a_callback_names_is_given_to_no_other_task() {
    resetOnceAccepted();
    String first = submit("a cat");
    dispatch();
    String second = lost("a cat");
    callback(first, klingId(0));

    assertEquals(
        "Kling's task %s is %s of ours".formatted(klingId(0), first),
        refusal(() -> replica.reconciler.decide().accepted(second, klingId(0))));
  }

  @Test
  void a_callback_that_names_what_was_given_away_leaves_the_decision_to_a_person() {
    resetOnceAccepted();
    String first = submit("a cat");
    dispatch();
    String second = lost("a cat");
    // Nobody can tell them apart, and the callback comes later.
    replica.reconciler.decide().accepted(second, klingId(0));
    callback(first, klingId(0));

    rounds(LATER, Duration.ofSeconds(30));

    assertEquals(List.of(first), replica.reconciler.decide().waiting());
    replica.reconciler.decide().notAccepted(first);
    dispatch();
    assertEquals("submitted", status(jdbi, first));
    assertEquals(2, simulator.ledger().accepted());
  }

  @Test
  void one_whose_kind_was_taken_out_is_decided_where_we_know_its_path() {
    resetOnceAccepted();
    String task = submit("a cat");
    rounds(LATER, Duration.ofSeconds(30));

    jdbi.useHandle(h -> h.execute("update task set kind = 'house'"));
    assertEquals(
        "the catalogue has no kind house any more, so Kling cannot be asked; put it into"
            + " tracker.catalog.file again",
        refusal(() -> replica.reconciler.decide().accepted(task, klingId(0))));
    clock.advance(Duration.ofHours(1));
    replica.reconciler.runOnce();
    String reason = explain(task);
    assertTrue(reason.contains("the catalogue has no kind house any more"), reason);
    jdbi.useHandle(h -> h.execute("update task set kind = 'text-to-video'"));

    String without =
        """
        kinds: {text-to-video: ~}
        models:
          kling-2.5-turbo: {fields: {prompt: ~}}
          kling-2.6: {fields: {prompt: ~}}
          kling-4.0: {fields: {prompt: ~}}
        """;
    try (CatalogOver over = new CatalogOver(without)) {
      replica.reconciler.decide().accepted(task, klingId(0));
    }
    assertEquals("submitted", status(jdbi, task));
  }

  /** Kling never gets its create. */
  private String lost(String prompt) {
    simulator.mend();
    simulator.fault(FaultRule.on(Operation.CREATE, new Fault.Reset()).nth(1));
    String task = submit(prompt);
    dispatch();
    simulator.mend();
    return task;
  }

  /** Unsigned, of an end. */
  private void callback(String task, String named) {
    jdbi.useHandle(
        h ->
            h.execute(
                "update open_task set proving = 'succeed', checks = 0, ask_id = ? where task_id = ?",
                named,
                task));
  }

  private static CatalogOver takesId(boolean takes) {
    return new CatalogOver("models: {kling-4.0: {takes: {external_task_id: %s}}}".formatted(takes));
  }

  private void resetOnceAccepted() {
    simulator.mend();
    simulator.fault(FaultRule.on(Operation.CREATE, new Fault.ThenReset()).nth(1));
  }

  private String klingId(int place) {
    List<Ledger.Create> creates = simulator.ledger().creates(any -> true);
    return creates.get(place).taskId();
  }

  private static String refusal(Runnable decision) {
    return assertThrows(ProblemException.class, decision::run).getMessage();
  }

  private String submit(String prompt) {
    clock.advance(Duration.ofMillis(1));
    return given(prompt).submit(replica.tasks);
  }

  private static GivenTask given(String prompt) {
    return GivenTask.of("acme")
        .kind("text-to-video")
        .model(MODEL)
        .body(
            "{\"prompt\":\"%s\",\"settings\":{\"resolution\":\"720p\",\"duration\":5}}"
                .formatted(prompt));
  }

  private void rounds(Duration time, Duration step) {
    for (Instant end = clock.instant().plus(time); clock.instant().isBefore(end); ) {
      dispatch();
      replica.reconciler.runOnce();
      clock.advance(step);
    }
  }

  private void dispatch() {
    replica.dispatch();
  }

  private String explain(String task) {
    clock.advance(Duration.ofSeconds(1));
    return String.valueOf(
        replica.explainer.explain("acme", task).orElseThrow().queueStatus().reason());
  }
}
