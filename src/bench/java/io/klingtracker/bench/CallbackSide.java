package io.klingtracker.bench;

import java.time.Duration;
import java.util.Map;

/** A service that gets callbacks, its database, and a consumer of its events. */
final class CallbackSide implements AutoCloseable {

  private static final Duration DRAIN = Duration.ofSeconds(120);
  private static final double FIRST_GUESS = 4_000;

  /** More callbacks than the best rate so far would take, or the load ends before its time. */
  private static final double SPARE = 1.3;

  /** Tasks are made so many at a time at least: statistics of the queue are taken each time. */
  private static final int BLOCK = 30_000;

  /** So few connections leave the service's compiler more of a core. */
  private static final int GENTLE = 16;

  private final Bench bench;
  private final Database database;
  private final Service service;
  private final EventTap tap;
  private final Meter meter;
  private final String topic;
  private long used = 1;
  private long made = 1;
  private long analysed;
  private double rate = FIRST_GUESS;

  /**
   * A load and its events.
   *
   * @param published events a second, from the first callback to the last event
   * @param lag seconds from the last answer to the last event
   * @param cost of each callback that was answered, its event and all
   */
  record Result(Load load, double published, double lag, long events, Cost cost) {}

  /** Starts the service on a database of its own, which goes with it. */
  CallbackSide(Bench bench, Database database, String topic, Map<String, String> settings) {
    this.bench = bench;
    this.database = database;
    this.service = bench.service(database, topic, settings).awaitReady();
    this.tap = bench.tap(topic, false);
    this.meter = new Meter(bench, service);
    this.topic = topic;
  }

  int port() {
    return service.port();
  }

  Service service() {
    return service;
  }

  Database database() {
    return database;
  }

  /** Where its events go. */
  String topic() {
    return topic;
  }

  EventTap tap() {
    return tap;
  }

  /**
   * Loads the service until it is compiled, for so many seconds at most: gently first, since on two
   * cores a compiler that waits behind the load takes half as long again.
   */
  void warmUp(int seconds, int connections) {
    int gently = seconds * 3 / 4;
    if (gently > 0) {
      int few = Math.min(GENTLE, connections);
      service.warmUp(gently, step -> closed(few, Duration.ofSeconds(step)));
    }
    service.warmUp(seconds - gently, step -> closed(connections, Duration.ofSeconds(step)));
  }

  /** As fast as so many connections go, until everything is published. */
  Result closed(int connections, Duration time) {
    SignedCallbacks callbacks = callbacks(Math.min(rate * SPARE, connections * 2_500.0), time);
    Meter.Reading atFirst = meter.read();
    long before = tap.seen();
    long start = System.nanoTime();
    Load load = Loader.closed(port(), connections, callbacks, time).clean("callbacks");
    rate = Math.max(rate, load.rate());
    return published(load, before, start, atFirst);
  }

  /** At a rate a second, until everything is published. */
  Result open(int connections, double perSecond, Duration time) {
    SignedCallbacks callbacks = callbacks(perSecond * 1.02, time);
    Meter.Reading atFirst = meter.read();
    long before = tap.seen();
    long start = System.nanoTime();
    Load load = Loader.open(port(), connections, callbacks, perSecond, time).clean("callbacks");
    return published(load, before, start, atFirst);
  }

  /** More than it can take; what is deferred is sent again, until the time is over. */
  Result flood(int connections, double perSecond, Duration time) {
    int tasks = tasks(rate * SPARE, time);
    Loader.Requests callbacks = SignedCallbacks.repeated(reserve(tasks), tasks);
    Meter.Reading atFirst = meter.read();
    long before = tap.seen();
    long start = System.nanoTime();
    return published(
        Loader.open(port(), connections, callbacks, perSecond, time), before, start, atFirst);
  }

  /** As fast as so many connections go; nobody waits for the events. */
  Load unpublished(int connections, Duration time) {
    SignedCallbacks callbacks = callbacks(rate * SPARE, time);
    return Loader.closed(port(), connections, callbacks, time).clean("callbacks");
  }

  private SignedCallbacks callbacks(double perSecond, Duration time) {
    int tasks = tasks(perSecond, time);
    return new SignedCallbacks(reserve(tasks), tasks);
  }

  /** Two callbacks each. */
  private static int tasks(double perSecond, Duration time) {
    return (int) (perSecond * time.toMillis() / 1000 / 2) + 200;
  }

  /** So many open tasks that nobody has sent a callback about; gives the first one's number. */
  long reserve(int tasks) {
    if (used + tasks > made) {
      long more = Math.max(used + tasks - made, bench.options().rows(BLOCK));
      Tasks.open(database, made, more);
      made += more;
      database.execute("analyze open_task");
      if (made > 2 * analysed) {
        database.execute("analyze task", "analyze task_event");
        analysed = made;
      }
    }
    long first = used;
    used += tasks;
    return first;
  }

  private Result published(Load load, long before, long start, Meter.Reading atFirst) {
    long expected = before + load.good();
    if (!Database.await(DRAIN, () -> tap.seen() >= expected)) {
      bench
          .report()
          .note("Of %d callbacks %d were published.".formatted(load.good(), tap.seen() - before));
    }
    double seconds = (tap.lastAt() - start) / 1e9;
    Cost cost = meter.since(atFirst, load.good());
    // Kling is not to be asked about tasks whose last callback was left over.
    database.execute(
        """
        update open_task set next_check_at = now() + interval '1 day'
        where next_check_at < now() + interval '1 hour'
        """);
    long events = tap.seen() - before;
    return new Result(load, events / seconds, seconds - load.seconds(), events, cost);
  }

  @Override
  public void close() {
    tap.close();
    service.close();
    bench.stack().drop(database);
  }
}
