package io.klingtracker.faults;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.faults.ClientLedger.Outcome;
import io.klingtracker.faults.ClientLedger.Submission;
import io.klingtracker.simulator.KlingSimulator;
import io.klingtracker.simulator.Ledger;
import java.net.URLEncoder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * What an honest tenant does all the while: submits, asks, waits, follows its stream and gets
 * webhooks, while both Klings call back. Few requests a second, each from a client that waits for
 * its answer.
 */
final class HonestTraffic implements AutoCloseable {

  /** Part of everything that is the honest tenant's own, so that a leak can be seen. */
  static final String MARK = "honest-mark-7f3a";

  /** What is measured of it. */
  static final List<String> KINDS =
      List.of(
          "submit", "submit+wait", "status", "wait", "feed", "stream", "callback", "live", "ready");

  private static final Duration LIMIT = Duration.ofSeconds(15);
  private static final Duration STREAM_TIME = Duration.ofSeconds(2);

  /** The ledger of a long run is long: it is not read for each callback. */
  private static final int LEDGER_TURNS = 50;

  private static final int MAX_TRIES = 60;
  private static final long SUBMIT_PAUSE = 150;
  private static final long READ_PAUSE = 100;
  private static final long HEALTH_PAUSE = 250;

  private final Installation installation;
  private final Measures measures;
  private final Random random;
  private final List<String> tasks = new CopyOnWriteArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicInteger number = new AtomicInteger();
  private final AtomicLong streamed = new AtomicLong();
  private volatile List<Ledger.Create> calledBack = List.of();
  private volatile String cursor = "";
  private volatile boolean submitting = true;
  private volatile boolean stopped;

  /** One request after the other, until the traffic ends. */
  private interface Turn {
    void take(int turn);
  }

  HonestTraffic(Installation installation, Measures measures, long seed) {
    this.installation = installation;
    this.measures = measures;
    this.random = new Random(seed);
    repeat("submit", SUBMIT_PAUSE, this::submit);
    repeat("read", READ_PAUSE, this::read);
    repeat("live", HEALTH_PAUSE, turn -> health("live", turn));
    repeat("ready", HEALTH_PAUSE, turn -> health("ready", turn));
    repeat("callback", READ_PAUSE, this::callBack);
    repeat("wait", READ_PAUSE, this::longPoll);
    repeat("feed", READ_PAUSE, this::followFeed);
    repeat("stream", READ_PAUSE, this::follow);
  }

  private void repeat(String name, long pauseMillis, Turn turn) {
    Thread thread =
        new Thread(
            () -> {
              for (int i = 0; !stopped; i++) {
                turn.take(i);
                LockSupport.parkNanos(pauseMillis * 1_000_000);
              }
            },
            "honest-" + name);
    thread.setDaemon(true);
    thread.start();
    threads.add(thread);
  }

  /** Waits until tasks have ended at both Klings, or the limit is over. */
  boolean flows(Duration limit) {
    long end = System.nanoTime() + limit.toNanos();
    while (System.nanoTime() < end && installation.isAlive()) {
      boolean all =
          installation.servers().klings().stream()
              .allMatch(
                  kling ->
                      kling.ledger().callbacks(c -> c.status().equals("succeed")).stream()
                              .filter(c -> tasks.contains(String.valueOf(c.externalId())))
                              .count()
                          >= 2);
      if (all) {
        return true;
      }
      LockSupport.parkNanos(100_000_000);
    }
    return false;
  }

  /** No more submissions; everything else continues. */
  void stopSubmitting() {
    submitting = false;
  }

  /** Ids of the tasks that were stored, oldest first. */
  List<String> tasks() {
    return tasks;
  }

  /** What a Kling accepted of them. */
  List<Ledger.Create> creates(KlingSimulator kling) {
    Set<String> own = new HashSet<>(tasks);
    return kling.ledger().creates(create -> own.contains(String.valueOf(create.externalId())));
  }

  /** Events that came over the stream. */
  long streamed() {
    return streamed.get();
  }

