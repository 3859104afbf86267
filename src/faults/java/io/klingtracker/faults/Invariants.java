package io.klingtracker.faults;

import io.klingtracker.faults.ClientLedger.Outcome;
import io.klingtracker.faults.ClientLedger.Submission;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.simulator.Ledger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * What must hold after any row, read from five ledgers: what clients saw, the database, the topic,
 * Kling's bill, the webhook sink.
 */
final class Invariants {

  private static final String TENANT = Installation.HONEST.id();
  private static final List<String> FINAL = List.of("succeed", "failed", "canceled");

  private record Event(int sequence, String status, String eventId) {}

  private final Installation installation;
  private final Sql sql;
  private final Findings findings;

  Invariants(Installation installation, Findings findings) {
    this.installation = installation;
    this.sql = installation.sql();
    this.findings = findings;
  }

  /**
   * I10: waits until every honest task has ended and nothing of the honest tenant's waits anywhere.
   */
  void settle(Duration limit) {
    long end = System.nanoTime() + limit.toNanos();
    String waiting = waiting();
    while (!waiting.isEmpty() && System.nanoTime() < end) {
      LockSupport.parkNanos(200_000_000);
      waiting = waiting();
    }
    findings.require(
        waiting.isEmpty(),
        "I10 every task ends and every backlog empties",
        "after " + limit.toSeconds() + " s there still are " + waiting);
  }

  private String waiting() {
    Map<String, Long> open = new LinkedHashMap<>();
    open.put(
        "honest tasks that have not ended",
        sql.number(
            "select count(*) from task where tenant_id = ? and finished_at is null", TENANT));
    open.put(
        "honest events not on Kafka",
        sql.number(
            "select count(*) from outbox o join task t on t.id = o.task_id where t.tenant_id = ?",
            TENANT));
    open.put(
        "honest callbacks not processed",
        sql.number(
            """
            select count(*) from callback_pending p join callback_receipt r on r.id = p.receipt_id
            join task t on t.id = r.task_id where t.tenant_id = ?""",
            TENANT));
    open.put(
        "honest webhooks not delivered",
        sql.number("select count(*) from webhook_delivery where tenant_id = ?", TENANT));
    long events = sql.number("select count(*) from task_event where tenant_id = ?", TENANT);
    Set<String> honest = new HashSet<>(tasks().keySet());
    long seen =
        installation.topic().events().stream()
            .filter(event -> honest.contains(event.taskId()))
            .map(TopicLedger.Event::eventId)
            .distinct()
            .count();
    open.put("events that consumers have not seen", events - seen);
    open.values().removeIf(count -> count <= 0);
    return open.entrySet().stream()
        .map(entry -> entry.getValue() + " " + entry.getKey())
        .collect(Collectors.joining(", "));
  }

  /** The same for everybody: attackers' tasks end, and all their events are on Kafka. */
  void settleAll(Duration limit) {
    long end = System.nanoTime() + limit.toNanos();
    long open = open();
    while (open > 0 && System.nanoTime() < end) {
      LockSupport.parkNanos(500_000_000);
      open = open();
    }
    findings.require(
        open == 0,
        "I10 every tenant's tasks end",
        "after %d s %d tasks are open or unpublished".formatted(limit.toSeconds(), open));
  }

  private long open() {
    return sql.number(
        """
        select (select count(*) from task where status in ('queued', 'submitted', 'processing'))
             + (select count(*) from outbox)
             + (select count(*) from callback_pending)""");
  }

  /** All others, once the installation has settled. */
  void check() {
    // The topic first: whatever is on it must be in the database by then.
    List<TopicLedger.Event> published = installation.topic().events();
    Map<String, String> tasks = tasks();
    Map<String, List<Event>> events = events();
    submissions(tasks);
    callbacks(tasks, events);
    sequences(tasks, events);
    topic(published, tasks, events);
    bill(tasks);
    webhooks(events);
    secrets();
  }

  /** Status by id. */
  private Map<String, String> tasks() {
    Map<String, String> tasks = new HashMap<>();
    sql.rows("select id, status from task where tenant_id = ?", TENANT)
        .forEach(row -> tasks.put(row.get(0), row.get(1)));
    return tasks;
  }

  private Map<String, List<Event>> events() {
    Map<String, List<Event>> events = new TreeMap<>();
    sql.rows(
            "select task_id, sequence, status, event_id from task_event order by task_id, sequence")
        .forEach(
            row ->
                events
                    .computeIfAbsent(row.get(0), task -> new ArrayList<>())
                    .add(new Event(Integer.parseInt(row.get(1)), row.get(2), row.get(3))));
    return events;
  }

  private void submissions(Map<String, String> tasks) {
    Map<String, List<String>> byKey = new HashMap<>();
    sql.rows("select external_task_id, id from task where tenant_id = ?", TENANT)
        .forEach(
            row -> byKey.computeIfAbsent(row.get(0), key -> new ArrayList<>()).add(row.get(1)));
    for (Submission one : installation.clients().submissions()) {
      List<String> stored = byKey.getOrDefault(one.key(), List.of());
      String what = one + ", stored " + stored;
      if (one.outcome() == Outcome.OK) {
        findings.require(
            stored.size() == 1
                && stored.get(0).equals(one.taskId())
                && tasks.containsKey(stored.get(0)),
            "I1 what was answered 2xx exists once",
            what);
      } else {
        findings.require(
            stored.size() <= (one.outcome() == Outcome.FAIL ? 0 : 1),
            "I1 what was refused does not exist",
            what);
        findings.require(
            one.status() == 429 || one.status() == 503 || one.status() == 0,
            "an honest submission is put off at most",
            what);
      }
    }
  }

