package io.klingtracker.klingapi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.NewTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.Submission;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskChanged;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.TaskStatus;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.watch.ChangeNotifier;
import io.klingtracker.watch.Waits;
import io.klingtracker.watch.Watches;
import jakarta.ws.rs.core.Response;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Whatever fails after a task is stored, its create is answered 200. */
class StoredAnswersTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Duration LONG = Duration.ofMinutes(1);
  private static final KlingTask CREATED = KlingTask.created("task_1", null, Instant.EPOCH);

  private final Tasks tasks = TasksOnDatabase.of(DATABASE.jdbi(), Clock.systemUTC());
  private static ChangeNotifier notifier;

  private final Waits waits = Watches.waits(2);
  private String task = "";

  @BeforeAll
  static void a_replica() throws Exception {
    notifier = Watches.listening(DATABASE.jdbi());
  }

  @AfterAll
  static void stop() {
    Watches.stop(notifier);
  }

  @BeforeEach
  void a_stored_task() {
    Rows.tenants(DATABASE.jdbi(), "acme");
    task = ((Submission.Stored) tasks.submit(newTask())).taskId();
  }

  private static NewTask newTask() {
    return GivenTask.of("acme").task();
  }

  @Test
  void whoever_fails_to_hear_of_a_stored_task_does_not_make_it_an_error() {
    Tasks toDeafEars =
        TasksOnDatabase.of(
            DATABASE.jdbi(),
            Clock.systemUTC(),
            changes -> {
              throw new IllegalStateException("deaf");
            });

    assertInstanceOf(Submission.Stored.class, toDeafEars.submit(newTask()));
  }

  @Test
  void nobody_waits_where_all_places_are_taken() {
    waits.begin("acme", () -> {});
    waits.begin("acme", () -> {});

    assertCreated(join(ask(LONG, KlingTask::of)));
  }

  @Test
  void a_database_that_goes_away_before_or_during_the_wait_changes_nothing() {
    AtomicBoolean away = new AtomicBoolean();
    Tasks behindAFault =
        TasksOnDatabase.of(
            Jdbi.create(
                () -> {
                  if (away.get()) {
                    throw new SQLException("away", "08001");
                  }
                  return DATABASE.dataSource().getConnection();
                }),
            Clock.systemUTC());
    CompletableFuture<Response> during = ask(behindAFault, LONG, KlingTask::of);
    assertFalse(during.isDone());
    away.set(true);

    assertCreated(join(ask(behindAFault, LONG, KlingTask::of)));
    Watches.changed(
        notifier,
        new TasksChanged(List.of(new TaskChanged(task, "acme", 2, TaskStatus.SUBMITTED, false))));
    assertCreated(join(during));
  }

  @Test
  void a_place_that_another_tenant_needs_answers_with_the_task_as_it_is() {
    CompletableFuture<Response> first = ask(LONG, KlingTask::of);
    CompletableFuture<Response> second = ask(LONG, KlingTask::of);

    waits.begin("other", () -> {});

    assertCreated(join(first));
    assertFalse(second.isDone());
  }

  @Test
  void a_stop_of_the_service_answers_who_waits() {
    CompletableFuture<Response> waiting = ask(LONG, KlingTask::of);

    Watches.endAll(waits);

    assertCreated(join(waiting));
    assertCreated(join(ask(LONG, KlingTask::of)));
  }

  @Test
  void a_task_that_cannot_be_shown_changes_nothing() {
    tasks.apply(News.of(task, Source.POLL, new TaskSignal.Submitted()));

    assertCreated(
        join(
            ask(
                Duration.ofMillis(1),
                shown -> {
                  throw new IllegalStateException("no JSON");
                })));
    assertCreated(join(ask(Duration.ofMillis(1), shown -> new Object())));
  }

  @Test
  void a_wait_that_was_kept_is_confirmed() {
    Response answer = join(ask(Duration.ofMillis(1), KlingTask::of));

    assertEquals(200, answer.getStatus());
    assertEquals("wait=0", answer.getHeaderString("Preference-Applied"));
    assertTrue(String.valueOf(answer.getEntity()).contains("\"task_id\":\"task_1\""));
  }

  private CompletableFuture<Response> ask(Duration wait, Function<Task, Object> shown) {
    return ask(tasks, wait, shown);
  }

  private CompletableFuture<Response> ask(
      Tasks tasks, Duration wait, Function<Task, Object> shown) {
    return new StoredAnswers(tasks, Watches.longPoll(tasks, notifier, waits), new ObjectMapper())
        .answer(
            new Submissions.Accepted(UUID.randomUUID(), task, null, Instant.EPOCH, false, null),
            "acme",
            wait,
            CREATED,
            shown)
        .toCompletableFuture();
  }

  private static Response join(CompletableFuture<Response> answer) {
    return answer.orTimeout(20, TimeUnit.SECONDS).join();
  }

  /** The create's own answer. */
  private void assertCreated(Response answer) {
    assertEquals(200, answer.getStatus());
    assertNull(answer.getHeaderString("Preference-Applied"));
    Object entity = answer.getEntity();
    if (entity instanceof KlingEnvelope envelope) {
      assertEquals(CREATED, envelope.data());
    } else {
      assertTrue(String.valueOf(entity).contains("\"task_id\":\"task_1\""), entity.toString());
    }
  }
}
