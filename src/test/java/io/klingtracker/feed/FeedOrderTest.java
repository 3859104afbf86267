package io.klingtracker.feed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.watch.ChangeNotifier;
import io.klingtracker.watch.Waits;
import io.klingtracker.watch.Watches;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A reader that follows the cursor misses nothing, in whatever order transactions commit. */
class FeedOrderTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String TENANT = "acme";
  private static final int PAGE = 20;
  private static final Duration MOMENTS = Duration.ofSeconds(10);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final FeedStore store = new FeedStore(jdbi);
  private final AtomicInteger tasks = new AtomicInteger();

  @BeforeEach
  void a_tenant() {
    Rows.tenants(jdbi, TENANT);
  }

  @Test
  void an_event_that_commits_late_is_not_skipped() {
    try (Handle early = jdbi.open();
        Handle late = jdbi.open()) {
      early.begin();
      String first = insert(early, 1, "queued");
      String second = insert(late, 1, "queued");

      // The second has committed, but the first, with a lower number, is still under way.
      assertEquals(List.of(), tasksOf(store.page(TENANT, Cursor.START, PAGE)));
      early.commit();

      assertEquals(List.of(first, second), tasksOf(store.page(TENANT, Cursor.START, PAGE)));
    }
  }

  @Test
  void a_task_keeps_its_order_when_its_later_change_has_the_lower_transaction_number() {
    try (Handle older = jdbi.open();
        Handle newer = jdbi.open()) {
      older.begin();
      // The older transaction gets its number first, with some other task.
      String other = insert(older, 1, "queued");
      String task = insert(newer, 1, "queued");
      move(older, task, "submitted");
      older.commit();

      List<FeedEvent> events = store.page(TENANT, Cursor.START, PAGE);
      assertEquals(List.of(other, task, task), tasksOf(events));
      assertEquals(1, events.get(1).sequence());
      assertEquals(2, events.get(2).sequence());
    }
  }

  @Test
  void a_page_has_no_more_bytes_than_it_may_and_one_event_at_least() {
    List<String> ids = new ArrayList<>();
    jdbi.useHandle(
        handle -> {
          for (int i = 0; i < 4; i++) {
            ids.add(insert(handle, 1, "queued"));
          }
          handle.execute(
              "update task_event set payload = json_build_object('result', repeat('x', 3000000))");
        });
    List<FeedEvent> first = store.page(TENANT, Cursor.START, PAGE);
    assertEquals(ids.subList(0, 2), tasksOf(first));
    assertEquals(ids.subList(2, 4), tasksOf(store.page(TENANT, first.get(1).cursor(), PAGE)));
    assertEquals(
        ids.subList(0, 2), tasksOf(store.news(Map.of(TENANT, Cursor.START), PAGE).get(TENANT)));
    assertEquals(ids.subList(0, 1), tasksOf(store.ofTask(ids.get(0), 0, PAGE)));
  }

  @Test
  void a_rolled_back_change_is_never_seen() {
    try (Handle handle = jdbi.open()) {
      handle.begin();
      insert(handle, 1, "queued");
      handle.rollback();
    }
    assertEquals(List.of(), store.page(TENANT, Cursor.START, PAGE));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void writers_that_commit_in_any_order_lose_nothing_to_a_reader(long seed) throws Exception {
    int writers = 6;
    int rounds = 40;
    Random seeds = new Random(seed);
    ExecutorService threads = Executors.newFixedThreadPool(writers);
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < writers; i++) {
        long writerSeed = seeds.nextLong();
        running.add(threads.submit(() -> write(new Random(writerSeed), rounds)));
      }
      List<FeedEvent> seen = new ArrayList<>();
      Cursor cursor = Cursor.START;
      boolean done = false;
      int epochs = 0;
      while (true) {
        // Asked before reading: what was written by then must be read now.
        done = running.stream().allMatch(Future::isDone);
        List<FeedEvent> page = store.page(TENANT, cursor, PAGE);
        seen.addAll(page);
        if (seen.size() >= 20 * (epochs + 1)) {
          // As if the database had been restored elsewhere, under writers and readers.
          beginEpoch();
          epochs++;
        }
        if (!page.isEmpty()) {
          cursor = page.get(page.size() - 1).cursor();
        } else if (done) {
          break;
        }
      }
      for (Future<?> future : running) {
        future.get();
      }
      Set<UUID> committed =
          new HashSet<>(
              jdbi.withHandle(
                  h -> h.createQuery("select event_id from task_event").mapTo(UUID.class).list()));
      Set<UUID> read = new HashSet<>(seen.stream().map(FeedEvent::eventId).toList());
      assertEquals(committed, read, "seed " + seed);
      assertEquals(committed.size(), seen.size(), "repeats, seed " + seed);
      Map<String, Integer> last = new HashMap<>();
      for (FeedEvent event : seen) {
        assertEquals(
            last.getOrDefault(event.taskId(), 0) + 1, event.sequence(), "order, seed " + seed);
        last.put(event.taskId(), event.sequence());
      }
      assertTrue(committed.size() > rounds, "the writers wrote, seed " + seed);
      assertTrue(epochs > 1, "there were epochs, seed " + seed);
    } finally {
      threads.shutdownNow();
    }
  }

  private void beginEpoch() throws SQLException {
    try (Handle handle = jdbi.open()) {
      handle.execute("update feed_epoch set cluster = 'elsewhere/00000001'");
      assertTrue(FeedEpoch.follow(handle.getConnection(), false).isPresent());
    }
  }

  /** Transactions of one to three changes with pauses between, some of them rolled back. */
  private void write(Random random, int rounds) {
    List<String> own = new ArrayList<>();
    for (int i = 0; i < rounds; i++) {
      try (Handle handle = jdbi.open()) {
        handle.begin();
        // The service writes an event and its row in the outbox with one statement, which holds
        // this lock before it looks at the epoch.
        handle.execute("lock table outbox in row exclusive mode");
        List<String> fresh = new ArrayList<>();
        for (int change = random.nextInt(3); change >= 0; change--) {
          if (own.isEmpty() || random.nextBoolean()) {
            fresh.add(insert(handle, 1, "queued"));
          } else {
            move(handle, own.remove(random.nextInt(own.size())), "submitted");
          }
          Thread.onSpinWait();
        }
        handle.execute("select pg_sleep(?)", random.nextInt(4) / 1000.0);
        if (random.nextInt(10) == 0) {
          handle.rollback();
        } else {
          handle.commit();
          own.addAll(fresh);
        }
      }
    }
  }

  @Test
  void readers_are_handed_what_comes_and_fall_back_to_the_database_when_slow() throws Exception {
    FeedHub hub = new FeedHub(store, Watches.over(jdbi), 5, 3, Duration.ofMinutes(1), new Loops());
    Waits waits = Watches.waits(10);
    FeedReader quick = new FeedReader(hub, store, waits, 5, TENANT, new Bookmark(Cursor.START, 0));
    FeedReader slow = new FeedReader(hub, store, waits, 5, TENANT, new Bookmark(Cursor.START, 0));
    List<String> expected = new ArrayList<>();
    List<String> quickSaw = new ArrayList<>();
    List<String> slowSaw = new ArrayList<>();
    Duration moment = Duration.ofMillis(1);
    assertEquals(List.of(), quick.next(moment).await().indefinitely());
    assertEquals(List.of(), slow.next(moment).await().indefinitely());
    try (Handle handle = jdbi.open()) {
      for (int i = 0; i < 12; i++) {
        expected.add(insert(handle, 1, "queued"));
        hub.runOnce();
        quickSaw.addAll(tasksOf(quick.next(moment).await().indefinitely()));
        assertTrue(slow.buffer.size() <= 3, "the buffer is bounded");
      }
    }
    for (int i = 0; i < 10; i++) {
      slowSaw.addAll(tasksOf(slow.next(moment).await().indefinitely()));
    }
    assertEquals(expected, quickSaw);
    assertEquals(expected, slowSaw);
    quick.close();
    slow.close();
  }

  @Test
  void a_reader_that_takes_nothing_is_cut_off_and_misses_nothing_when_it_comes_back()
      throws Exception {
    FeedConfig config = () -> Duration.ofMillis(10);
    ChangeNotifier notifier = Watches.over(jdbi);
    FeedHub hub = new FeedHub(store, notifier, 5, 3, Duration.ofNanos(1), new Loops());
    Feed feed = new Feed(store, hub, notifier, Watches.waits(10), config);
    AssertSubscriber<List<FeedEvent>> stuck =
        feed.stream(TENANT, Cursor.START).subscribe().withSubscriber(AssertSubscriber.create(1));
    // A sign of life: the hub has it on its list. It asks for no more.
    assertEquals(List.of(), stuck.awaitNextItem().getLastItem());
    List<String> expected = new ArrayList<>();
    try (Handle handle = jdbi.open()) {
      for (int i = 0; i < 12; i++) {
        expected.add(insert(handle, 1, "queued"));
        hub.runOnce();
      }
    }
    hub.runOnce();
    stuck.awaitCompletion();

    FeedReader again = feed.follow(TENANT, Cursor.START);
    List<String> tasks = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      tasks.addAll(tasksOf(again.next(Duration.ofMillis(1)).await().indefinitely()));
    }
    again.close();
    assertEquals(expected, tasks);
  }

  @Test
  void a_stream_whose_place_is_needed_ends_and_a_poll_is_answered_at_once() {
    FeedConfig config = () -> Duration.ofHours(1);
    ChangeNotifier notifier = Watches.over(jdbi);
    Waits waits = Watches.waits(4);
    FeedHub hub = new FeedHub(store, notifier, 5, 3, Duration.ofMinutes(1), new Loops());
    Feed feed = new Feed(store, hub, notifier, waits, config);
    FeedReader poll = feed.follow(TENANT, feed.now());
    CompletableFuture<List<FeedEvent>> polled =
        poll.next(Duration.ofHours(1)).subscribeAsCompletionStage();

    AssertSubscriber<List<FeedEvent>> stream =
        feed.stream(TENANT, feed.now()).subscribe().withSubscriber(AssertSubscriber.create(10));
    AssertSubscriber<List<FeedEvent>> ofTask =
        feed.stream(TENANT, "task_1", 0).subscribe().withSubscriber(AssertSubscriber.create(10));
    waits.begin(TENANT, () -> {});

    waits.begin("other", () -> {});
    assertEquals(List.of(), polled.orTimeout(10, TimeUnit.SECONDS).join());
    poll.close();
    waits.begin("other", () -> {});
    stream.awaitCompletion();

    assertThrows(ProblemException.class, () -> feed.follow(TENANT, Cursor.START));
    Watches.endAll(waits);
    ofTask.awaitCompletion();
    // Streams that begin while it stops end at once, and are begun anew elsewhere.
    AssertSubscriber<List<FeedEvent>> late =
        feed.stream("fourth", feed.now()).subscribe().withSubscriber(AssertSubscriber.create(10));
    late.awaitCompletion();
    AssertSubscriber<List<FeedEvent>> lateOfTask =
        feed.stream("sixth", "task_1", 0).subscribe().withSubscriber(AssertSubscriber.create(10));
    lateOfTask.awaitCompletion();
    try (FeedReader latePoll = feed.follow("fifth", feed.now())) {
      assertEquals(List.of(), latePoll.next(Duration.ofHours(1)).await().atMost(MOMENTS));
    }
  }

  private static List<String> tasksOf(List<FeedEvent> events) {
    return events.stream().map(FeedEvent::taskId).toList();
  }

  /** The same rule for {@code feed_position} as in the statements of the core. */
  private String insert(Handle handle, int sequence, String status) {
    String id = "task_" + String.format("%026d", tasks.incrementAndGet());
    handle.execute(
        """
        insert into task (id, tenant_id, kind, status, sequence, feed_position, created_at, updated_at)
        values (?, ?, 'text2video', cast(? as task_status), ?,
          pg_current_xact_id()::text::bigint + (select shift from feed_epoch), now(), now())
        """,
        id,
        TENANT,
        status,
        sequence);
    event(handle, id);
    return id;
  }

  private static void move(Handle handle, String id, String status) {
    handle.execute(
        """
        update task set previous_status = status, status = cast(? as task_status), sequence = sequence + 1,
          feed_position = greatest(feed_position,
            pg_current_xact_id()::text::bigint + (select shift from feed_epoch))
        where id = ?
        """,
        status,
        id);
    event(handle, id);
  }

  private static void event(Handle handle, String id) {
    handle.execute(
        """
        insert into task_event (task_id, sequence, event_id, tenant_id, status, previous_status, source, occurred_at,
          feed_position, payload)
        select id, sequence, gen_random_uuid(), tenant_id, status, previous_status, 'submit', now(), feed_position, '{}'
        from task where id = ?
        """,
        id);
  }
}