  private void callbacks(Map<String, String> tasks, Map<String, List<Event>> events) {
    Set<String> noted = new HashSet<>();
    sql.rows("select task_id, coalesce(status, '') from task_news")
        .forEach(row -> noted.add(row.get(0) + " " + row.get(1)));
    for (Ledger.Callback one : installation.callbacks()) {
      String task = String.valueOf(one.externalId());
      if (one.answer() >= 200 && one.answer() < 300 && tasks.containsKey(task)) {
        boolean reflected =
            events.getOrDefault(task, List.of()).stream()
                .anyMatch(event -> event.status().equals(one.status()));
        findings.require(
            reflected || noted.contains(task + " " + one.status()),
            "I2 a callback answered 2xx is reflected or noted",
            one.toString());
      }
    }
  }

  private void sequences(Map<String, String> tasks, Map<String, List<Event>> events) {
    tasks.forEach(
        (task, status) -> {
          List<Event> own = events.getOrDefault(task, List.of());
          boolean whole = !own.isEmpty();
          for (int i = 0; i < own.size(); i++) {
            whole &= own.get(i).sequence() == i + 1;
          }
          findings.require(whole, "I3 events are 1..n without gaps", task + " " + own);
          findings.require(
              !own.isEmpty() && own.get(own.size() - 1).status().equals(status),
              "I6 the last event has the task's status",
              task + " is " + status + ", events " + own);
          long ends = own.stream().filter(event -> FINAL.contains(event.status())).count();
          findings.require(ends <= 1, "I6 final statuses never change", task + " " + own);
        });
  }

  private void topic(
      List<TopicLedger.Event> published,
      Map<String, String> tasks,
      Map<String, List<Event>> events) {
    Map<String, Integer> partitions = new HashMap<>();
    Map<String, Integer> last = new HashMap<>();
    Map<String, String> known = new HashMap<>();
    events.forEach(
        (task, own) ->
            own.forEach(event -> known.put(task + " " + event.sequence(), event.eventId())));
    Set<String> seen = new HashSet<>();
    for (TopicLedger.Event event : published) {
      String one = event.taskId() + " " + event.sequence();
      findings.require(
          event.eventId().equals(known.get(one)),
          "I3 what is on Kafka is an event of the database",
          event.toString());
      if (seen.add(one)) {
        int before = last.merge(event.taskId(), event.sequence(), Math::max);
        findings.require(
            before == event.sequence(),
            "I4 first appearances rise",
            event + " after sequence " + before);
      }
      int partition = partitions.computeIfAbsent(event.taskId(), task -> event.partition());
      findings.require(
          partition == event.partition(), "I4 one task, one partition", event.toString());
    }
    findings.require(
        installation.topic().unread().isEmpty(),
        "I3 every record is an event",
        installation.topic().unread());
    tasks
        .keySet()
        .forEach(
            task ->
                events
                    .getOrDefault(task, List.of())
                    .forEach(
                        event ->
                            findings.require(
                                seen.contains(task + " " + event.sequence()),
                                "I3 every event is on Kafka",
                                task + " " + event)));
  }

  private void bill(Map<String, String> tasks) {
    Map<String, Long> creates =
        installation.creates().stream()
            .collect(
                Collectors.groupingBy(
                    create -> String.valueOf(create.externalId()), Collectors.counting()));
    creates.forEach(
        (task, count) -> {
          findings.require(count == 1, "I5 at most one create", task + " was billed " + count);
          findings.require(
              !"canceled".equals(tasks.get(task)), "I5 nothing for canceled tasks", task);
        });
  }

  private void webhooks(Map<String, List<Event>> events) {
    Map<String, List<WebhookSink.Delivery>> byTask =
        installation.servers().sink().deliveries().stream()
            .collect(Collectors.groupingBy(WebhookSink.Delivery::taskId));
    for (Submission submission : installation.clients().submissions()) {
      String task = submission.taskId();
      if (task != null && events.containsKey(task)) {
        webhooks(task, events.get(task), byTask.getOrDefault(task, List.of()));
      }
    }
  }

  private void webhooks(String task, List<Event> events, List<WebhookSink.Delivery> deliveries) {
    String what = task + ": events " + events + ", delivered " + deliveries;
    Map<Integer, Event> bySequence = new HashMap<>();
    events.forEach(event -> bySequence.put(event.sequence(), event));
    Set<Integer> seen = new HashSet<>();
    int last = 1;
    for (WebhookSink.Delivery delivery : deliveries) {
      Event event = bySequence.get(delivery.sequence());
      findings.require(delivery.signed(), "I7 a webhook's signature is right", what);
      findings.require(
          event != null && event.eventId().equals(delivery.webhookId()),
          "I7 webhook-id is the event's",
          what);
      if (seen.add(delivery.sequence())) {
        findings.require(delivery.sequence() > last, "I7 webhooks are in order", what);
        last = delivery.sequence();
      }
    }
    findings.require(
        seen.contains(events.get(events.size() - 1).sequence()),
        "I7 the last change is delivered",
        what);
  }

  private void secrets() {
    for (ServiceProcess replica : installation.replicas()) {
      String log = replica.log();
      for (String secret : installation.secrets()) {
        findings.require(
            !log.contains(secret), "I8 no secret in the log", secret.substring(0, 12) + "…");
      }
      findings.require(
          !log.contains("OutOfMemoryError"), "I9 the heap suffices", "OutOfMemoryError in the log");
    }
  }
}