  /**
   * Submits one task, again and again until it is answered for good, and notes what became of it.
   */
  void submit(int turn) {
    if (!submitting) {
      return;
    }
    String key = MARK + "-" + installation.port() + "-" + number.incrementAndGet();
    String body =
        ("{\"model_name\":\"kling-v3\",\"prompt\":\"%s\",\"external_task_id\":\"%s\","
                + "\"callback_url\":\"%s\"}")
            .formatted(MARK, key, installation.servers().sink().url());
    boolean unknown = false;
    Calls.Answer answer = new Calls.Answer(0, "", 0);
    for (int i = 0; i < MAX_TRIES && !stopped; i++) {
      answer =
          installation
              .calls()
              .send(
                  "POST",
                  installation.url(turn + i) + "/kling/v1/videos/text2video",
                  Installation.HONEST.apiKey(),
                  body,
                  turn % 5 == 0
                      ? Map.of("Idempotency-Key", key, "Prefer", "wait=1")
                      : Map.of("Idempotency-Key", key),
                  LIMIT);
      note(turn % 5 == 0 ? "submit+wait" : "submit", answer.nanos(), answer.status());
      unknown |= answer.status() == 0;
      if (answer.ok()) {
        String id = answer.json().at("/data/task_id").asText();
        tasks.add(id);
        installation.clients().add(new Submission(key, Outcome.OK, answer.status(), id));
        return;
      }
      if (answer.status() != 0 && answer.status() != 429 && answer.status() != 503) {
        break;
      }
      LockSupport.parkNanos(500_000_000);
    }
    installation
        .clients()
        .add(new Submission(key, unknown ? Outcome.UNKNOWN : Outcome.FAIL, answer.status(), null));
  }

  private void read(int turn) {
    if (!tasks.isEmpty()) {
      get("status", turn, "/v1/tasks/" + any());
    }
  }

  private String any() {
    synchronized (random) {
      return tasks.get(random.nextInt(tasks.size()));
    }
  }

  /** What is cut off by the end of the traffic tells nothing of the service. */
  private void note(String kind, long nanos, int status) {
    if (!stopped) {
      measures.note(kind, nanos, status);
    }
  }

  private Calls.Answer get(String kind, int turn, String path) {
    Calls.Answer answer =
        installation
            .calls()
            .send(
                "GET",
                installation.url(turn) + path,
                Installation.HONEST.apiKey(),
                null,
                Map.of(),
                LIMIT);
    note(kind, answer.nanos(), answer.status());
    return answer;
  }

  private void health(String which, int turn) {
    Calls.Answer answer =
        installation
            .calls()
            .send(
                "GET",
                installation.url(turn) + "/q/health/" + which,
                null,
                null,
                Map.of(),
                Duration.ofSeconds(60));
    note(which, answer.nanos(), answer.status());
  }

  /** Repeats what Kling has said already: costs what a callback costs and changes nothing. */
  private void callBack(int turn) {
    if (turn % LEDGER_TURNS == 0 || calledBack.isEmpty()) {
      calledBack = creates(installation.servers().plain());
    }
    if (calledBack.isEmpty()) {
      return;
    }
    Ledger.Create create = calledBack.get(Math.floorMod(turn * 31, calledBack.size()));
    String path = Scene.path(create.callbackUrl());
    Calls.Answer answer =
        installation
            .calls()
            .send(
                "POST",
                installation.url(turn) + path,
                null,
                "{\"task_id\":\"%s\",\"task_status\":\"processing\"}".formatted(create.taskId()),
                Map.of(),
                LIMIT);
    note("callback", answer.nanos(), answer.status());
  }

  /** Mostly at the end of the feed, where a reader has to be notified of what comes. */
  private void followFeed(int turn) {
    String after = cursor.isEmpty() ? "" : "&after=" + URLEncoder.encode(cursor, UTF_8);
    JsonNode page = get("feed", turn, "/v1/events?wait=2&limit=200" + after).json();
    cursor = page.path("next_cursor").asText(cursor);
  }

  private void longPoll(int turn) {
    if (!tasks.isEmpty()) {
      get("wait", turn, "/v1/tasks/" + tasks.get(tasks.size() - 1) + "?wait=1&after=99");
    }
  }

  /** A stream that its reader leaves and opens again. */
  private void follow(int turn) {
    Calls.Answer stream =
        installation.calls().stream(
            installation.url(turn) + "/v1/events/stream",
            Installation.HONEST.apiKey(),
            STREAM_TIME);
    note("stream", stream.nanos(), stream.status());
    streamed.addAndGet(stream.body().lines().filter(line -> line.startsWith("id:")).count());
  }

  @Override
  public void close() {
    stopped = true;
    threads.forEach(Thread::interrupt);
    for (Thread thread : threads) {
      try {
        thread.join(2_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
