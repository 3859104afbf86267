package io.klingtracker.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What many large rows make of an answer: those of before the readers cut them, too. */
class BoundedAnswersTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String TENANT = "acme";
  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00.123Z");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock, changes -> {});

  @BeforeEach
  void a_tenant() {
    Rows.tenants(jdbi, TENANT);
  }

  private String task() {
    Submission stored =
        tasks.track(new TrackedTask(TENANT, "text2video", "default", null, null, null, "video"));
    return ((Submission.Stored) stored).taskId();
  }

  private List<String> tasksWithResultsOf(int bytes, int count) {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ids.add(task());
    }
    jdbi.useHandle(
        h ->
            h.createUpdate(
                    """
                    update task set status = 'succeed', previous_status = 'queued', sequence = 2, finished_at = now(),
                      result = json_build_object('url', repeat('x', :bytes))
                    """)
                .bind("bytes", bytes)
                .execute());
    return ids;
  }

  @Test
  void a_page_has_no_more_bytes_than_it_may_and_the_next_goes_on() {
    List<String> ids = tasksWithResultsOf(3 << 20, 5);
    List<String> seen = new ArrayList<>();
    String last = null;
    boolean cut = true;
    int pages = 0;
    while (cut) {
      TaskPage page = tasks.page(TENANT, TaskFilter.ofKind("text2video"), last, 201);
      assertFalse(page.tasks().isEmpty());
      page.tasks().forEach(task -> seen.add(task.id()));
      last = seen.get(seen.size() - 1);
      cut = page.cut();
      pages++;
    }
    assertEquals(2, pages);
    assertEquals(ids.stream().sorted(java.util.Comparator.reverseOrder()).toList(), seen);
  }

  @Test
  void one_task_is_always_there() {
    tasksWithResultsOf(9 << 20, 2);
    TaskPage page = tasks.page(TENANT, TaskFilter.ofKind("text2video"), null, 50);
    assertEquals(1, page.tasks().size());
    assertTrue(page.cut());
  }

  @Test
  void small_pages_are_not_cut() {
    tasksWithResultsOf(1_000, 5);
    TaskPage page = tasks.page(TENANT, TaskFilter.ofKind("text2video"), null, 5);
    assertEquals(5, page.tasks().size());
    assertFalse(page.cut());
  }

  @Test
  void a_batch_says_what_it_left_out() {
    List<String> ids = new ArrayList<>(tasksWithResultsOf(3 << 20, 5));
    ids.add("nobody");
    TaskBatch batch = tasks.findAll(TENANT, ids);
    assertEquals(ids.subList(3, 5), batch.leftOut());
    assertEquals(3, batch.tasks().size());
    assertFalse(batch.tasks().containsKey("nobody"));
  }

  @Test
  void a_timeline_of_the_time_before_is_cut_and_paged() {
    String id = task();
    Task task = tasks.find(TENANT, id).orElseThrow();
    jdbi.useHandle(
        h -> {
          h.execute("alter table task_news drop constraint task_news_detail_is_short");
          h.execute(
              """
              insert into task_news (task_id, at, source, status, reason, detail)
              select ?, now(), 'callback', 'odd', 'not-understood', n || repeat('x', 500000)
              from generate_series(1, 190) n
              """,
              id);
        });
    Timeline all = tasks.timeline(task, null, Tasks.MAX_TIMELINE);
    assertEquals(191, all.entries().size());
    assertNull(all.next());
    assertTrue(
        all.entries().stream()
            .allMatch(line -> Optional.ofNullable(line.detail()).orElse("").length() <= 2000));

    List<TimelineEntry> paged = new ArrayList<>();
    String after = null;
    do {
      Timeline part = tasks.timeline(task, after, 40);
      paged.addAll(part.entries());
      after = part.next();
    } while (after != null);
    assertEquals(all.entries(), paged);
  }

  @Test
  void a_payload_that_postgresql_cannot_read_is_read() {
    String id = task();
    jdbi.useHandle(
        h ->
            h.execute(
                "update task_event set payload = '{\"status_message\":\"why\\u0000\",\"result\":{\"a\":\"\\u0000\"}}'"));
    Task task = tasks.find(TENANT, id).orElseThrow();
    assertEquals("why\uFFFD", tasks.timeline(task, null, 10).entries().get(0).detail());
  }

  @Test
  void words_and_details_are_short_when_they_are_stored() {
    String id = task();
    for (int i = 0; i < 600; i++) {
      tasks.note(
          id,
          Source.CALLBACK,
          i + "w".repeat(5_000),
          "not-understood",
          i + "é\u0000".repeat(5_000));
    }
    Task task = tasks.find(TENANT, id).orElseThrow();
    Timeline timeline = tasks.timeline(task, null, Tasks.MAX_TIMELINE);
    // Bounded in number as well: 500 and the first event.
    int lines = timeline.entries().size();
    String next = timeline.next();
    if (next != null) {
      lines += tasks.timeline(task, next, Tasks.MAX_TIMELINE).entries().size();
    }
    assertEquals(501, lines);
  }
}
