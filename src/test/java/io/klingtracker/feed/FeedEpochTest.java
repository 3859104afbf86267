package io.klingtracker.feed;

import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.Submission;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.task.TrackedTask;
import io.klingtracker.testing.TestDatabase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A database that was dumped and restored has events that are above every transaction of its new
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
    restored(
        of == null
            ? text(jdbi, HERE).split("/")[0] + "/00000000"
            : of.replace("here", text(jdbi, HERE)));
    // Other events were read after the dump was made, and the last place was empty.
    Cursor cursor = new Cursor(number(jdbi, "select max(feed_position) from task") + 1_000_000, 7);

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
    assertEquals(0, number(jdbi, "select shift + epoch from feed_epoch"));
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
    assertEquals(2, number(jdbi, "select epoch from feed_epoch"));
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
      writer.execute("lock table task, task_event, outbox in row exclusive mode");
      for (int i = 0; i < 4; i++) {
        looks.add(CompletableFuture.supplyAsync(this::look));
      }
      while (number(jdbi, "select count(*) from pg_locks where not granted") < 4) {
        Thread.onSpinWait();
      }
      assertEquals(0, number(jdbi, "select epoch from feed_epoch"));
      writer.commit();
    }
    long begun = 0;
    for (CompletableFuture<Optional<String>> look : looks) {
      begun += look.get(20, TimeUnit.SECONDS).isPresent() ? 1 : 0;
    }
    assertEquals(1, begun);
    assertEquals(1, number(jdbi, "select epoch from feed_epoch"));
  }

  /** The locks of a VACUUM and of an index build. */
  @ParameterizedTest
  @ValueSource(strings = {"share update exclusive", "share"})
  void maintenance_of_the_large_tables_holds_no_epoch_up(String lock) throws Exception {
    restored("4711/00000001");
    try (Handle maintenance = jdbi.open()) {
      maintenance.begin();
      maintenance.execute("lock table task, task_event in " + lock + " mode");
      assertTrue(
          CompletableFuture.supplyAsync(this::look).get(20, TimeUnit.SECONDS).isPresent(),
          "begun beside it");
      maintenance.rollback();
    }
  }

  @Test
  void a_start_waits_for_a_lock_and_names_who_holds_it() throws Exception {
    restored("4711/00000001");
    List<String> said = new CopyOnWriteArrayList<>();
    FeedEpoch epoch = new FeedEpoch(briefly(), Duration.ofMinutes(2));
    CompletableFuture<Void> starting;
    try (Handle holder = jdbi.open()) {
      holder.begin();
      holder.execute("set local application_name = 'by hand'");
      holder.execute("lock table outbox in access exclusive mode");
      String pid = holder.createQuery("select pg_backend_pid()").mapTo(String.class).one();
      starting = CompletableFuture.runAsync(() -> epoch.begin(said::add));
      while (said.isEmpty()) {
        Thread.onSpinWait();
      }
      assertTrue(
          said.get(0).contains("a lock on outbox: held, it seems, by pid " + pid)
              && said.get(0).contains("'by hand'")
              && said.get(0).contains("tracker.start.wait=120 s"),
          said.get(0));
      assertEquals(0, number(jdbi, "select epoch from feed_epoch"));
      holder.rollback();
    }
    starting.get(60, TimeUnit.SECONDS);
    assertEquals(1, number(jdbi, "select epoch from feed_epoch"));
  }

  @Test
  void a_lock_that_does_not_end_ends_the_start_with_one_line() {
    restored("4711/00000001");
    FeedEpoch epoch = new FeedEpoch(briefly(), Duration.ofMillis(100));
    try (Handle holder = jdbi.open()) {
      holder.begin();
      holder.execute("lock table outbox in access exclusive mode");
      String line =
          String.valueOf(
              assertThrows(IllegalStateException.class, () -> epoch.begin(what -> {}))
                  .getMessage());
      assertTrue(line.contains("a lock on outbox") && line.lines().count() == 1, line);
      holder.rollback();
    }
  }

  /**
   * A snapshot of the volume has the same cluster, timeline and numbers as before; nothing in it
   * tells that it was restored. Whoever restores it says so, as operations.md shows.
   */
  @Test
  void a_snapshot_is_restored_without_a_trace_and_the_operator_begins_an_epoch() throws Exception {
    String before = submit();
    // Read by others while what has been restored did not know of it.
    Cursor cursor = new Cursor(number(jdbi, "select max(feed_position) from task") + 1_000_000, 7);
    assertEquals(Optional.empty(), follow(true), "unnoticed");
    submit();
    assertEquals(List.of(), store.page(TENANT, cursor, 10), "and missed");

    Matcher documented =
        Pattern.compile("(select feed_begin_epoch\\(.*\\));")
            .matcher(Files.readString(Path.of("src/docs/operations.md")));
    assertTrue(documented.find(), "operations.md shows the statement");
    assertEquals(1, number(jdbi, documented.group(1)));

    String task = submit();
    assertEquals(List.of(task), tasksOf(store.page(TENANT, cursor, 10)));
    assertEquals(before, store.page(TENANT, Cursor.START, 1).get(0).taskId());
    assertEquals(Optional.empty(), follow(true), "no other epoch follows");
    assertEquals(2, number(jdbi, documented.group(1)), "and it may be said again");
  }

  /** Sessions as the service's, which wait for a lock for a while only. */
  private static DataSource briefly() {
    PGSimpleDataSource sessions = new PGSimpleDataSource();
    sessions.setUrl(DATABASE.jdbcUrl());
    sessions.setUser(EmbeddedPostgresServer.USER);
    sessions.setOptions("-c lock_timeout=100ms");
    return sessions;
  }

  /** As a dump looks in another cluster: whatever it held is above all transactions. */
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
    return GivenTask.of(TENANT).submit(tasks);
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
}
