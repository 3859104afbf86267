package io.klingtracker.events;

import static io.klingtracker.testing.Rows.number;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.SetAside;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A replay sends everything that was asked for, whoever dies on the way, and delays nothing. */
class ReplaysTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int TASKS = 5;
  private static final int CHANGES = 4;
  private static final int EVENTS = TASKS * CHANGES;
  private static final Replays.Selection ALL =
      new Replays.Selection(null, RelayRig.TENANT, null, null);

  private final Jdbi jdbi = DATABASE.jdbi();

  // A window of which a replay may have two.
  private final RelayRig rig = new RelayRig(jdbi, Map.of("window", "8", "retry-cap", "20ms"));
  private final TestClock clock = new TestClock(Instant.parse("2100-01-01T00:00:00Z"));
  private final Replays replays = new Replays(jdbi, rig.setAside, rig.config, clock);
  private final List<String> ids = IntStream.range(0, TASKS).mapToObj(RelayRig::taskId).toList();
  private final Taking kafka = new Taking();

  /** Takes everything at once, but what it is to refuse, or to keep waiting for an answer. */
  private static final class Taking implements EventSink {
    final List<OutboxMessage> taken = Collections.synchronizedList(new ArrayList<>());
    final Map<Integer, Exception> refused = new ConcurrentHashMap<>();
    volatile boolean keepsReplayed;

    @Override
    public CompletionStage<Void> send(OutboxMessage message) {
      Exception refusal = refused.get(message.sequence());
      if (refusal != null) {
        return CompletableFuture.failedFuture(refusal);
      }
      taken.add(message);
      return keepsReplayed && message.replayed()
          ? new CompletableFuture<>()
          : CompletableFuture.completedFuture(null);
    }

    List<Integer> sequencesOf(String taskId) {
      synchronized (taken) {
        return taken.stream()
            .filter(message -> message.key().equals(taskId))
            .map(OutboxMessage::sequence)
            .toList();
      }
    }
  }

  @BeforeEach
  void published_events() {
    rig.tenant();
    jdbi.useTransaction(handle -> ids.forEach(id -> RelayRig.submit(handle, id)));
    for (int i = 1; i < CHANGES; i++) {
      jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    }
    jdbi.useHandle(handle -> handle.execute("delete from outbox"));
  }

  private Replays.Replay latest() {
    return replays.latest().orElseThrow();
  }

  private void finish() {
    await().atMost(LIMIT).until(() -> latest().state().equals("done"));
  }

  @Test
  void a_replay_goes_out_marked_in_order_and_without_states() {
    assertEquals(EVENTS, replays.count(ALL));
    Replays.Replay begun = replays.start(ALL);
    assertEquals("running", begun.state());
    assertEquals(EVENTS, begun.events());
    assertEquals(0, begun.sent());
    assertEquals(0, rig.unpublished(), "no alarm: Kafka has had them");
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      finish();
    }
    assertEquals(EVENTS, latest().sent());
    assertEquals(EVENTS, kafka.taken.size());
    ids.forEach(id -> assertEquals(List.of(1, 2, 3, 4), kafka.sequencesOf(id)));
    Map<String, String> committed = rig.committed();
    for (OutboxMessage message : kafka.taken) {
      assertTrue(message.replayed());
      assertEquals(null, message.state());
      assertEquals(
          message.key() + "/" + message.sequence(),
          committed.get(String.valueOf(message.eventId())));
    }
  }

  @Test
  void whoever_comes_after_a_killed_relay_goes_on_where_it_was() {
    replays.start(ALL);
    Relay killed = rig.relay(kafka);
    while (latest().sent() < 5) {
      killed.runOnce();
    }
    kafka.keepsReplayed = true;
    for (int pass = 0; pass < 3; pass++) {
      killed.runOnce();
    }
    killed.abort();
    long sent = latest().sent();
    int taken = kafka.taken.size();
    assertTrue(sent < taken, "some were sent, and nobody knows whether they arrived");

    Taking others = new Taking();
    try (Relay successor = rig.relay(others)) {
      successor.loop().start();
      finish();
    }
    assertEquals(EVENTS, latest().sent());
    assertEquals(EVENTS - sent, others.taken.size(), "nothing again but what was under way");
    Set<String> all = new TreeSet<>();
    for (Taking sink : List.of(kafka, others)) {
      sink.taken.forEach(message -> all.add(String.valueOf(message.eventId())));
    }
    assertEquals(new TreeSet<>(rig.committed().keySet()), all);
  }

  @Test
  void a_live_event_passes_a_replay_its_own_tasks_too() {
    replays.start(ALL);
    kafka.keepsReplayed = true;
    try (Relay relay = rig.relay(kafka)) {
      while (kafka.taken.size() < 2) {
        relay.runOnce();
      }
      String replayed = kafka.taken.get(0).key();
      jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
      relay.wake();
      for (int pass = 0; pass < 5; pass++) {
        relay.runOnce();
      }
      assertEquals(0, rig.unpublished(), "all live ones are out");
      assertEquals(List.of(1, 5), kafka.sequencesOf(replayed));
      assertEquals(2 + TASKS, kafka.taken.size(), "of the replay no more than its part is read");
      assertEquals("running", latest().state());
    }
  }

  @Test
  void a_backlog_goes_out_before_a_replay() {
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    replays.start(ALL);
    assertEquals(EVENTS, latest().events(), "what Kafka does not have yet is no part of it");
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      finish();
    }
    assertEquals(15, kafka.taken.stream().takeWhile(message -> !message.replayed()).count());
    assertEquals(15 + EVENTS, kafka.taken.size());
  }

  @Test
  void kafka_being_away_only_takes_time_and_what_it_never_takes_is_left_out() {
    replays.start(ALL);
    kafka.refused.put(1, new NotLeaderOrFollowerException("away"));
    kafka.refused.put(2, new RecordTooLargeException("too large"));
    try (Relay relay = rig.relay(kafka)) {
      for (int pass = 0; pass < 5; pass++) {
        relay.runOnce();
      }
      assertEquals(0, latest().sent());
      kafka.refused.remove(1);
      relay.loop().start();
      finish();
    }
    assertEquals(TASKS, latest().skipped());
    assertEquals(EVENTS - TASKS, latest().sent());
    ids.forEach(id -> assertEquals(List.of(1, 3, 4), kafka.sequencesOf(id)));
    assertEquals(0, rig.store.lag().aside(), "the tasks' next events are not held up");
  }

  @Test
  void what_retention_has_removed_meanwhile_is_left_out() {
    replays.start(ALL);
    RelayRig.remove(jdbi, ids.get(0));
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      finish();
    }
    assertEquals(CHANGES, latest().skipped());
    assertEquals(EVENTS - CHANGES, latest().sent());
  }

  @Test
  void one_at_a_time_and_it_can_be_ended() {
    replays.start(ALL);
    assertThrows(ProblemException.class, () -> replays.start(ALL));
    try (Relay relay = rig.relay(kafka)) {
      while (latest().sent() == 0) {
        relay.runOnce();
      }
      Replays.Replay canceled = replays.cancel().orElseThrow();
      assertEquals("canceled", canceled.state());
      assertTrue(canceled.sent() > 0 && canceled.sent() < EVENTS, "sent " + canceled.sent());
      for (int pass = 0; pass < 5; pass++) {
        relay.runOnce();
      }
      assertTrue(kafka.taken.size() <= canceled.sent() + 2, "what was in memory alone follows");
      assertEquals(canceled, latest());
      assertTrue(replays.cancel().isEmpty());
      assertEquals("running", replays.start(ALL).state());
    }
  }

  @Test
  void of_many_that_are_asked_for_at_once_one_begins() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    int begun = 0;
    try {
      List<Callable<Boolean>> calls =
          Collections.nCopies(
              16,
              () -> {
                try {
                  replays.start(ALL);
                  return true;
                } catch (ProblemException e) {
                  return false;
                }
              });
      for (Future<Boolean> call : threads.invokeAll(calls)) {
        begun += call.get() ? 1 : 0;
      }
    } finally {
      threads.shutdownNow();
    }
    assertEquals(1, begun);
    assertEquals(EVENTS, latest().events());
  }

  @Test
  void one_that_is_too_large_does_not_begin() {
    Replays small =
        new Replays(
            jdbi, rig.setAside, RelayRig.config(Map.of("replay.limit", EVENTS - 1 + "")), clock);
    assertThrows(ProblemException.class, () -> small.start(ALL));
    assertTrue(small.latest().isEmpty());
  }

  @Test
  void where_debezium_reads_the_events_a_replay_is_ours_still() {
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    RelayRig other = new RelayRig(jdbi, Map.of("relay", "debezium"));
    replays.start(ALL);
    assertEquals(TASKS, other.store.empty(100));
    try (Relay relay = other.relay(kafka)) {
      relay.loop().start();
      finish();
    }
    assertEquals(EVENTS, kafka.taken.size());
  }

  @Test
  void a_row_that_cannot_be_deleted_is_sent_once_and_set_aside_alone() {
    replays.start(ALL);
    try (Refusing refusing = Refusing.rows(jdbi, "outbox", "task_id", ids.get(1), "P0001");
        Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      finish();
      assertEquals(EVENTS, latest().sent());
      assertEquals(0, rig.store.lag().aside());
      assertEquals(List.of(1, 2, 3, 4), kafka.sequencesOf(ids.get(1)));
      assertEquals(CHANGES, aside().size());
    }
    assertTrue(replays.cancel().isEmpty(), "none is under way");

    // The next one is of all others, until somebody has those tried again.
    assertEquals(EVENTS - CHANGES, replays.start(ALL).events());
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      finish();
      aside().forEach(item -> assertTrue(rig.setAside.retry(item.id())));
      await().atMost(LIMIT).until(() -> number(jdbi, "select count(*) from outbox") == 0);
    }
  }

  @Test
  void a_row_that_cannot_be_deleted_keeps_no_replay_from_being_ended() {
    replays.start(ALL);
    try (Refusing refusing = Refusing.rows(jdbi, "outbox", "task_id", ids.get(1), "P0001")) {
      Replays.Replay canceled = replays.cancel().orElseThrow();
      assertEquals("canceled", canceled.state());
      assertEquals(0, canceled.sent());
      assertEquals(CHANGES, aside().size());
    }
    assertEquals("running", replays.start(ALL).state());
  }

  private List<SetAside.Item> aside() {
    return rig.setAside.page("replay", SetAside.Position.START, EVENTS);
  }

  @Test
  void what_is_left_out_is_counted_once_though_its_row_could_not_be_deleted_at_first() {
    replays.start(ALL);
    kafka.refused.put(2, new RecordTooLargeException("too large"));
    try (Relay relay = rig.relay(kafka)) {
      try (Refusing refusing = Refusing.rows(jdbi, "outbox", "sequence", "2", "57P01")) {
        assertThrows(
            RuntimeException.class,
            () -> {
              for (int pass = 0; pass < 1_000; pass++) {
                relay.runOnce();
              }
            });
        assertEquals(0, latest().skipped(), "its row is there still");
      }
      relay.loop().start();
      finish();
    }
    assertEquals(TASKS, latest().skipped());
    assertEquals(EVENTS - TASKS, latest().sent());
  }

  @Test
  void it_is_put_back_and_taken_out_a_batch_at_a_time() {
    List<String> many = IntStream.range(TASKS, 505).mapToObj(RelayRig::taskId).toList();
    jdbi.useTransaction(handle -> many.forEach(id -> RelayRig.submit(handle, id)));
    for (int i = 1; i < CHANGES; i++) {
      jdbi.useTransaction(handle -> RelayRig.change(handle, many));
    }
    jdbi.useHandle(
        handle -> {
          handle.execute("delete from outbox");
          handle.execute(
              """
              create function test_at_most() returns trigger language plpgsql as $$
              begin
                if (select count(*) from touched) > %d then
                  raise exception 'as many as take longer than a statement may';
                end if;
                return null;
              end $$
              """
                  .formatted(Replays.BATCH));
          handle.execute(
              """
              create trigger test_put after insert on outbox referencing new table as touched
              for each statement execute function test_at_most()
              """);
          handle.execute(
              """
              create trigger test_taken after delete on outbox referencing old table as touched
              for each statement execute function test_at_most()
              """);
        });
    long events = 505L * CHANGES;
    assertTrue(events > Replays.BATCH);
    try {
      assertEquals(events, replays.start(ALL).events());
      assertEquals(events, number(jdbi, "select count(*) from outbox where replayed"));

      Replays.Replay canceled = replays.cancel().orElseThrow();
      assertEquals("canceled", canceled.state());
      assertEquals(0, canceled.sent());
      assertEquals(0, number(jdbi, "select count(*) from outbox"));
    } finally {
      jdbi.useHandle(handle -> handle.execute("drop function test_at_most() cascade"));
    }
  }

  @Test
  void whoever_ends_it_waits_for_no_row_that_the_relay_is_deleting() {
    replays.start(ALL);
    try (Handle relay = jdbi.open()) {
      relay.begin();
      relay.execute("delete from outbox where replayed and task_id = ?", ids.get(1));
      Replays.Replay canceled =
          assertTimeoutPreemptively(LIMIT, () -> replays.cancel().orElseThrow());
      assertEquals("canceled", canceled.state());
      relay.commit();
    }
    assertEquals(0, number(jdbi, "select count(*) from outbox"));
    assertEquals(CHANGES, latest().sent(), "those were sent");
  }
}
