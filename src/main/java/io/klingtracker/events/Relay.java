package io.klingtracker.events;

import io.klingtracker.database.LongSessions;
import io.klingtracker.events.OutboxMessage.Kind;
import io.klingtracker.loops.Batch;
import io.klingtracker.loops.SetAside;
import io.klingtracker.loops.WorkLoop;
import io.klingtracker.retry.Backoff;
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
import java.util.function.BiConsumer;
import java.util.random.RandomGenerator;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SerializationException;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Brings committed events to Kafka while the relays of other replicas stand by: it reads on the
 * session that holds the lock, sends without waiting, and deletes in bulk what Kafka has
 * acknowledged. Killed anywhere in between, it or a successor sends some again.
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

  /** Most events read by one statement. */
  private static final int BATCH = 500;

  /**
   * The longest time between two looks, should a wake-up be lost; also how often a replica that
   * stands by looks whether it is to relay.
   */
  static final Duration POLL = Duration.ofMillis(250);

  /** Between a read of 16 events or more and the next: under load many commits share a read. */
  static final Duration LINGER = Duration.ofMillis(25);

  /** How long a stopping replica waits for what is in flight. */
  private static final Duration DRAIN = Duration.ofSeconds(5);

  /** Nothing is sent when it was longer ago that the session was seen to live. */
  private static final Duration PROOF = Duration.ofSeconds(1);

  /** What a holder that was lost may have sent has arrived by then, if it ever does. */
  static final Duration LATE = Duration.ofSeconds(3);

  /** How often it looks whether its session can still write, and whether there is a replay. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  /** Pause before the first new try of an event; it doubles up to the configured cap. */
  private static final Duration RETRY_FIRST = Duration.ofMillis(200);

  private final OutboxStore store;
  private final EventSink sink;
  private final Duration poll;
  private final Duration linger;
  private final Backoff retries;
  private final RandomGenerator random = RandomGenerator.getDefault();
  private final RelayConfig config;
  private final RelayMetrics metrics;
  private final Clock clock;

  /** Whether we bring tasks' events to Kafka, or only what nobody else does. */
  private final boolean tasks;

  private final RelayLock lock;
  private final ConcurrentLinkedQueue<Answer> answers = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean news = new AtomicBoolean(true);
  private final List<OutboxMessage> unsettled = new ArrayList<>();

  /** Of a replay, and never to be sent. */
  private final List<OutboxMessage> leftOut = new ArrayList<>();

  /**
   * Tasks whose state Kafka may have been given too late, and when, by {@link System#nanoTime}, the
   * newest is to be sent again: until then something older may still reach Kafka.
   */
  private final Map<String, Long> doubtful = new HashMap<>();

  private InFlightWindow window = new InFlightWindow();
  private @Nullable Handle session;
  private final WorkLoop loop;
  private volatile int held;
  private volatile long heldBytes;
  private long nextRead;
  private long provedAt;
  private long lingerUntil = System.nanoTime();
  private long nextLook;

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

  Relay(OutboxStore store, EventSink sink, RelayConfig config, RelayMetrics metrics, Clock clock) {
    this(store, sink, config, POLL, LINGER, metrics, clock);
  }

  Relay(
      OutboxStore store,
      EventSink sink,
      RelayConfig config,
      Duration poll,
      Duration linger,
      RelayMetrics metrics,
      Clock clock) {
    this.poll = poll;
    this.linger = linger;
    this.retries = Backoff.capped(RETRY_FIRST, config.retryCap());
    this.store = store;
    this.lock = new RelayLock(store.replica());
    this.sink = sink;
    this.config = config;
    this.metrics = metrics;
    this.clock = clock;
    this.tasks = config.relay() == RelayConfig.Mode.BUILTIN;
    this.lastAck = System.nanoTime();
    this.loop =
        WorkLoop.named("relay")
            .every(poll)
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
      long now = clock.millis();
      if (now >= nextLook) {
        look(current, now);
      }
      take(current);
      settleDoubts(current);
      if (!lock.isHeld()) {
        return false;
      }
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

  /** Looks whether this session can still write, and takes the lock where nobody has it. */
  private void look(Handle current, long now) {
    // A quiet relay only reads, which a server that another has replaced lets it do for ever.
    LongSessions.requireWritable(current);
    boolean relays = lock.take(current);
    proved();
    metrics.relaying(relays);
    replaying = relays && store.isReplaying(current);
    nextLook = now + (relays ? LOOK : poll).toMillis();
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
    nextLook = 0;
    news.set(true);
    return fresh;
  }

  /** Takes Kafka's answers. */
  private void take(Handle current) {
    for (Answer answer = answers.poll(); answer != null; answer = answers.poll()) {
      OutboxMessage message = answer.message();
      Throwable failure = answer.failure();
      if (failure == null) {
        // Also when sent in an earlier session: Kafka has it.
        unsettled.add(message);
      }
      if (answer.window() != window) {
        // Somebody else relayed by then, perhaps; and what failed may still arrive.
        doubt(message, failure == null ? Duration.ZERO : LATE);
        continue;
      }
      if (failure == null) {
        window.acknowledged(message);
      } else if (isHopeless(answer, failure) && message.replayed()) {
        leaveOut(message, SendFailures.cause(failure));
      } else if (isHopeless(answer, failure)) {
        setAside(
            current, message, SendFailures.cause(failure), window.attempts(message.queue()) + 1);
      } else {
        metrics.failed();
        window.failed(message, answer.at() + delay(window.attempts(message.queue())));
      }
    }
    // Answers come a few at a time; a delete is for many of them. The rest goes with the next read.
    if (window.inFlight() == 0 || unsettled.size() + leftOut.size() >= enough()) {
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
    return Math.max(1, Math.min(BATCH, config.window() / 4));
  }

  /** Deletes what Kafka has, or never takes. Who stands by leaves that to the one that relays. */
  private void settle(Handle current) {
    if (lock.isHeld()) {
      settle(current, unsettled, store::delete);
      settle(current, leftOut, store::leaveOut);
    }
    unsettled.clear();
    leftOut.clear();
  }

  private void settle(
      Handle current,
      List<OutboxMessage> messages,
      BiConsumer<Handle, List<OutboxMessage>> together) {
    Batch.apply(
        messages,
        some -> together.accept(current, some),
        (message, failure) -> setAside(current, message, failure, 1));
    window.settled(messages);
  }

  private void doubt(OutboxMessage message, Duration after) {
    if (message.hasState()) {
      doubtful.put(message.key(), System.nanoTime() + after.toNanos());
    }
  }

  /** Has the newest states written again by whoever relays now. */
  private void settleDoubts(Handle current) {
    sendAgain(
        current,
        doubtful.entrySet().stream()
            .filter(entry -> isDue(entry.getValue()))
            .map(Map.Entry::getKey)
            .toList());
  }

  private static boolean isDue(long due) {
    return System.nanoTime() - due >= 0;
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
    boolean alone = message.replayed() || message.is(Kind.RECORD);
    LOG.errorf(
        "%s %s of %s %s set aside%s: %s",
        message.is(Kind.RECORD) ? "record" : "event",
        message.is(Kind.RECORD) ? message.id() : message.eventId(),
        message.key(),
        message.replayed() ? "cannot be taken out of the replay and is" : "cannot be sent and is",
        alone ? "" : " with all that follow it",
        SetAside.reason(failure));
    store.setAside(current, message, failure, attempts);
    if (!message.replayed()) {
      window.drop(message.queue());
    }
  }

  /** A replay continues without what Kafka never takes. */
  private void leaveOut(OutboxMessage message, Throwable failure) {
    LOG.warnf(
        "the replay leaves out event %s, which can never be sent: %s",
        message.eventId(), SetAside.reason(failure));
    window.acknowledged(message);
    leftOut.add(message);
  }

  /** Reads on in what is to be sent once more, when nothing else waits to be read. */
  private void replay(Handle current) {
    int most = Math.min(REPLAYED, Math.max(1, config.window() / 4));
    int room = Math.min(most - window.replayed(), config.window() - window.size());
    if (room < Math.max(1, most / 2) || clock.millis() < pausedUntil) {
      return;
    }
    settle(current);
    List<OutboxMessage> next =
        store.nextReplayed(current, window.known(), room, config.windowBytes() / 4);
    proved();
    List<OutboxMessage> events = new ArrayList<>();
    next.forEach(message -> (message.is(Kind.NOTHING) ? leftOut : events).add(message));
    settle(current);
    window.add(events);
    replaying = !next.isEmpty() || window.replayed() > 0;
  }

  private boolean read(Handle current, long now) {
    boolean due = news.getAndSet(false) || now >= nextRead;
    if (now >= nextRead) {
      settle(current);
    }
    if (!due || now < pausedUntil) {
      news.compareAndSet(false, due);
      return false;
    }
    if (config.window() - window.size() + unsettled.size() < enough()) {
      // No room even with what could be deleted: many small deletes would only hold the next up.
      news.set(true);
      return false;
    }
    settle(current);
    int room = Math.min(BATCH, config.window() - window.size());
    long bytes = config.windowBytes() - window.bytes();
    if (room < enough() || bytes <= 0) {
      // Read on when acknowledgements have made room: every read looks into every lane.
      news.set(true);
      return false;
    }
    nextRead = now + poll.toMillis();
    Map<OutboxMessage, RuntimeException> broken = new LinkedHashMap<>();
    List<OutboxMessage> next =
        store.next(
            current,
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
      if (lock.isLeftBehind() && doubtful.size() < config.window()) {
        doubt(message, LATE);
      }
    }
    proved();
    window.add(events);
    boolean full = isFull(next, room, bytes, OutboxStore.perLane(room));
    if (full) {
      news.set(true);
    } else {
      lock.readOnce();
      lingerUntil = System.nanoTime() + (next.size() >= MANY ? linger.toNanos() : 0);
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
        // We may have been paused, and another may relay by now.
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
    return retries.after(failures + 1, random).toMillis();
  }

  private void disconnect() {
    Handle old = session;
    session = null;
    lock.lose();
    metrics.relaying(false);
    // Kafka took these, and we cannot say whether we alone relayed all the time.
    unsettled.forEach(message -> doubt(message, Duration.ZERO));
    // What is in flight may still be acknowledged, but another may relay now.
    window = new InFlightWindow();
    if (old != null) {
      LongSessions.discard(old);
    }
  }

  /** Whether it is this one that relays. */
  boolean isRelaying() {
    return metrics.isRelaying();
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
   * Stops reading, waits a little for what is in flight, settles it, leaves what it owes to whoever
   * relays next and lets it.
   */
  @Override
  public void close() {
    loop.close();
  }

  private void drain() {
    long deadline = System.nanoTime() + DRAIN.toNanos();
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
   * that, the outbox stays noted as left behind, so that it is repeated once more.
   */
  private void leaveDoubts(Handle current) {
    boolean early = !doubtful.values().stream().allMatch(Relay::isDue);
    sendAgain(current, List.copyOf(doubtful.keySet()));
    if (window.inFlight() == 0 && !early) {
      lock.leave(current);
    }
  }

  /** Ends as a killed process does: nothing is settled, the lock goes with the session. */
  void abort() {
    loop.stop();
    disconnect();
  }
}
