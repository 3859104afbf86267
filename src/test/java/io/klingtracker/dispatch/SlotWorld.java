package io.klingtracker.dispatch;

import io.klingtracker.kling.ParallelSlots;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.function.LongUnaryOperator;

/**
 * Kling, several replicas and the pool that they share, in virtual time: the decisions of {@link
 * PoolState}, everything else made up. Replicas claim as the dispatcher does, when one of their
 * tasks ended or was deferred, else every poll. Fields are milliseconds where nothing else is said.
 */
final class SlotWorld {

  /** What was seen. */
  record Seen(long creates, long refusals, double used, Duration low) {

    /** Share of creates that Kling refused. */
    double refused() {
      return (double) refusals / creates;
    }
  }

  private record Event(long at, long order, Runnable what) {}

  private static final Instant START = Instant.parse("2026-01-31T12:00:00Z");
  private static final int BATCH = 50;
  private static final long POLL = 500;
  private static final long WAKE = 10;
  private static final long CALLBACK = 20;
  private static final long SAMPLE = 1_000;

  /** Used slots are few where they are less than this share of what Kling allows. */
  static final double ENOUGH = 0.9;

  ParallelSlots configured = ParallelSlots.fixed(120);
  int replicas = 2;
  long render = 8_000;
  long latencyLeast = 50;
  long latencyMost = 600;

  /** Tasks a second; 0: there always is one more. */
  double rate;

  /** Share of creates that Kling refuses for no reason. */
  double flicker;

  /** How long Kling still counts a task that has ended. */
  long lag;

  /** So many creates are refused for no reason, from {@link #burstAt} on. */
  int burst;

  long burstAt;

  /** Slots that Kling leaves us at a time. */
  LongUnaryOperator allowed = at -> configured.ceiling();

  private final Random random;
  private final PoolBackoff backoff;
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::at).thenComparingLong(Event::order));
  private long order;
  private long now;
  private long[] wakeAt = new long[0];
  private PoolState state = PoolState.UNRESTRICTED;
  private int used;
  private int counted;
  private int running;
  private double waiting;
  private long creates;
  private long refusals;
  private double usedSum;
  private double allowedSum;
  private long low;
  private long longestLow;

  SlotWorld(long seed) {
    random = new Random(seed);
    backoff =
        new ConfiguredBackoff(
            Replica.config(Map.of()).getConfigMapping(DispatchConfig.class), new Random(-seed));
  }

  /** Lets it continue for so long from its beginning. */
  Seen run(Duration time) {
    long end = time.toMillis();
    wakeAt = new long[replicas];
    for (int i = 0; i < replicas; i++) {
      poll(i, i * POLL / replicas);
    }
    if (rate > 0) {
      arrive();
    }
    at(SAMPLE, this::sample);
    while (!events.isEmpty() && events.peek().at() <= end) {
      Event next = events.remove();
      now = next.at();
      next.what().run();
    }
    return new Seen(creates, refusals, usedSum / allowedSum, Duration.ofMillis(longestLow));
  }

  private Instant time() {
    return START.plusMillis(now);
  }

  private void at(long when, Runnable what) {
    events.add(new Event(Math.max(when, now), order++, what));
  }

  private long latency() {
    return latencyLeast + (long) (random.nextDouble() * (latencyMost - latencyLeast));
  }

  private void wake(int replica) {
    if (wakeAt[replica] <= now) {
      wakeAt[replica] = now + WAKE;
      at(now + WAKE, () -> claim(replica));
    }
  }

  private void claim(int replica) {
    if (state.isShut(time())) {
      return;
    }
    double there = rate == 0 ? BATCH : waiting;
    int limit = limit();
    if (there >= 1 && used >= limit) {
      state = state.raised(configured, time(), backoff);
      limit = limit();
    }
    int free = Math.min(BATCH, limit - used);
    boolean more = false;
    for (int i = 0; i < free && there >= 1; i++, there--) {
      send(replica);
      state = state.begun(configured, time()).sends();
      more = i + 1 == BATCH;
    }
    if (more) {
      wake(replica);
    }
  }

  private int limit() {
    SlotLimit lowered = state.lowered();
    return lowered == null ? configured.start() : lowered.limit();
  }

  private void send(int replica) {
    used++;
    waiting--;
    creates++;
    PoolState.Sent sent = new PoolState.Sent(1, state.epoch(), time());
    long there = latency() / 2;
    long back = latency() / 2;
    at(
        now + there,
        () -> {
          boolean bursts = now >= burstAt && burst > 0;
          if (bursts) {
            burst--;
          }
          boolean refused =
              bursts || random.nextDouble() < flicker || counted + 1 > allowed.applyAsLong(now);
          if (refused) {
            refusals++;
            at(now + back, () -> refused(replica, sent));
          } else {
            counted++;
            running++;
            at(now + (long) (render * (0.7 + 0.6 * random.nextDouble())), this::ended);
            at(now + back, () -> accepted(sent));
          }
        });
  }

  private void refused(int replica, PoolState.Sent sent) {
    state = state.full(sent, used, configured, time(), backoff);
    used--;
    waiting++;
    wake(replica);
  }

  private void accepted(PoolState.Sent sent) {
    state = state.accepted(sent, time());
  }

  private void ended() {
    running--;
    at(now + lag, () -> counted--);
    at(
        now + CALLBACK,
        () -> {
          used--;
          wake(random.nextInt(replicas));
        });
  }

  private void sample() {
    long most = Math.min(allowed.applyAsLong(now), configured.ceiling());
    double wanted = rate == 0 || waiting >= 1 ? most : Math.min(most, running);
    usedSum += Math.min(running, wanted);
    allowedSum += wanted;
    low = running >= ENOUGH * wanted ? 0 : low + SAMPLE;
    longestLow = Math.max(longestLow, low);
    at(now + SAMPLE, this::sample);
  }

  private void arrive() {
    at(
        now + (long) (-Math.log(1 - random.nextDouble()) / rate * 1_000),
        () -> {
          waiting++;
          wake(random.nextInt(replicas));
          arrive();
        });
  }

  private void poll(int replica, long when) {
    at(
        when,
        () -> {
          claim(replica);
          poll(replica, now + POLL);
        });
  }
}
