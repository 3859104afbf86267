package io.klingtracker.dispatch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.task.News;
import io.klingtracker.task.Outcome;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.QueueView.QueueStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Replicas that dispatch to a scripted Kling, pass by pass, on a clock of our own. */
abstract class DispatcherRig {

  static final String MODEL = "kling-v3";
  static final Instant NOW = Instant.parse("2026-01-31T12:00:00.123Z");
  final Jdbi jdbi;
  final TestClock clock = new TestClock(NOW);
  final ScriptedKling kling = new ScriptedKling();
  final Map<String, String> settings = new HashMap<>();
  final List<Replica> replicas = new ArrayList<>();

  DispatcherRig(TestDatabase database) {
    jdbi = database.jdbi();
  }

  @BeforeEach
  void tenants() {
    jdbi.useHandle(
        h -> {
          h.execute("insert into tenant (id, name, created_at) values ('acme', 'Acme', now())");
          h.execute("insert into tenant (id, name, created_at) values ('other', 'Other', now())");
        });
  }

  @AfterEach
  void close() {
    replicas.forEach(Replica::close);
  }

  Replica replica() {
    Replica replica = new Replica(jdbi, clock, settings, kling);
    replicas.add(replica);
    return replica;
  }

  /** Ids sort by the millisecond. */
  String submit(Replica replica) {
    clock.advance(Duration.ofMillis(1));
    return Replica.submit(replica.tasks, "acme", MODEL, 5);
  }

  /** One pass of the dispatcher and everything that comes of it. */
  void pass(Replica replica) {
    clock.advance(Duration.ofMillis(500));
    replica.dispatch();
  }

  void end(Replica replica, String taskId) {
    Outcome outcome =
        replica.tasks.apply(
            new News(
                taskId,
                Source.CALLBACK,
                new TaskSignal.Succeed("{}"),
                null,
                null,
                null,
                "succeed"));
    assertTrue(outcome instanceof Outcome.Moved, () -> taskId + " " + outcome);
  }

  QueueStatus explain(Replica replica, String taskId) {
    return replica(replica).explainer.explain("acme", taskId).orElseThrow().queueStatus();
  }

  /** What explain shows of the slots is up to a second old. */
  Replica replica(Replica replica) {
    clock.advance(Duration.ofSeconds(1));
    return replica;
  }

  String status(String taskId) {
    return jdbi.withHandle(
        h ->
            h.createQuery("select status::text from task where id = :id")
                .bind("id", taskId)
                .mapTo(String.class)
                .one());
  }

  int count(String from) {
    return jdbi.withHandle(
        h -> h.createQuery("select count(*) from " + from).mapTo(Integer.class).one());
  }

  String text(String sql) {
    return jdbi.withHandle(h -> h.createQuery(sql).mapTo(String.class).one());
  }
}
