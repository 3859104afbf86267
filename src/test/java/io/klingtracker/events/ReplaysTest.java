package io.klingtracker.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.presence.DeadClaims;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A replay sends everything that was asked for, whoever dies on the way. */
class ReplaysTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final int TASKS = 5;
  private static final int CHANGES = 4;
  private static final int EVENTS = TASKS * CHANGES;
  private static final Replays.Selection ALL =
      new Replays.Selection(null, RelayRig.TENANT, null, null);

  private final Jdbi jdbi = DATABASE.jdbi();
  // Pages of three.
  private final RelayRig rig =
      new RelayRig(jdbi, Map.of("replay.rate", "15", "replay.ack-timeout", "50ms"));
  private final ReplayStore store = new ReplayStore(jdbi);
  private final TestClock clock =
      new TestClock(Instant.parse("2100-01-01T00:00:00Z").truncatedTo(ChronoUnit.MILLIS));
  private final Taking kafka = new Taking();

  /** Takes everything, in order, unless set otherwise. */
  private static class Taking implements EventSink {
    final List<OutboxMessage> taken = new ArrayList<>();

    @Override
    public CompletionStage<Void> send(OutboxMessage message) {
      taken.add(message);
      return CompletableFuture.completedFuture(null);
    }

    List<String> places() {
      return taken.stream().map(message -> message.key() + "/" + message.sequence()).toList();
    }
  }

  @BeforeEach
  void published_events() {
    rig.tenant();
    List<String> ids = IntStream.range(0, TASKS).mapToObj(RelayRig::taskId).toList();
    jdbi.useTransaction(handle -> ids.forEach(id -> RelayRig.submit(handle, id)));
    for (int i = 1; i < CHANGES; i++) {
      jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    }
    jdbi.useHandle(handle -> handle.execute("delete from outbox"));
  }

  private Replays worker(EventSink sink) {
    return new Replays(store, sink, rig.config, clock, new ReplicaId(), new Loops());
  }

  private static void finish(Replays worker) throws Exception {
    for (int i = 0; i < EVENTS && worker.runOnce(); i++) {
      // Bounded, so that a replay that never ends fails below.
    }
  }

  @Test
  void another_worker_goes_on_where_a_killed_one_stood() throws Exception {
    Replays first = worker(kafka);
    assertEquals(EVENTS, first.start(ALL).events());
    assertTrue(first.runOnce());
    assertTrue(first.runOnce());
    List<String> before = kafka.places();

    // Killed after sending its third page, before writing down that it did.
    Taking sent = new Taking();
    Replays dying =
        worker(
            new Taking() {
              @Override
              public CompletionStage<Void> send(OutboxMessage message) {
                sent.taken.add(message);
                return new CompletableFuture<>();
              }
            });
    assertEquals(1, DeadClaims.free(jdbi, "event_replay"));
    assertThrows(TimeoutException.class, dying::runOnce);
    assertEquals(3, sent.taken.size());

    Taking rest = new Taking();
    Replays successor = worker(rest);
    assertFalse(successor.runOnce(), "the claim is the dead one's still");
    assertEquals(1, DeadClaims.free(jdbi, "event_replay"));
    assertTrue(successor.runOnce());
    assertFalse(first.runOnce(), "it has been taken over");
    finish(successor);

    List<String> all = new ArrayList<>(before);
    all.addAll(kafka.places().subList(before.size(), kafka.taken.size()));
    all.addAll(rest.places());
    assertEquals(EVENTS, all.size(), "nothing twice but the page in flight");
    assertEquals(
        rig.committed().values().stream().sorted().toList(), all.stream().sorted().toList());
    assertEquals(sent.places(), all.subList(6, 9), "the page in flight came again");
    Replays.Replay done = successor.latest().orElseThrow();
    assertEquals("done", done.state());
    assertEquals(EVENTS, done.sent());
    for (int task = 0; task < TASKS; task++) {
      String id = RelayRig.taskId(task);
      assertEquals(
          List.of(id + "/1", id + "/2", id + "/3", id + "/4"),
          all.stream().filter(place -> place.startsWith(id)).toList());
    }
  }

  @Test
  void a_worker_that_wakes_after_its_claim_was_taken_writes_nothing() throws Exception {
    UUID replay = worker(kafka).start(ALL).id();
    Instant now = clock.instant();
    assertTrue(store.claim("paused", now, now.plusSeconds(1)).isPresent());
    clock.advance(Duration.ofSeconds(2));
    Replays other = worker(kafka);
    assertTrue(other.runOnce());
    assertFalse(store.advance(replay, "paused", new ReplayStore.Position("acme", 1, 1), 3, 0));
    finish(other);
    assertEquals(EVENTS, kafka.taken.size());
  }

  @Test
  void kafka_being_away_only_takes_time_and_what_it_never_takes_is_left_out() throws Exception {
    Taking moody =
        new Taking() {
          boolean away = true;

          @Override
          public CompletionStage<Void> send(OutboxMessage message) {
            if (away) {
              away = false;
              return CompletableFuture.failedFuture(new IllegalStateException("away"));
            }
            return message.sequence() == 2
                ? CompletableFuture.failedFuture(new RecordTooLargeException("too large"))
                : super.send(message);
          }
        };
    Replays worker = worker(moody);
    worker.start(ALL);
    assertThrows(ExecutionException.class, worker::runOnce);
    finish(worker);
    Replays.Replay done = worker.latest().orElseThrow();
    assertEquals("done", done.state());
    assertEquals(TASKS, done.skipped());
    assertEquals(EVENTS - TASKS, done.sent());
  }

  @Test
  void one_at_a_time_and_it_can_be_ended() throws Exception {
    Replays worker = worker(kafka);
    worker.start(ALL);
    assertThrows(ProblemException.class, () -> worker(kafka).start(ALL));
    assertTrue(worker.runOnce());
    assertEquals("canceled", worker.cancel().orElseThrow().state());
    assertFalse(worker.runOnce());
    assertEquals(3, kafka.taken.size());
    assertTrue(worker.cancel().isEmpty());
    worker.start(ALL);
  }
}
