package io.klingtracker.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ProblemException;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Which tasks many are of that something is done to at once. */
class TaskSelectionTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00Z");
  private static final List<TaskStatus> QUEUED = List.of(TaskStatus.QUEUED);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private String failed = "";
  private String succeeded = "";
  private String expired = "";
  private String queued = "";

  @BeforeEach
  void tasks_of_all_sorts() {
    Rows.tenants(jdbi, "acme", "other");
    failed =
        ended(
            GivenTask.of("acme").externalTaskId("a").metadata("{\"env\":\"test\",\"order\":\"1\"}"),
            new TaskSignal.Failed(null, "no"));
    clock.advance(Duration.ofHours(1));
    succeeded =
        ended(
            GivenTask.of("acme").externalTaskId("b").metadata("{\"env\":\"test\"}"),
            new TaskSignal.Succeed("{}"));
    clock.advance(Duration.ofHours(1));
    expired =
        ended(
            GivenTask.of("acme").kind("image2video").model("kling-v2-6"),
            new TaskSignal.Expired("silent"));
    queued = GivenTask.of("acme").externalTaskId("c").metadata("{\"env\":\"test\"}").submit(tasks);
    ended(
        GivenTask.of("other").externalTaskId("a").metadata("{\"env\":\"test\"}"),
        new TaskSignal.Failed(null, "no"));
  }

  private String ended(GivenTask given, TaskSignal end) {
    String id = given.submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(News.of(id, Source.POLL, end));
    return id;
  }

  private static TaskSelection.Request asked(
      @Nullable Map<String, @Nullable String> metadata,
      @Nullable List<@Nullable String> ids,
      @Nullable String status,
      @Nullable String kind,
      @Nullable String model,
      @Nullable String after,
      @Nullable String before) {
    return new TaskSelection.Request(metadata, ids, status, kind, model, after, before, null);
  }

  private List<String> of(List<TaskStatus> statuses, TaskSelection.Request request) {
    return tasks.select("acme", tasks.selection("acme", request, statuses), statuses, 10);
  }

  private List<String> ended(TaskSelection.Request request) {
    return of(TaskStatus.ENDED, request);
  }

  @Test
  void all_that_is_named_must_match_and_other_tenants_tasks_never_do() {
    assertEquals(
        List.of(failed, succeeded),
        ended(asked(Map.of("env", "test"), null, null, null, null, null, null)));
    assertEquals(
        List.of(failed),
        ended(asked(Map.of("env", "test", "order", "1"), null, null, null, null, null, null)));
    assertEquals(
        List.of(failed, succeeded),
        ended(asked(null, List.of("a", "b", "c", "d"), null, null, null, null, null)));
    assertEquals(
        List.of(succeeded),
        ended(asked(null, List.of("a", "b"), "succeed", null, null, null, null)));
    assertEquals(
        List.of(succeeded),
        ended(asked(Map.of("env", "test"), List.of("b"), null, null, null, null, null)));
    assertEquals(
        List.of(), ended(asked(Map.of("order", "1"), List.of("b"), null, null, null, null, null)));
    assertEquals(List.of(expired), ended(asked(null, null, "expired", null, null, null, null)));
    assertEquals(List.of(expired), ended(asked(null, null, null, "image2video", null, null, null)));
    assertEquals(List.of(expired), ended(asked(null, null, null, null, "kling-v2-6", null, null)));
    assertEquals(
        List.of(succeeded),
        ended(asked(null, null, null, null, null, "2026-03-31T13:00:00Z", "2026-03-31T14:00:00Z")));
    assertEquals(
        List.of(queued),
        of(QUEUED, asked(Map.of("env", "test"), null, null, null, null, null, null)));
    assertEquals(
        List.of(queued), of(QUEUED, asked(null, List.of("a", "c"), null, null, null, null, null)));
  }

  @Test
  void an_expired_task_that_came_back_is_found_by_how_it_is() {
    tasks.apply(News.of(expired, Source.POLL, new TaskSignal.Succeed("{}")));

    assertEquals(List.of(), ended(asked(null, null, "expired", null, null, null, null)));
    assertEquals(List.of(expired), ended(asked(null, null, null, "image2video", null, null, null)));
  }

  @Test
  void no_more_are_read_than_asked_for() {
    TaskSelection all =
        tasks.selection(
            "acme", asked(null, null, null, null, null, "2026-01-01", null), TaskStatus.ENDED);
    assertEquals(2, tasks.select("acme", all, TaskStatus.ENDED, 2).size());
    assertEquals(3, tasks.select("acme", all, TaskStatus.ENDED, 4).size());
    assertEquals(List.of("created_after"), all.named());
  }

  @Test
  void what_names_nothing_or_nonsense_is_refused() {
    refused("name at least one", asked(null, null, null, null, null, null, null));
    refused("metadata is empty", asked(Map.of(), List.of("a"), null, null, null, null, null));
    refused("external_task_ids is empty", asked(null, List.of(), "failed", null, null, null, null));
    refused("status is empty", asked(null, null, "", null, null, null, null));
    refused("status", asked(null, null, "queued", null, null, null, null));
    refused("unknown kind", asked(null, null, null, "text3video", null, null, null));
    refused("created_after", asked(null, null, null, null, null, "yesterday", null));
    refused(
        "external_task_ids", asked(null, Arrays.asList("a", null), null, null, null, null, null));
    refused(
        "external_task_ids",
        asked(
            null,
            Collections.nCopies(TaskSelection.MAX_IDS + 1, "a"),
            null,
            null,
            null,
            null,
            null));
    refused("metadata", asked(Map.of("a b", "c"), null, null, null, null, null, null));
    refused(
        "metadata", asked(Collections.singletonMap("a", null), null, null, null, null, null, null));
    assertThrows(ProblemException.class, () -> tasks.selection("acme", null, TaskStatus.ENDED));
  }

  private void refused(String words, TaskSelection.Request request) {
    String message =
        String.valueOf(
            assertThrows(ProblemException.class, () -> ended(request), words).getMessage());
    assertTrue(message.contains(words), message);
  }
}
