package io.klingtracker.events;

import io.klingtracker.database.LongSessions;
import io.klingtracker.events.OutboxMessage.Kind;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SerializationException;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Brings committed events to Kafka, together with the relays of other replicas: each holds some
 * lanes, reads them on the session that holds their locks, sends without waiting, and deletes in
 * bulk what Kafka has acknowledged. Killed anywhere in between, it or a successor sends some again.
 *
 * <p>One thread; only {@link #wake} and the acknowledgements come from elsewhere.
 */
final class Relay implements AutoCloseable {

  private static final Logger LOG = Logger.getLogger(Relay.class);

  /** A read that finds fewer is one of a quiet time, when each event goes at once. */
  static final int MANY = 16;

  /**
   * Most replayed events in memory, and at most a quarter of the window: whatever else comes finds
   * room, and no more than these before it.
   */
  static final int REPLAYED = 100;

  /** Nothing is sent when it was longer ago that the session was seen to live. */
  private static final Duration PROOF = Duration.ofSeconds(1);

  /** What a holder that was lost may have sent has arrived by then, if it ever does. */
  static final Duration LATE = Duration.ofSeconds(3);

  private static final int MAX_DOUBLINGS = 16;

  private final OutboxStore store;
  private final EventSink sink;
  private final RelayConfig config;
  private final RelayMetrics metrics;
  private final Clock clock;

  /** Whether we bring tasks' events to Kafka, or only what nobody else does. */
  private final boolean tasks;

  private final LaneLocks lanes;
  private final ConcurrentLinkedQueue<Answer> answers = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean news = new AtomicBoolean(true);
  private final List<OutboxMessage> unsettled = new ArrayList<>();

  /**
   * Tasks whose state Kafka may have been given too late, and when the newest is to be sent again.
   */
  private final Map<String, Owed> doubtful = new HashMap<>();

  private InFlightWindow window = new InFlightWindow();
  private @Nullable Handle session;
  private final WorkLoop loop;
  private volatile int held;
  private volatile long heldBytes;
  private volatile int owned;
  private long nextRead;
  private long provedAt;
  private long lingerUntil = System.nanoTime();
  private long nextRebalance;

  /** Whether rows of a replay were there at the last look. */
  private boolean replaying;

  private volatile long lastAck;
  private volatile long pausedUntil;
  private volatile int failuresInARow;

  /**
   * Kafka's word on one event.
   *
   * @param window the window it was sent from; another one now means that the session was lost
   *     since
   * @param othersFlow whether Kafka has taken something since it was sent
   */
  private record Answer(
      InFlightWindow window,
      OutboxMessage message,
      @Nullable Throwable failure,
      boolean othersFlow,
      long at) {}

  /**
   * A state that is to be sent again.
   *
   * @param due by {@link System#nanoTime}; until then something older may still reach Kafka
   */
  private record Owed(int lane, long due) {}

  Relay(OutboxStore store, EventSink sink, RelayConfig config, RelayMetrics metrics, Clock clock) {
    this.store = store;
    this.lanes = new LaneLocks(store.replica());
    this.sink = sink;
    this.config = config;
    this.metrics = metrics;
    this.clock = clock;
    this.tasks = config.relay() == RelayConfig.Mode.BUILTIN;
    this.lastAck = System.nanoTime();
    this.loop =
        WorkLoop.named("relay")
            .every(config.poll())
            .atEnd(this::drain)
            .oldest(metrics::oldest)
            .work(this::runOnce);
  }

  /** What runs it. */
  WorkLoop loop() {
    return loop;
  }

  /** There are new events. */
  void wake() {
    news.set(true);
    loop.wake();
  }

  /** One pass; true when another should follow at once. */
  boolean runOnce() {
    linger();
    try {
      Handle current = session == null ? connect() : session;
      take(current);
      long now = clock.millis();
      if (now >= nextRebalance) {
        nextRebalance = now + config.rebalance().toMillis();
        // A quiet relay only reads, which a server that another has replaced lets it do for ever.
        LongSessions.requireWritable(current);
        lanes.rebalance(current, this::isQuiet);
        proved();
        window.leave(lanes.leaving());
        owned = lanes.owned();
        metrics.lanes(owned);
        replaying = store.isReplaying(current);
      }
      settleDoubts(current);
      boolean more = read(current, now);
      send(current);
      if (replaying && !more) {
        replay(current);
        send(current);
      }
      held = window.size();
      heldBytes = window.bytes();
      metrics.held(held, heldBytes);
      return more;
    } catch (RuntimeException e) {
      disconnect();
      throw e;
    }
  }

  /** Whether a lane can be given back: nothing of it is under way, and no state is owed. */
  private boolean isQuiet(int lane) {
    return window.isQuiet(lane)
        && doubtful.values().stream().noneMatch(owed -> owed.lane() == lane);
  }

  /** After a read that found many, lets more of them come together. */
  private void linger() {
    for (long left = lingerUntil - System.nanoTime();
        left > 0 && !Thread.currentThread().isInterrupted();
        left = lingerUntil - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  private Handle connect() {
    Handle fresh = store.open();
    session = fresh;
    lanes.join(fresh);
    nextRebalance = 0;
    news.set(true);
    return fresh;
  }

  /** Takes Kafka's answers. */
  private void take(Handle current) {
    for (Answer answer = answers.poll(); answer != null; answer = answers.poll()) {
      OutboxMessage message = answer.message();
      Throwable failure = answer.failure();
      if (failure == null) {
        // Also when sent in an earlier session: Kafka has it, whoever may hold its lane now.
        unsettled.add(message);
      }
      if (answer.window() != window) {
        // Its lane was somebody else's by then, perhaps; and what failed may still arrive.
        doubt(message, failure == null ? Duration.ZERO : LATE);
        continue;
      }
      if (failure == null) {
        window.acknowledged(message);
      } else if (isHopeless(answer, failure) && message.replayed()) {
        skip(current, message, SendFailures.cause(failure));
      } else if (isHopeless(answer, failure)) {
        setAside(
            current, message, SendFailures.cause(failure), window.attempts(message.queue()) + 1);
      } else {
        metrics.failed();
        window.failed(message, answer.at() + delay(window.attempts(message.queue())));
      }
    }
    // Answers come a few at a time; a delete is for many of them. The rest goes with the next read.
    if (window.inFlight() == 0 || unsettled.size() >= enough()) {
      settle(current);
    }
  }

  private boolean isHopeless(Answer answer, Throwable failure) {
    return SendFailures.isPermanent(failure)
        || answer.othersFlow()
            && !(SendFailures.cause(failure) instanceof RetriableException)
            && window.attempts(answer.message().queue()) + 1 >= SetAside.MAX_ATTEMPTS;
  }

  /** How many events are worth a statement of their own while others are under way. */
  private int enough() {
    return Math.max(1, Math.min(config.batch(), config.window() / 4));
  }

  /** Deletes what Kafka has. */
  private void settle(Handle current) {
    List<OutboxMessage> settled = new ArrayList<>(unsettled);
    Batch.apply(
        unsettled,
        some -> store.delete(current, some),
        (message, failure) -> {
          if (message.replayed()) {
            settled.remove(message);
            window.stuck(message);
            LOG.errorf(
                "event %s is sent once more and cannot be taken from the outbox: %s",
                message.eventId(), SetAside.reason(failure));
          } else {
            setAside(current, message, failure, 1);
          }
        });
    window.settled(settled);
    unsettled.clear();
  }

  private void doubt(OutboxMessage message, Duration after) {
    if (message.hasState()) {
      doubtful.put(message.key(), new Owed(message.lane(), System.nanoTime() + after.toNanos()));
    }
  }

  /** Has the newest states written again by whoever holds the lanes now. */
  private void settleDoubts(Handle current) {
    sendAgain(
        current,
        doubtful.entrySet().stream()
            .filter(entry -> isDue(entry.getValue()))
            .map(Map.Entry::getKey)
            .toList());
  }

  private static boolean isDue(Owed owed) {
    return System.nanoTime() - owed.due() >= 0;
  }

  private void sendAgain(Handle current, List<String> taskIds) {
    if (!taskIds.isEmpty()) {
      store.again(current, taskIds);
      taskIds.forEach(doubtful::remove);
      metrics.statesAgain(taskIds.size());
      news.set(true);
    }
  }

  private void proved() {
    provedAt = System.nanoTime();
  }

  private void setAside(Handle current, OutboxMessage message, Throwable failure, int attempts) {
    LOG.errorf(
        "%s %s of %s cannot be sent and is set aside%s: %s",
        message.is(Kind.RECORD) ? "record" : "event",
        message.is(Kind.RECORD) ? message.id() : message.eventId(),
        message.key(),
        message.is(Kind.RECORD) ? "" : " with all that follow it",
        SetAside.reason(failure));
    store.setAside(current, message, failure, attempts);
    window.drop(message.queue());
  }

  /** A replay leaves out what Kafka never takes. */
  private void skip(Handle current, OutboxMessage message, Throwable failure) {
    LOG.warnf(
        "the replay leaves out event %s, which can never be sent: %s",
        message.eventId(), SetAside.reason(failure));
    store.skipped(current, 1);
    window.acknowledged(message);
    unsettled.add(message);
  }

  /** Reads on in what is to be sent once more, when nothing else waits to be read. */
  private void replay(Handle current) {
    int most = Math.min(REPLAYED, Math.max(1, config.window() / 4));
    int room = Math.min(most - window.replayed(), config.window() - window.size());
    if (room < Math.max(1, most / 2)
        || window.stuck() >= REPLAYED
        || clock.millis() < pausedUntil
        || lanes.reading().isEmpty()) {
      return;
    }
    settle(current);
    List<OutboxMessage> next =
        store.nextReplayed(
            current, lanes.reading(), window.known(), room, config.windowBytes() / 4);
    proved();
    List<OutboxMessage> gone = next.stream().filter(each -> each.is(Kind.NOTHING)).toList();
    if (!gone.isEmpty()) {
      store.skipped(current, gone.size());
      unsettled.addAll(gone);
      settle(current);
    }
    window.add(next.stream().filter(each -> !each.is(Kind.NOTHING)).toList());
    replaying = !next.isEmpty() || window.replayed() > 0;
  }

  private boolean read(Handle current, long now) {
    boolean due = news.getAndSet(false) || now >= nextRead;
    List<Integer> reading = lanes.reading();
    if (now >= nextRead) {
      settle(current);
    }
    if (!due || reading.isEmpty() || now < pausedUntil) {
      news.compareAndSet(false, due && !reading.isEmpty());
      return false;
    }
    if (config.window() - window.size() + unsettled.size() < enough()) {
      // No room even with what could be deleted: many small deletes would only hold the next up.
      news.set(true);
      return false;
    }
    settle(current);
    int room = Math.min(config.batch(), config.window() - window.size());
    long bytes = config.windowBytes() - window.bytes();
    if (room < enough() || bytes <= 0) {
      // Read on when acknowledgements have made room: every read looks into every lane.
      news.set(true);
      return false;
    }
    nextRead = now + config.poll().toMillis();
    Map<OutboxMessage, RuntimeException> broken = new LinkedHashMap<>();
    List<OutboxMessage> next =
        store.next(
            current,
            reading,
            window.known(),
            room,
            bytes,
            tasks,
            tasks && config.state().enabled(),
            broken::put);
    Set<String> aside = new HashSet<>();
    broken.forEach(
        (message, failure) -> {
          if (aside.add(message.key())) {
            setAside(current, message, failure, 1);
          }
        });
    List<OutboxMessage> events = new ArrayList<>();
    for (OutboxMessage message : next) {
      if (aside.contains(message.key())) {
        continue;
      }
      (message.is(Kind.NOTHING) ? unsettled : events).add(message);
      if (lanes.isLeftBehind(message.lane()) && doubtful.size() < config.window()) {
        doubt(message, LATE);
      }
    }
    proved();
    window.add(events);
    boolean full = isFull(next, room, bytes, OutboxStore.perLane(room, reading.size()));
    if (full) {
      news.set(true);
    } else {
      lanes.readOnce();
      lingerUntil = System.nanoTime() + (next.size() >= MANY ? config.linger().toNanos() : 0);
    }
    return full && window.size() < config.window() && window.bytes() < config.windowBytes();
  }

  /** Whether a read came to one of its bounds, so that there may be more. */
  private static boolean isFull(List<OutboxMessage> read, int room, long bytes, int perLane) {
    Map<Integer, Integer> counts = new HashMap<>();
    long sum = 0;
    boolean full = read.size() == room;
    for (OutboxMessage message : read) {
      sum += message.bytes();
      full |= counts.merge(message.lane(), 1, Integer::sum) == perLane;
    }
    return full || sum >= bytes;
  }

  private void send(Handle current) {
    InFlightWindow from = window;
    while (clock.millis() >= pausedUntil) {
      if (System.nanoTime() - provedAt > PROOF.toNanos()) {
        // We may have been paused, and the lanes be others' by now.
        store.prove(current);
        proved();
      }
      OutboxMessage message = from.send(clock.millis());
      if (message == null) {
        return;
      }
      long sentAt = System.nanoTime();
      begin(message).whenComplete((sent, failure) -> answered(from, message, sentAt, failure));
    }
  }

  /** What cannot even be made into a record says nothing about Kafka. */
  private CompletionStage<Void> begin(OutboxMessage message) {
    try {
      return sink.send(message);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(
          new SerializationException("cannot be made into a record", e));
    }
  }

  /** On the producer's thread, or on ours when Kafka cannot even be asked. */
  private void answered(
      InFlightWindow from, OutboxMessage message, long sentAt, @Nullable Throwable failure) {
    long now = clock.millis();
    if (failure == null) {
      lastAck = System.nanoTime();
      failuresInARow = 0;
      if (message.is(Kind.EVENT) && !message.replayed() && message.occurredAt() != null) {
        metrics.acknowledged(
            Duration.ofMillis(Math.max(0, now - message.occurredAt().toEpochMilli())));
      }
    } else if (!SendFailures.isPermanent(failure)
        && !message.is(Kind.RECORD)
        && lastAck - sentAt <= 0) {
      // Nothing at all was taken since this one was sent: Kafka is away, not just one partition. A
      // record of another
      // feature goes to a topic of its own, which may be the only one that is missing.
      if (now >= pausedUntil) {
        int failures = failuresInARow;
        failuresInARow = failures + 1;
        pausedUntil = now + delay(failures);
        LOG.warnf(
            "Kafka takes nothing; events wait in the outbox: %s",
            SendFailures.cause(failure).getMessage());
      }
    }
    answers.add(new Answer(from, message, failure, lastAck - sentAt > 0, now));
    loop.wake();
  }

  private long delay(int failures) {
    return Math.min(
        config.retryCap().toMillis(),
        config.retryDelay().toMillis() << Math.min(failures, MAX_DOUBLINGS));
  }

  private void disconnect() {
    Handle old = session;
    session = null;
    lanes.lose();
    owned = 0;
    metrics.lanes(0);
    // Kafka took these, and we cannot say whether the lanes were ours all the time.
    unsettled.forEach(message -> doubt(message, Duration.ZERO));
    // What is in flight may still be acknowledged, but the lanes may be somebody else's now.
    window = new InFlightWindow();
    if (old != null) {
      LongSessions.discard(old);
    }
  }

  /** How many lanes this relay holds. */
  int owned() {
    return owned;
  }

  /** How many events are in memory. */
  int held() {
    return held;
  }

  /** About how much memory they take. */
  long heldBytes() {
    return heldBytes;
  }

  /**
   * Stops reading, waits a little for what is in flight, settles it, leaves what it owes to others
   * and gives the lanes back.
   */
  @Override
  public void close() {
    loop.close();
  }

  private void drain() {
    long deadline = System.nanoTime() + config.drain().toNanos();
    try {
      Handle current = session;
      while (current != null && window.inFlight() > 0 && System.nanoTime() < deadline) {
        take(current);
        Thread.sleep(1);
      }
      if (current == null && !(doubtful.isEmpty() && answers.isEmpty())) {
        current = store.open();
        session = current;
      }
      if (current != null) {
        take(current);
        settle(current);
        leaveDoubts(current);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.debugf(e, "what was in flight is sent again");
    }
    if (!doubtful.isEmpty()) {
      LOG.warnf(
          "the states of %d tasks on Kafka may be older than the service's until their next change",
          doubtful.size());
    }
    disconnect();
  }

  /**
   * Has whoever comes next send what is still owed. Where something older may arrive even after
   * that, the lane stays noted as left behind, so that it is repeated once more.
   */
  private void leaveDoubts(Handle current) {
    Set<Integer> early =
        doubtful.values().stream()
            .filter(owed -> !isDue(owed))
            .map(Owed::lane)
            .collect(Collectors.toSet());
    sendAgain(current, List.copyOf(doubtful.keySet()));
    if (window.inFlight() == 0) {
      lanes.giveAllBut(current, early);
    }
  }

  /** Ends as a killed process does: nothing is settled, the locks go with the session. */
  void abort() {
    loop.stop();
    disconnect();
  }
}
