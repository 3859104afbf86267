package io.klingtracker.api;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Cursors;
import io.klingtracker.secret.Secrets;
import io.klingtracker.share.Shares;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.TaskRange;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.watch.Waits;
import io.klingtracker.watch.Watches;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A tenant's tasks, all of them once and in order, in bounded memory and a bounded share. */
class ExportsTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final TaskRange ALL = new TaskRange(null, null, null);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:30:00Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final Waits waits = Watches.waits(1_000);
  private final AtomicInteger cuts = new AtomicInteger();
  private Exports exports;

  @BeforeEach
  void tenants() {
    exports =
        new Exports(
            tasks,
            new Cursors(new Secrets("a-root-secret-for-tests-0123456789abcdef", List.of())),
            waits,
            new Shares(new SimpleMeterRegistry()),
            JSON);
    for (String tenant : List.of("acme", "other")) {
      jdbi.useHandle(
          h ->
              h.execute(
                  "insert into tenant (id, name, created_at) values (?, 'A', now())", tenant));
    }
  }

  @Test
  void has_every_task_of_the_tenant_once_oldest_first_over_many_pages() throws Exception {
    List<String> submitted = submitted(2 * Exports.PAGE + 1);
    GivenTask.of("other").submit(tasks);

    assertEquals(submitted, ids(lines(ALL)));
    assertEquals(0, cuts.get());
    assertEquals(0, exports.open());
    assertEquals(0, waits.open());
  }

  @Test
  void goes_on_behind_the_cursor_of_any_line() throws Exception {
    List<String> submitted = submitted(7);
    List<JsonNode> lines = lines(ALL);
    for (int i = 0; i < lines.size(); i++) {
      String cursor = lines.get(i).get("cursor").asText();
      TaskRange rest = ALL.behind(exports.position("acme", cursor));
      assertEquals(submitted.subList(i + 1, 7), ids(lines(rest)));
      assertThrows(ProblemException.class, () -> exports.position("other", cursor));
    }
    assertThrows(ProblemException.class, () -> exports.position("acme", submitted.get(0)));
  }

  @Test
  void has_those_of_a_time() throws Exception {
    Instant start = clock.instant();
    List<String> submitted = submitted(9);

    Instant from = start.plusMillis(2);
    Instant to = start.plusMillis(5);
    assertEquals(submitted.subList(2, 5), ids(lines(new TaskRange(null, from, to))));
    assertEquals(submitted.subList(2, 9), ids(lines(new TaskRange(null, from, null))));
    assertEquals(submitted.subList(0, 5), ids(lines(new TaskRange(null, null, to))));
    assertEquals(submitted.subList(4, 5), ids(lines(new TaskRange(submitted.get(3), from, to))));
    assertEquals(submitted.subList(2, 5), ids(lines(new TaskRange(submitted.get(0), from, to))));
  }

  @Test
  void a_page_is_read_when_the_last_was_taken_and_has_bounded_bytes() {
    List<String> submitted = submitted(5);
    jdbi.useHandle(
        h ->
            h.execute(
                "update task set status_message = repeat('x', ?)", Exports.PAGE_BYTES * 2 / 5));
    AssertSubscriber<Exports.Lines> reader =
        begin("acme").subscribe().withSubscriber(AssertSubscriber.create(1));
    reader.awaitItems(1);

    List<String> first = reader.getItems().get(0).text().lines().toList();
    assertEquals(3, first.size());
    // What comes now is on no page that was read before.
    String late = GivenTask.of("acme").submit(tasks);
    reader.request(10).awaitCompletion();

    List<String> read = new ArrayList<>();
    reader.getItems().forEach(page -> page.text().lines().forEach(line -> read.add(id(line))));
    List<String> all = new ArrayList<>(submitted);
    all.add(late);
    assertEquals(all, read);
  }

  @Test
  void a_reader_that_leaves_gives_its_place_back() {
    submitted(1);
    AssertSubscriber<Exports.Lines> reader =
        begin("acme").subscribe().withSubscriber(AssertSubscriber.create(1));
    reader.awaitItems(1);
    assertEquals(1, exports.open());

    reader.cancel();

    assertEquals(0, exports.open());
    assertEquals(0, waits.open());
  }

  @Test
  void one_whose_caller_may_not_call_any_more_is_cut() {
    submitted(1);
    AssertSubscriber<Exports.Lines> reader =
        exports
            .begin("acme", ALL, lines -> Multi.createFrom().empty(), cuts::incrementAndGet)
            .subscribe()
            .withSubscriber(AssertSubscriber.create(1));

    // An end would be taken for the end of all tasks.
    reader.assertNotTerminated();
    assertEquals(1, cuts.get());
    assertEquals(0, exports.open());
  }

  @Test
  void a_failure_is_told_and_not_cut() {
    jdbi.useHandle(h -> h.execute("alter table task rename to gone"));
    try {
      begin("acme").subscribe().withSubscriber(AssertSubscriber.create(1)).awaitFailure();
    } finally {
      jdbi.useHandle(h -> h.execute("alter table gone rename to task"));
    }

    assertEquals(0, cuts.get());
    assertEquals(0, exports.open());
  }

  @Test
  void one_tenants_exports_make_room_for_anothers() {
    submitted(1);
    List<AssertSubscriber<Exports.Lines>> greedy = new ArrayList<>();
    for (int i = 0; i < Exports.MAX; i++) {
      greedy.add(begin("acme").subscribe().withSubscriber(AssertSubscriber.create(0)));
    }
    ProblemException full = assertThrows(ProblemException.class, () -> begin("acme"));
    assertEquals(ErrorCode.UNAVAILABLE, full.code());
    assertEquals(Exports.MAX, waits.open());

    begin("other").subscribe().withSubscriber(AssertSubscriber.create(0));

    assertEquals(1, cuts.get());
    // Until the connection that was cut is closed, nothing more is read for it.
    greedy.get(0).request(1);
    await().atMost(Duration.ofSeconds(30)).until(() -> waits.open() == Exports.MAX);
    greedy.get(0).assertNotTerminated().assertHasNotReceivedAnyItem();
    assertEquals(1, cuts.get());
    assertEquals(Exports.MAX, exports.open());
    assertEquals(Exports.MAX, waits.open());
  }

  private List<String> submitted(int number) {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      ids.add(GivenTask.of("acme").submit(tasks));
      clock.advance(Duration.ofMillis(1));
    }
    return ids;
  }

  private Multi<Exports.Lines> begin(String tenant) {
    return exports.begin(tenant, ALL, UnaryOperator.identity(), cuts::incrementAndGet);
  }

  private List<JsonNode> lines(TaskRange range) throws Exception {
    List<JsonNode> lines = new ArrayList<>();
    for (Exports.Lines page :
        exports
            .begin("acme", range, UnaryOperator.identity(), cuts::incrementAndGet)
            .collect()
            .asList()
            .await()
            .atMost(Duration.ofSeconds(30))) {
      for (String line : page.text().lines().toList()) {
        lines.add(JSON.readTree(line));
      }
    }
    return lines;
  }

  private static List<String> ids(List<JsonNode> lines) {
    assertTrue(lines.stream().allMatch(line -> line.hasNonNull("cursor")));
    return lines.stream().map(line -> line.get("task_id").asText()).toList();
  }

  private static String id(String line) {
    try {
      return JSON.readTree(line).get("task_id").asText();
    } catch (java.io.IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
