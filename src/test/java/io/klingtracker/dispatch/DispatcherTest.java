package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.CatalogOver;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.task.GivenTask;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.KlingAccounts;
import io.klingtracker.upstream.QueueView.QueueStatus;
import io.micrometer.core.instrument.Counter;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Slots and accounts: what an acceptance takes, and who gets none until Kling takes tasks again.
 */
class DispatcherTest extends DispatcherRig {

  private static final String HOUSE =
      "kinds: {house: {route: /v1/videos/house, family: video, results: [videos]}}";

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  DispatcherTest() {
    super(DATABASE);
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

  @ParameterizedTest
  @CsvSource({"1303, parallel task over resource pack limit", "1302, too many", "5001, closed"})
  void what_kling_puts_off_waits_and_never_fails(int code, String message) {
    Replica replica = replica();
    kling.creates.add(new CreateAnswer.Throttled(code, message));
    String task = submit(replica);

    pass(replica);
    // Less than the shortest wait, which varies by a fifth.
    clock.advance(Duration.ofMillis(150));
    replica.dispatch();
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
    replica.dispatch();
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
      replica.dispatch();
    }

    assertEquals(5, most);
    assertEquals(200, new HashSet<>(kling.created).size());
    assertTrue(busyMillis >= 0.95 * wholeMillis, busyMillis + " of " + wholeMillis + " ms");
  }

  @Test
  void a_task_whose_kind_was_taken_out_fails_unsent_after_an_hour() {
    Replica replica = replica();
    String sent;
    String queued;
    try (CatalogOver over = new CatalogOver(HOUSE)) {
      sent = submit(replica, "house");
      pass(replica);
      queued = submit(replica, "house");
    }

    pass(replica);
    clock.advance(Duration.ofMinutes(58));
    pass(replica);
    assertEquals("queued", status(queued));
    QueueStatus explained = explain(replica, queued);
    assertTrue(
        explained.reason().contains("(last try: the catalogue has no kind house any more)"),
        explained.reason());
    assertEquals(
        "it fails, unsent, unless the catalogue has the kind house again within 60 minutes",
        explained.next());

    clock.advance(Duration.ofMinutes(2));
    pass(replica);
    assertEquals("failed", status(queued));
    assertEquals(List.of(sent), kling.created);
    String message = text("select status_message from task where id = '" + queued + "'");
    assertEquals("no such kind of task any more: house; nothing was sent to Kling", message);
    assertEquals("input", Catalog.current().errorClass(null, message).name().wireName());
    assertEquals(0, count("dispatch_queue"));
    assertEquals(0, count("set_aside"));
  }

  @Test
  void a_task_whose_kind_is_there_again_in_time_is_sent() {
    Replica replica = replica();
    String task = submit(replica, "house");
    for (int i = 0; i < 2; i++) {
      pass(replica);
      clock.advance(Duration.ofMinutes(50));
      try (CatalogOver over = new CatalogOver(HOUSE)) {
        pass(replica);
      }
      assertEquals("submitted", status(task));
      task = submit(replica, "house");
    }
    assertEquals(2, kling.created.size());
  }

  @Test
  void a_task_whose_model_was_taken_out_is_sent_as_it_was_accepted() {
    Replica replica = replica();
    String task;
    try (CatalogOver over = new CatalogOver("models: {house-1: {kinds: {text2video: {}}}}")) {
      clock.advance(Duration.ofMillis(1));
      task = Replica.submit(replica.tasks, "acme", "house-1", 5);
    }

    pass(replica);

    assertEquals(List.of(task), kling.created);
    assertEquals("submitted", status(task));
  }

  private String submit(Replica replica, String kind) {
    clock.advance(Duration.ofMillis(1));
    return GivenTask.of("acme").kind(kind).submit(replica.tasks);
  }

  private static int counted(Replica replica, String what) {
    return (int)
        replica.meters.find("tracker.dispatch.slots." + what).counters().stream()
            .mapToDouble(Counter::count)
            .sum();
  }

  private static double breakerShown(Replica replica) {
    replica.metrics.accounts(
        replica.accounts.all(), name -> replica.accounts.breaker(name).ordinal());
    return replica.meters.get("tracker.dispatch.breaker").tag("account", "default").gauge().value();
  }

  private int limit(Replica replica) {
    return replica.accounts.all().get(0).slots().get(0).limit();
  }
}
