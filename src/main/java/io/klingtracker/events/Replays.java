package io.klingtracker.events;

import io.klingtracker.loops.Attempts;
import io.klingtracker.loops.Loops;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.quarkus.runtime.Startup;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SerializationException;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Sends events again that Kafka has had before, with the ids they had and marked as replayed. One
 * replay at a time, processed page by page beside the relay, at a bounded rate, by the replica that
 * has claimed it. Its position is in the database: after a crash, or while Kafka is away, it
 * continues from there, and at most a page comes again.
 */
@Startup
@Singleton
class Replays {

  private static final Logger LOG = Logger.getLogger(Replays.class);
  private static final int PAGES_PER_SECOND = 5;

  private final ReplayStore store;
  private final EventSink sink;
  private final RelayConfig.Replay config;
  private final Clock clock;
  private final String owner;
  private final Attempts attempts = new Attempts();
  private final WorkLoop loop;

  /** Which events; null means all. */
  record Selection(
      @Nullable String taskId,
      @Nullable String tenant,
      @Nullable Instant from,
      @Nullable Instant to) {}

  /**
   * A replay and how far it is.
   *
   * @param position Kafka has everything up to there
   * @param state {@code running}, {@code done} or {@code canceled}
   * @param skipped events that Kafka will never take
   */
  record Replay(
      UUID id,
      Selection selection,
      ReplayStore.Position position,
      String state,
      long events,
      long sent,
      long skipped) {}

  @Inject
  Replays(
      ReplayStore store,
      KafkaChannels channels,
      RelayConfig config,
      Clock clock,
      ReplicaId me,
      Presence presence,
      Loops loops) {
    this(store, channels.sink(true), config, clock, me, loops);
    presence.frees("replay", "event_replay", loop::wake);
  }

  Replays(
      ReplayStore store,
      EventSink sink,
      RelayConfig config,
      Clock clock,
      ReplicaId me,
      Loops loops) {
    this.owner = me.id();
    this.store = store;
    this.sink = sink;
    this.config = config.replay();
    this.clock = clock;
    this.loop =
        loops.add(
            WorkLoop.named("replay")
                .every(this.config.poll())
                .atEnd(() -> store.release(owner))
                .work(this::runOnce));
  }

  long count(Selection selection) {
    return store.count(selection);
  }

  Replay start(Selection selection) {
    Instant now = clock.instant();
    Instant to = selection.to();
    Selection closed =
        new Selection(
            selection.taskId(),
            selection.tenant(),
            selection.from(),
            to == null || to.isAfter(now) ? now : to);
    long events = store.count(closed);
    if (events > config.limit()) {
      throw new ProblemException(
          ErrorCode.INVALID_REQUEST,
          events + " events are more than one replay may send; narrow it down");
    }
    UUID id = UUID.randomUUID();
    if (!store.ask(id, closed, events, now, config.keep())) {
      throw new ProblemException(
          ErrorCode.CONFLICT, "a replay is under way; see GET /admin/v1/events/replay");
    }
    loop.wake();
    return new Replay(id, closed, new ReplayStore.Position("", 0, 0), "running", events, 0, 0);
  }

  Optional<Replay> latest() {
    return store.latest();
  }

  /** Ends the replay under way after the page that is being sent. */
  Optional<Replay> cancel() {
    return store.cancel(clock.instant());
  }

  /** Sends one page of the replay under way; true when there may be another. */
  boolean runOnce() throws InterruptedException, ExecutionException, TimeoutException {
    long began = System.nanoTime();
    Instant now = clock.instant();
    Replay replay = store.claim(owner, now, now.plus(Presence.CLAIM)).orElse(null);
    if (replay == null) {
      return false;
    }
    int size = Math.max(1, config.rate() / PAGES_PER_SECOND);
    List<ReplayStore.Replayed> page = store.page(replay.selection(), replay.position(), size);
    if (page.isEmpty()) {
      store.finish(replay.id(), owner, clock.instant());
      return false;
    }
    int skipped = send(page);
    ReplayStore.Position position = page.get(page.size() - 1).position();
    boolean ours = store.advance(replay.id(), owner, position, page.size() - skipped, skipped);
    pause(began, page.size());
    return ours;
  }

  /** Waits for Kafka's word on each; how many it will never take. */
  private int send(List<ReplayStore.Replayed> page)
      throws InterruptedException, ExecutionException, TimeoutException {
    List<CompletableFuture<Void>> sends = new ArrayList<>();
    page.forEach(event -> sends.add(begin(event.message())));
    long deadline = System.nanoTime() + config.ackTimeout().toNanos();
    Map<OutboxMessage, ExecutionException> refused = new LinkedHashMap<>();
    for (int i = 0; i < sends.size(); i++) {
      try {
        sends.get(i).get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      } catch (ExecutionException e) {
        refused.put(page.get(i).message(), e);
      }
    }
    boolean othersFlow = refused.size() < page.size();
    for (Map.Entry<OutboxMessage, ExecutionException> entry : refused.entrySet()) {
      ExecutionException failure = entry.getValue();
      if (!SendFailures.isPermanent(failure)
          && !(othersFlow && isHopeless(entry.getKey(), failure))) {
        throw failure;
      }
      LOG.warnf(
          "the replay leaves out event %s, which can never be sent: %s",
          entry.getKey().eventId(), SendFailures.cause(failure).getMessage());
    }
    return refused.size();
  }

  private CompletableFuture<Void> begin(OutboxMessage message) {
    try {
      return sink.send(message).toCompletableFuture();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(
          new SerializationException("cannot be made into a record", e));
    }
  }

  /** Refused again and again by a Kafka that is there. */
  private boolean isHopeless(OutboxMessage message, ExecutionException failure) {
    return !(SendFailures.cause(failure) instanceof RetriableException)
        && attempts.failed(message.eventId().toString()) >= SetAside.MAX_ATTEMPTS;
  }

  private void pause(long began, int events) throws InterruptedException {
    long due = began + TimeUnit.SECONDS.toNanos(1) * events / Math.max(1, config.rate());
    long left = due - System.nanoTime();
    if (left > 0) {
      TimeUnit.NANOSECONDS.sleep(left);
    }
  }
}
