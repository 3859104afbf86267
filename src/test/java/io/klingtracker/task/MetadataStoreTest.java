package io.klingtracker.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.testing.Schemas;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a caller keeps with a task: stored, told, found again. */
class MetadataStoreTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-01-31T12:30:00Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);

  @BeforeEach
  void tenants() {
    for (String tenant : List.of("acme", "other")) {
      jdbi.useHandle(
          h ->
              h.execute(
                  "insert into tenant (id, name, created_at) values (?, 'A', now())", tenant));
    }
  }

  @Test
  void is_on_the_task_and_on_every_event_of_it() throws Exception {
    String id = submitted("acme", "{\"order\":\"4711\",\"who\":\"J\\u00FCrgen\"}");
    running(id);

    Map<String, String> kept = Map.of("order", "4711", "who", "J\u00FCrgen");
    assertEquals(JSON.valueToTree(kept), JSON.readTree(task(id).metadata()));
    List<JsonNode> events = events(id);
    assertEquals(2, events.size());
    for (JsonNode event : events) {
      assertEquals(JSON.valueToTree(kept), event.get("metadata"));
    }
    Schemas.task(withTenant(id));
  }

  @Test
  void a_task_without_has_none_and_writes_nothing_for_it() {
    String id = submitted("acme", null);
    running(id);

    assertNull(task(id).metadata());
    assertTrue(events(id).stream().allMatch(event -> event.get("metadata").isNull()));
    assertEquals(0, labels());
  }

  @Test
  void a_task_of_another_program_has_it_too() {
    Submission tracked =
        tasks.track(
            new TrackedTask(
                "acme",
                "text2video",
                "default",
                null,
                null,
                null,
                "video",
                null,
                "{\"order\":\"4711\"}"));

    assertEquals(List.of(((Submission.Stored) tracked).taskId()), list("acme", "order", "4711"));
  }

  @Test
  void a_list_finds_those_that_have_all_pairs_newest_first() {
    String both = submitted("acme", "{\"order\":\"4711\",\"env\":\"prod\"}");
    String order = submitted("acme", "{\"order\":\"4711\",\"env\":\"test\"}");
    submitted("acme", "{\"order\":\"4712\",\"env\":\"prod\"}");
    submitted("acme", null);
    String strangers = submitted("other", "{\"order\":\"4711\",\"env\":\"prod\"}");

    assertEquals(List.of(order, both), list("acme", "order", "4711"));
    assertEquals(List.of(both), list("acme", "order", "4711", "env", "prod"));
    assertEquals(List.of(both), list("acme", "env", "prod", "order", "4711"));
    assertEquals(List.of(), list("acme", "order", "4711", "order", "4712"));
    assertEquals(List.of(), list("acme", "4711", "order"));
    assertEquals(List.of(), list("acme", "order", ""));
    assertEquals(List.of(strangers), list("other", "order", "4711"));
  }

  @Test
  void beside_every_other_filter() {
    List<String> ids = new ArrayList<>();
    for (String order : List.of("1", "2")) {
      for (TaskStatus status : TaskStatus.values()) {
        String id =
            GivenTask.of("acme")
                .externalTaskId(order + status)
                .metadata("{\"order\":\"" + order + "\"}")
                .submit(tasks);
        move(id, status);
        ids.add(id);
      }
    }
    for (TaskStatus status : TaskStatus.values()) {
      String id = ids.get(status.ordinal());
      assertEquals(List.of(id), list(filter(status, null, null, null, "1")), status.toString());
      assertEquals(List.of(id), list(filter(status, "1" + status, null, null, "1")));
      assertEquals(List.of(), list(filter(status, "1" + status, null, null, "2")));
      assertEquals(List.of(), list(filter(status, null, null, null, "3")));
    }
    assertEquals(List.of(), list(filter(null, "1queued", null, null, "2")));
    Instant now = clock.instant().plusMillis(1);
    assertEquals(7, list(filter(null, null, null, now, "1")).size());
    assertEquals(List.of(), list(filter(null, null, now, null, "1")));
  }

  @Test
  void is_read_page_by_page() {
    List<String> submitted = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      submitted.add(0, submitted("acme", "{\"env\":\"prod\"}"));
      clock.advance(Duration.ofMillis(1));
    }
    TaskFilter filter = labelled("env", "prod");

    List<Task> first = tasks.page("acme", filter, null, 2).tasks();
    List<Task> rest = tasks.page("acme", filter, first.get(1).id(), 9).tasks();

    List<String> read = new ArrayList<>();
    first.forEach(task -> read.add(task.id()));
    rest.forEach(task -> read.add(task.id()));
    assertEquals(submitted, read);
  }

  @Test
  void goes_with_its_task() {
    String id = submitted("acme", "{\"order\":\"4711\",\"env\":\"prod\"}");
    String other = submitted("acme", "{\"order\":\"4711\"}");
    assertEquals(3, labels());

    jdbi.useHandle(h -> h.execute("delete from task where id = ?", id));

    assertEquals(1, labels());
    assertEquals(List.of(other), list("acme", "order", "4711"));
  }

  @Test
  void the_longest_is_stored() {
    String value = "\uD83D\uDE00".repeat(250);
    String key = "k".repeat(40);
    String id = submitted("acme", "{\"" + key + "\":\"" + value + "\"}");

    assertEquals(List.of(id), list("acme", key, value));
  }

  private String submitted(String tenant, @Nullable String metadata) {
    GivenTask task = GivenTask.of(tenant);
    String id = (metadata == null ? task : task.metadata(metadata)).submit(tasks);
    clock.advance(Duration.ofMillis(1));
    return id;
  }

  private void running(String id) {
    tasks.apply(
        new News(
            id, Source.DISPATCH, new TaskSignal.Submitted(), "k" + id, null, null, "submitted"));
  }

  private void move(String id, TaskStatus status) {
    TaskSignal signal =
        switch (status) {
          case QUEUED -> null;
          case SUBMITTED -> new TaskSignal.Submitted();
          case PROCESSING -> new TaskSignal.Processing();
          case EXPIRED -> new TaskSignal.Expired("no news");
          case SUCCEED -> new TaskSignal.Succeed("{}");
          case FAILED -> new TaskSignal.Failed(null, "no");
          case CANCELED -> new TaskSignal.Canceled("no more");
        };
    if (signal == null) {
      return;
    }
    if (status == TaskStatus.SUBMITTED || status == TaskStatus.PROCESSING) {
      // As the dispatcher does before it sends.
      jdbi.useHandle(
          h ->
              h.execute(
                  "insert into open_task (task_id, tenant_id, account, family, slots, next_check_at)"
                      + " values (?, 'acme', 'default', 'video', 1, now())",
                  id));
    }
    tasks.apply(new News(id, Source.POLL, signal, null, null, null, status.wireName()));
  }

  private static TaskFilter filter(
      @Nullable TaskStatus status,
      @Nullable String externalTaskId,
      @Nullable Instant after,
      @Nullable Instant before,
      String order) {
    return new TaskFilter(
        null,
        status,
        null,
        externalTaskId,
        after,
        before,
        List.of(new TaskFilter.Label("order", order)));
  }

  private static TaskFilter labelled(String... pairs) {
    List<TaskFilter.Label> labels = new ArrayList<>();
    for (int i = 0; i < pairs.length; i += 2) {
      labels.add(new TaskFilter.Label(pairs[i], pairs[i + 1]));
    }
    return new TaskFilter(null, null, null, null, null, null, labels);
  }

  private List<String> list(String tenant, String... pairs) {
    return tasks.page(tenant, labelled(pairs), null, 50).tasks().stream().map(Task::id).toList();
  }

  private List<String> list(TaskFilter filter) {
    return tasks.page("acme", filter, null, 50).tasks().stream().map(Task::id).toList();
  }

  private Task task(String id) {
    return tasks.find("acme", id).orElseThrow();
  }

  /** As it is on Kafka. */
  private String withTenant(String id) throws Exception {
    return JSON.writeValueAsString(
        ((com.fasterxml.jackson.databind.node.ObjectNode)
                JSON.readTree(JSON.writeValueAsString(TaskView.of(task(id)))))
            .put("tenant", "acme"));
  }

  private List<JsonNode> events(String id) {
    return jdbi.withHandle(
        h ->
            h
                .createQuery(
                    "select payload::text from task_event where task_id = :id order by sequence")
                .bind("id", id)
                .mapTo(String.class)
                .list()
                .stream()
                .map(Schemas::event)
                .toList());
  }

  private long labels() {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from task_label").mapTo(Long.class).one());
  }
}
