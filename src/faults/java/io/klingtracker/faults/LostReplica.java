package io.klingtracker.faults;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.local.ServiceProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Two replicas, one of which is lost in one way or another while it has claims and may be the one
 * that relays; what rows 48 and 58 need of them. Callers speak to the survivor alone.
 */
final class LostReplica implements AutoCloseable {

  /** Generous: machines differ, and the figures are printed. */
  static final Duration LIMIT = Duration.ofSeconds(60);

  private static final String PATH = "/kling/v1/videos/text2video";
  private static final int BACKLOG = 200;

  /** First half of the keys of the relay's locks. */
  private static final long RELAY = 0x4B4C5401L;

  private final Installation installation;
  private final List<ServerSocket> silent = new ArrayList<>();
  private final List<String> tasks = new ArrayList<>();

  LostReplica(Installation installation) {
    this.installation = installation;
  }

  ServiceProcess victim() {
    return installation.replicas().get(0);
  }

  ServiceProcess survivor() {
    return installation.replicas().get(1);
  }

  List<String> tasks() {
    return tasks;
  }

  /** Sends the victim a signal, by the name that {@code kill} knows. */
  void signal(String name) {
    try {
      int exit =
          new ProcessBuilder("kill", "-" + name, Long.toString(victim().pid()))
              .inheritIO()
              .start()
              .waitFor();
      if (exit != 0) {
        throw new IllegalStateException("kill -" + name + ": " + exit);
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Submits tasks to the survivor; their ids. */
  List<String> submit(int count, String callbackUrl) {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Calls.Answer answer =
          installation
              .calls()
              .post(
                  survivor().url() + PATH,
                  Installation.HONEST.apiKey(),
                  "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat\",\"callback_url\":\"%s\"}"
                      .formatted(callbackUrl));
      if (!answer.ok()) {
        throw new IllegalStateException("submit: " + answer);
      }
      ids.add(answer.json().at("/data/task_id").asText());
    }
    tasks.addAll(ids);
    return ids;
  }

  /** A receiver that takes connections and never answers. */
  String silentReceiver() {
    try {
      ServerSocket socket = new ServerSocket(0, BACKLOG, InetAddress.getByName("127.0.0.1"));
      silent.add(socket);
      return "http://127.0.0.1:" + socket.getLocalPort() + "/silent";
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Names a replica as its claims do. */
  String id(ServiceProcess replica) {
    return wellness(replica, "replicas").path("this").asText();
  }

  /** How many replicas the survivor sees. */
  long alive() {
    return wellness(survivor(), "replicas").path("alive").asLong();
  }

  private JsonNode wellness(ServiceProcess replica, String check) {
    for (JsonNode one :
        installation
            .calls()
            .get(replica.url() + "/q/health/well", Installation.ADMIN_KEY)
            .json()
            .path("checks")) {
      if (one.path("name").asText().equals(check)) {
        return one.path("data");
      }
    }
    throw new IllegalStateException(replica.url() + " says nothing of its " + check);
  }

  /** Waits until the victim has deliveries of its own under way. */
  void giveClaims(String victim) {
    for (int receiver = 0; receiver < 6; receiver++) {
      submit(8, silentReceiver());
    }
    await("the victim has claims", () -> claims(victim) > 0);
  }

  long claims(String replica) {
    return installation
        .sql()
        .number("select count(*) from webhook_delivery where claimed_by like ?", replica + "/%");
  }

  /** Seconds until it holds. */
  static double await(String what, BooleanSupplier holds) {
    long start = System.nanoTime();
    while (!holds.getAsBoolean()) {
      if (System.nanoTime() - start > LIMIT.toNanos()) {
        throw new AssertionError("not within " + LIMIT.toSeconds() + " s: " + what);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
    }
    return (System.nanoTime() - start) / 1e9;
  }

  /** Waits until the victim is the one that relays events, whose place it takes from the other. */
  void giveRelay() {
    await(
        "the victim relays",
        () -> {
          boolean relays = relays(victim());
          if (!relays) {
            installation
                .sql()
                .rows(
                    """
                    select pg_terminate_backend(pid) from pg_locks
                    where locktype = 'advisory' and classid = cast(? as oid) and objid = 1 and objsubid = 2 and granted
                      and database = (select oid from pg_database where datname = current_database())
                    """,
                    RELAY);
          }
          return relays;
        });
  }

  /** Whether it is the survivor that relays events. */
  boolean survivorRelays() {
    return relays(survivor());
  }

  private boolean relays(ServiceProcess replica) {
    return wellness(replica, "event relay").path("here").asBoolean();
  }

  /** Events of new tasks are on the topic. */
  void eventsFlow() {
    List<String> fresh = submit(20, installation.servers().sink().url());
    await("events of new tasks are on the topic", () -> sequences().keySet().containsAll(fresh));
  }

  /** Sequences of each task on the topic of events, in order of their first appearance. */
  Map<String, List<Integer>> sequences() {
    Map<String, List<Integer>> seen = new HashMap<>();
    for (TopicLedger.Event event : installation.topic().events()) {
      List<Integer> sequences = seen.computeIfAbsent(event.taskId(), id -> new ArrayList<>());
      if (!sequences.contains(event.sequence())) {
        sequences.add(event.sequence());
      }
    }
    return seen;
  }

  /** Every task has ended. */
  void ended() {
    await(
        "every task ends",
        () ->
            installation
                    .sql()
                    .number(
                        "select count(*) from task where status not in ('succeed', 'failed') and id = any(?)",
                        (Object) tasks.toArray(new String[0]))
                == 0);
  }

  /** I3 and I4 by first appearance, I5: one create for each task. */
  void judge(Findings findings) {
    await(
        "the outbox is empty", () -> installation.sql().number("select count(*) from outbox") == 0);
    Map<String, Integer> creates = new HashMap<>();
    installation
        .creates()
        .forEach(create -> creates.merge(String.valueOf(create.externalId()), 1, Integer::sum));
    List<List<String>> rows =
        installation
            .sql()
            .rows(
                "select id, sequence from task where id = any(?)",
                (Object) tasks.toArray(new String[0]));
    Map<String, Integer> newest = new HashMap<>();
    rows.forEach(row -> newest.put(row.get(0), Integer.parseInt(row.get(1))));
    try {
      await(
          "every event is on the topic",
          () -> {
            Map<String, List<Integer>> seen = sequences();
            return newest.entrySet().stream()
                .allMatch(
                    task -> seen.getOrDefault(task.getKey(), List.of()).size() == task.getValue());
          });
    } catch (AssertionError e) {
      findings.add("I3", String.valueOf(e.getMessage()));
    }
    Map<String, List<Integer>> seen = sequences();
    for (String task : tasks) {
      List<Integer> sequences = seen.getOrDefault(task, List.of());
      findings.require(
          sequences.equals(List.copyOf(new TreeSet<>(sequences))), "I4", task + " " + sequences);
      findings.require(
          creates.getOrDefault(task, 0) == 1, "I5", task + " " + creates.getOrDefault(task, 0));
    }
  }

  @Override
  public void close() {
    for (ServerSocket socket : silent) {
      try {
        socket.close();
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
