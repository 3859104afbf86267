package io.klingtracker.feed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.task.NewTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.Submission;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.task.TrackedTask;
import io.klingtracker.testing.TestDatabase;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A database that was dumped and restored has events that stand above every transaction of its new
 * cluster. Events are written as the service writes them.
 */
class FeedEpochTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String TENANT = "acme";
  private static final String HERE = "select feed_cluster()";

  /** Far above what a test's cluster has seen. */
  private static final long ABOVE = 5_000_000_000L;

  private final Jdbi jdbi = DATABASE.jdbi();
  private final FeedStore store = new FeedStore(jdbi);
  private final Tasks tasks = TasksOnDatabase.of(jdbi, Clock.systemUTC());

  @BeforeEach
  void the_first_epoch_of_a_tenant() {
    jdbi.useHandle(
        h -> {
          h.execute("insert into tenant values (?, 'Acme', now())", TENANT);
          h.execute(
              "update feed_epoch set epoch = 0, shift = 0, cluster = feed_cluster(), began_at = null, reason = null");
        });
  }

  @ParameterizedTest
  @CsvSource({
    "another cluster,        4711/00000001, restored into another cluster",
    "an earlier timeline,    ,              'promoted, or restored to a point in time'",
    "no cluster to be known, here,          'restored, with events above every transaction'"
  })
  void a_cursor_of_before_the_restore_sees_all_that_comes(String what, String of, String why)
      throws SQLException {
    String before = submit();
    restored(of == null ? text(HERE).split("/")[0] + "/00000000" : of.replace("here", text(HERE)));
    // Other events were read after the dump was made, and nothing at all stood at the last place.
    Cursor cursor = new Cursor(number("select max(feed_position) from task") + 1_000_000, 7);

    assertEquals(Optional.of(why), follow(true));
    String queued = submit();
    tasks.apply(News.of(before, Source.POLL, new TaskSignal.Processing()));
    tasks.apply(News.of(queued, Source.POLL, new TaskSignal.Processing()));
    String tracked = track();

    List<FeedEvent> page = store.page(TENANT, cursor, 10);
    assertEquals(List.of(queued, before, queued, tracked), tasksOf(page), what);
    assertEquals(page, store.news(Map.of(TENANT, cursor), 10).get(TENANT));
    assertEquals(
        before, store.page(TENANT, Cursor.START, 1).get(0).taskId(), "what was there comes first");
    assertTrue(store.head().compareTo(page.get(3).cursor()) >= 0);
    assertEquals(Optional.empty(), follow(true), "once");
  }

  @Test
  void without_a_restore_nothing_changes() throws SQLException {
    submit();
    assertEquals(Optional.empty(), follow(false));
    assertEquals(Optional.empty(), follow(true));
    assertEquals(0, number("select shift + epoch from feed_epoch"));
  }

  @Test
  void a_restore_of_a_restore_goes_on_above_the_first() throws SQLException {
    restored("4711/00000001");
    follow(false);
    submit();
    Cursor cursor = store.head();
    jdbi.useHandle(h -> h.execute("update feed_epoch set cluster = '4712/00000001'"));
    follow(false);

    String task = submit();

    assertEquals(List.of(task), tasksOf(store.page(TENANT, cursor, 10)));
    assertEquals(2, number("select epoch from feed_epoch"));
  }

  @Test
  void a_session_that_writes_nothing_begins_no_epoch() throws SQLException {
    restored("4711/00000001");
    try (Handle handle = jdbi.open()) {
      handle.begin();
      handle.execute("set transaction read only");
      assertEquals(Optional.empty(), FeedEpoch.follow(handle.getConnection(), true));
      handle.rollback();
    }
    assertTrue(follow(false).isPresent());
  }

  @Test
  void sessions_that_look_at_once_begin_one_epoch_after_who_is_writing() throws Exception {
    restored("4711/00000001");
    List<CompletableFuture<Optional<String>>> looks = new ArrayList<>();
    try (Handle writer = jdbi.open()) {
      writer.begin();
      writer.execute("lock table task_event in row exclusive mode");
      for (int i = 0; i < 4; i++) {
        looks.add(CompletableFuture.supplyAsync(this::look));
      }
      while (number("select count(*) from pg_locks where not granted") < 4) {
        Thread.onSpinWait();
      }
      assertEquals(0, number("select epoch from feed_epoch"));
      writer.commit();
    }
    long begun = 0;
    for (CompletableFuture<Optional<String>> look : looks) {
      begun += look.get(20, TimeUnit.SECONDS).isPresent() ? 1 : 0;
    }
    assertEquals(1, begun);
    assertEquals(1, number("select epoch from feed_epoch"));
  }

  /** As a dump looks in another cluster: whatever it held stands above all transactions. */
  private void restored(String cluster) {
    jdbi.useHandle(
        h -> {
          h.execute("update task set feed_position = feed_position + ?", ABOVE);
          h.execute("update task_event set feed_position = feed_position + ?", ABOVE);
          h.execute("update feed_epoch set cluster = ?", cluster);
        });
  }

  private Optional<String> look() {
    try {
      return follow(false);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private Optional<String> follow(boolean lookAtEvents) throws SQLException {
    try (Handle handle = jdbi.open()) {
      return FeedEpoch.follow(handle.getConnection(), lookAtEvents);
    }
  }

  private String submit() {
    return ((Submission.Stored)
            tasks.submit(
                new NewTask(
                    TENANT,
                    "text2video",
                    "{}",
                    null,
                    null,
                    "kling-v3",
                    "kling-v3",
                    "video",
                    1,
                    null,
                    5,
                    null,
                    null)))
        .taskId();
  }

  private String track() {
    return ((Submission.Stored)
            tasks.track(
                new TrackedTask(TENANT, "text2video", "default", "871", null, "kling-v3", "video")))
        .taskId();
  }

  private static List<String> tasksOf(List<FeedEvent> events) {
    return events.stream().map(FeedEvent::taskId).toList();
  }

  private String text(String sql) {
    return jdbi.withHandle(h -> h.createQuery(sql).mapTo(String.class).one());
  }

  private long number(String sql) {
    return jdbi.withHandle(h -> h.createQuery(sql).mapTo(Long.class).one());
  }
}
