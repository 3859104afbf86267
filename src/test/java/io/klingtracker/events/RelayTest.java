package io.klingtracker.events;

import static io.klingtracker.testing.Rows.number;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.events.OutboxMessage.Kind;
import io.klingtracker.loops.SetAside;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The relay's decisions, with a Kafka that does as the test says. */
class RelayTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Jdbi jdbi = DATABASE.jdbi();
  private final RelayRig rig = new RelayRig(jdbi, Map.of("retry-cap", "20ms", "window", "50"));
  private final ToldSink kafka = new ToldSink();

  /** Acknowledges at once, but for tasks it has to refuse or to keep waiting. */
  private static final class ToldSink implements EventSink {
    final List<OutboxMessage> taken = Collections.synchronizedList(new ArrayList<>());
    final Map<String, Exception> refused = new ConcurrentHashMap<>();
    final Map<String, CompletableFuture<Void>> kept = new ConcurrentHashMap<>();

    @Override
    public CompletionStage<Void> send(OutboxMessage message) {
      Exception refusal = refused.get(message.key());
      CompletableFuture<Void> waiting = kept.get(message.key());
      if (refusal != null) {
        return CompletableFuture.failedFuture(refusal);
      }
      taken.add(message);
      return waiting == null ? CompletableFuture.completedFuture(null) : waiting;
    }

    List<Integer> sequencesOf(String taskId) {
      synchronized (taken) {
        return taken.stream()
            .filter(message -> message.key().equals(taskId))
            .map(OutboxMessage::sequence)
            .toList();
      }
    }
  }

  @BeforeEach
  void a_tenant() {
    rig.tenant();
  }

  private List<String> tasks(int count, int changes) {
    List<String> ids = new ArrayList<>();
    jdbi.useTransaction(
        handle -> {
          for (int i = 0; i < count; i++) {
            ids.add(RelayRig.taskId(i));
            RelayRig.submit(handle, RelayRig.taskId(i));
          }
        });
    for (int i = 0; i < changes; i++) {
      jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
    }
    return ids;
  }

  @Test
  void a_refused_event_holds_back_its_own_task_only() {
    List<String> ids = tasks(60, 2);
    kafka.refused.put(ids.get(0), new NotLeaderOrFollowerException("not now"));
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 3);
      assertEquals(List.of(), kafka.sequencesOf(ids.get(0)));

      kafka.refused.clear();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
    }
    ids.forEach(id -> assertEquals(List.of(1, 2, 3), kafka.sequencesOf(id)));
  }

  @Test
  void an_event_waits_for_the_one_before_it() {
    String id = tasks(1, 2).get(0);
    CompletableFuture<Void> answer = new CompletableFuture<>();
    kafka.kept.put(id, answer);
    try (Relay relay = rig.relay(kafka)) {
      for (int i = 0; i < 5; i++) {
        relay.runOnce();
      }
      assertEquals(List.of(1), kafka.sequencesOf(id));
      answer.complete(null);
      for (int i = 0; i < 3; i++) {
        relay.runOnce();
      }
    }
    assertEquals(List.of(1, 2, 3), kafka.sequencesOf(id));
    assertEquals(0, rig.unpublished());
  }

  @Test
  void an_event_that_can_never_be_sent_is_set_aside_with_its_task_and_can_be_tried_again() {
    List<String> ids = tasks(3, 1);
    String poisoned = ids.get(1);
    kafka.refused.put(poisoned, new RecordTooLargeException("2000000 bytes"));
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.store.lag().aside() == 1);
      await().atMost(LIMIT).until(() -> rig.unpublished() == 2);
      SetAside.Item aside = rig.setAside.page(null, SetAside.Position.START, 10).get(0);
      assertEquals("event:" + poisoned, aside.id());
      assertEquals(poisoned, aside.taskId());
      assertEquals(RelayRig.TENANT, aside.tenant());
      assertTrue(aside.reason().contains("RecordTooLarge"), aside.reason());

      kafka.refused.clear();
      assertTrue(rig.setAside.retry(aside.id()));
      assertFalse(rig.setAside.retry(aside.id()));
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
    }
    assertEquals(List.of(1, 2), kafka.sequencesOf(poisoned));
  }

  @Test
  void one_relays_and_hands_over_as_it_stops_without_repeating_or_reordering() {
    List<String> ids = new ArrayList<>(tasks(40, 0));
    Relay first = rig.relay(kafka);
    first.runOnce();
    assertTrue(first.isRelaying());
    assertTrue(rig.store.isRelayed());
    first.loop().start();
    try (Relay second = rig.relay(kafka)) {
      second.runOnce();
      assertFalse(second.isRelaying(), "it stands by");
      second.loop().start();
      for (int i = 0; i < 10; i++) {
        jdbi.useTransaction(handle -> RelayRig.change(handle, ids));
        if (i == 5) {
          first.close();
        }
      }
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
      assertTrue(second.isRelaying());
      for (String id : ids) {
        List<Integer> sequences = kafka.sequencesOf(id);
        // Nobody was killed: handing over repeats nothing.
        assertEquals(11, sequences.size(), id);
        assertEquals(11, new HashSet<>(sequences).size(), id);
        assertEquals(sequences.stream().sorted().toList(), sequences, id);
      }
    }
    await().atMost(LIMIT).until(() -> !rig.store.isRelayed());
  }

  @Test
  void while_a_version_that_shares_the_outbox_in_lanes_has_one_of_them_it_stands_by() {
    List<String> ids = tasks(3, 0);
    try (Handle before = jdbi.open();
        Relay relay = rig.relay(kafka)) {
      // It counts itself by the lock 0, and has the lanes that it could take.
      before.execute("select pg_advisory_lock_shared(1263293441, 0)");
      before.execute("select pg_advisory_lock(1263293441, 20)");
      for (int pass = 0; pass < 3; pass++) {
        relay.runOnce();
      }
      assertFalse(relay.isRelaying());
      assertFalse(rig.store.isRelayed(), "the other lanes are nobody's");
      assertEquals(
          List.of(20),
          jdbi.withHandle(
              handle ->
                  handle
                      .createQuery(
                          """
                          select objid::int from pg_locks
                          where locktype = 'advisory' and classid = 1263293441::oid and objid > 0::oid
                            and database = (select oid from pg_database where datname = current_database())
                          """)
                      .mapTo(Integer.class)
                      .list()),
          "the version before can take all others");
      assertEquals(List.of(), kafka.taken);

      before.execute("select pg_advisory_unlock(1263293441, 20)");
      await()
          .atMost(LIMIT)
          .until(
              () -> {
                relay.runOnce();
                return rig.unpublished() == 0;
              });
      assertEquals(
          0,
          before
              .createQuery(
                  "select count(*) from generate_series(1, 64) lane where pg_try_advisory_lock(1263293441, lane)")
              .mapTo(Integer.class)
              .one(),
          "and none while it relays");
    }
    ids.forEach(id -> assertEquals(List.of(1), kafka.sequencesOf(id)));
  }

  @Test
  void what_kafka_never_takes_of_a_removed_task_is_forgotten_after_a_while() {
    List<String> ids = tasks(2, 0);
    ids.forEach(id -> kafka.refused.put(id, new RecordTooLargeException("2000000 bytes")));
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.store.lag().aside() == 2);
      jdbi.useHandle(handle -> handle.execute("delete from task where id = ?", ids.get(0)));
      await().atMost(LIMIT).until(() -> rig.store.lag().aside() == 2);
    }
    Instant now = Instant.now();
    rig.store.forgetGone(now.plus(OutboxStore.KEEP_GONE).minusSeconds(60));
    assertEquals(2, rig.store.lag().aside());
    rig.store.forgetGone(now.plus(OutboxStore.KEEP_GONE).plusSeconds(60));
    assertEquals(
        List.of("event:" + ids.get(1)),
        rig.setAside.page("event", SetAside.Position.START, 10).stream()
            .map(SetAside.Item::id)
            .toList());
    assertEquals(1, rig.unpublished(), "what is left is of the task that is there");
  }

  @Test
  void what_a_paused_relay_sent_late_is_followed_by_the_newest_state() {
    String id = tasks(1, 1).get(0);
    CompletableFuture<Void> late = new CompletableFuture<>();
    kafka.kept.put(id, late);
    ToldSink others = new ToldSink();
    RelayRig other = new RelayRig(jdbi, Map.of("retry-cap", "20ms"));
    try (Relay paused = rig.relay(kafka);
        Relay successor = other.relay(others)) {
      paused.runOnce();
      assertEquals(List.of(1), kafka.sequencesOf(id), "in flight as it is paused");

      // Others end its session, relay instead and bring the task on.
      endRelaySessions();
      successor.loop().start();
      jdbi.useTransaction(handle -> RelayRig.change(handle, List.of(id)));
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
      assertEquals(3, newestState(others, id));

      // It wakes up: Kafka takes what it had sent, and it sends nothing more.
      late.complete(null);
      kafka.kept.clear();
      assertThrows(UnableToExecuteStatementException.class, () -> runUntilItFails(paused));
      assertEquals(List.of(1), kafka.sequencesOf(id));
      assertFalse(paused.isRelaying());

      // Its next session has the newest written again, by whoever relays now.
      paused.loop().start();
      await()
          .atMost(LIMIT)
          .until(
              () ->
                  Stream.of(kafka, others)
                      .flatMap(sink -> List.copyOf(sink.taken).stream())
                      .anyMatch(message -> message.is(Kind.STATE) && message.sequence() == 3));
      assertEquals(3, newestState(others, id));
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
    }
  }

  @Test
  void what_a_killed_relay_may_have_sent_late_is_followed_by_the_newest_state() {
    String id = tasks(1, 1).get(0);
    kafka.kept.put(id, new CompletableFuture<>());
    Relay killed = rig.relay(kafka);
    killed.runOnce();
    assertEquals(List.of(1), kafka.sequencesOf(id), "in flight as it is killed");
    killed.abort();

    ToldSink others = new ToldSink();
    RelayRig other = new RelayRig(jdbi, Map.of("retry-cap", "20ms"));
    try (Relay successor = other.relay(others)) {
      successor.loop().start();
      await().atMost(LIMIT).until(() -> others.taken.size() == 3);
      assertEquals(List.of(1, 2, 2), others.sequencesOf(id));
      assertTrue(others.taken.get(2).is(Kind.STATE));
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
    }
  }

  @Test
  void what_a_relay_still_owes_as_it_stops_is_left_to_the_next() {
    String id = tasks(1, 1).get(0);
    kafka.kept.put(id, new CompletableFuture<>());
    Relay killed = rig.relay(kafka);
    killed.runOnce();
    killed.abort();

    // Its successor stops before what was in flight can be taken for lost.
    ToldSink others = new ToldSink();
    RelayRig other = new RelayRig(jdbi, Map.of());
    try (Relay successor = other.relay(others)) {
      while (rig.unpublished() > 0) {
        successor.runOnce();
      }
      assertEquals(List.of(1, 2), others.sequencesOf(id));
    }
    assertEquals(1, rig.unpublished(), "the newest state is to be sent again");
    assertEquals(
        64,
        number(jdbi, "select count(*) from event_lane where owner is not null"),
        "left behind, not given back");

    ToldSink last = new ToldSink();
    try (Relay third = new RelayRig(jdbi, Map.of()).relay(last)) {
      while (last.taken.isEmpty()) {
        third.runOnce();
      }
    }
    assertTrue(last.taken.get(0).is(Kind.STATE));
    assertEquals(2, newestState(last, id));
  }

  @Test
  void what_a_relay_owes_is_left_to_the_next_though_its_session_was_lost() {
    String id = tasks(1, 0).get(0);
    CompletableFuture<Void> late = new CompletableFuture<>();
    kafka.kept.put(id, late);
    Relay paused = rig.relay(kafka);
    paused.runOnce();
    endRelaySessions();
    Relay successor = new RelayRig(jdbi, Map.of()).relay(new ToldSink());
    while (rig.unpublished() > 0) {
      successor.runOnce();
    }
    successor.abort();
    assertThrows(UnableToExecuteStatementException.class, () -> runUntilItFails(paused));

    late.complete(null);
    paused.close();

    assertEquals(1, rig.unpublished(), "the newest state is to be sent again");
  }

  /** Of a relay that was paused: what it finds when it continues. */
  private static void runUntilItFails(Relay relay) {
    for (int pass = 0; pass < 3; pass++) {
      relay.runOnce();
    }
  }

  private static int newestState(ToldSink sink, String id) {
    synchronized (sink.taken) {
      return sink.taken.stream()
          .filter(message -> message.key().equals(id) && message.state() != null)
          .reduce((first, second) -> second)
          .orElseThrow()
          .sequence();
    }
  }

  private void endRelaySessions() {
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select pg_terminate_backend(pid, 10000) from pg_locks
                    where locktype = 'advisory' and classid = 1263293441::oid and objid = 1 and granted and pid <> pg_backend_pid()
                      and database = (select oid from pg_database where datname = current_database())
                    """)
                .mapTo(Boolean.class)
                .list());
  }

  @Test
  void the_latest_state_goes_along_and_a_removed_task_is_forgotten() {
    String id = tasks(1, 2).get(0);
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
      // Events that were already overtaken when they were read carry no state.
      assertEquals(
          List.of(3),
          kafka.taken.stream()
              .filter(message -> message.state() != null)
              .map(OutboxMessage::sequence)
              .toList());

      RelayRig.remove(jdbi, id);
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
      OutboxMessage last = kafka.taken.get(kafka.taken.size() - 1);
      assertEquals(id, last.key());
      assertTrue(last.is(Kind.TOMBSTONE));
    }
  }

  @Test
  void a_removed_task_is_forgotten_behind_what_is_under_way_of_it() {
    String id = tasks(1, 0).get(0);
    CompletableFuture<Void> answer = new CompletableFuture<>();
    kafka.kept.put(id, answer);
    try (Relay relay = rig.relay(kafka)) {
      relay.runOnce();
      jdbi.useTransaction(handle -> RelayRig.change(handle, List.of(id)));
      RelayRig.remove(jdbi, id);
      relay.wake();
      relay.runOnce();
      assertEquals(List.of(Kind.EVENT), kinds(), "the state under way is older than its end");
      kafka.kept.clear();
      answer.complete(null);
      while (rig.unpublished() > 0) {
        relay.runOnce();
      }
    }
    assertEquals(List.of(Kind.EVENT, Kind.TOMBSTONE), kinds());
  }

  @Test
  void without_a_topic_of_states_nobody_is_told_of_removed_tasks() {
    String id = tasks(1, 0).get(0);
    try (Relay relay = new RelayRig(jdbi, Map.of("state.enabled", "false")).relay(kafka)) {
      RelayRig.remove(jdbi, id);
      assertEquals(2, rig.unpublished());
      while (rig.unpublished() > 0) {
        relay.runOnce();
      }
    }
    assertEquals(List.of(), kinds());
  }

  private List<Kind> kinds() {
    synchronized (kafka.taken) {
      return kafka.taken.stream().map(OutboxMessage::kind).toList();
    }
  }

  private void record(String key, String headers, String payload) {
    jdbi.useHandle(
        handle ->
            handle.execute(
                """
                insert into outbox (lane, id, topic, key, headers, payload)
                values (outbox_lane(?), outbox_next(), 'hosts', ?, ?::json, ?)
                """,
                key,
                key,
                headers,
                payload));
  }

  @Test
  void a_record_of_another_feature_goes_out_as_it_was_written_and_in_order_of_its_key() {
    record("acme/a", "{\"ce_id\":\"1\",\"ce_time\":\"2026-03-01T10:00:00.000Z\"}", "first");
    record("acme/a", "{\"ce_id\":\"2\"}", "second");
    record("acme/b", "{\"ce_id\":\"3\"}", "another's");
    assertEquals(Instant.parse("2026-03-01T10:00:00Z"), rig.store.lag().oldest().orElseThrow());
    kafka.refused.put("acme/a", new NotLeaderOrFollowerException("not now"));
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 2);
      kafka.refused.clear();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 0);
    }
    assertEquals(
        List.of("hosts acme/b 3 another's", "hosts acme/a 1 first", "hosts acme/a 2 second"),
        kafka.taken.stream()
            .map(m -> String.join(" ", m.topic(), m.key(), m.headers().get("ce_id"), m.payload()))
            .toList());
  }

  @Test
  void a_record_that_can_never_be_sent_is_set_aside_alone() {
    record("acme/a", "{}", "first");
    record("acme/b", "[1]", "its headers are none");
    record("acme/c", "{\"x\":null}", "one of them is none");
    kafka.refused.put("acme/a", new RecordTooLargeException("2000000 bytes"));
    try (Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> asides().size() == 3);
      kafka.refused.clear();
      record("acme/a", "{}", "second");
      await().atMost(LIMIT).until(() -> rig.unpublished() == 3);
      SetAside.Item item =
          asides().stream()
              .filter(each -> each.reason().contains("RecordTooLarge"))
              .findFirst()
              .orElseThrow();
      assertTrue(rig.setAside.retry(item.id()));
      await().atMost(LIMIT).until(() -> rig.unpublished() == 2);
    }
    assertEquals(
        List.of("second", "first"), kafka.taken.stream().map(OutboxMessage::payload).toList());
  }

  @Test
  void a_topic_of_another_feature_that_is_missing_holds_up_no_event() {
    record("acme/a", "{}", "first");
    kafka.refused.put(
        "acme/a", new org.apache.kafka.common.errors.TimeoutException("no such topic"));
    Relay relay = rig.relay(kafka);
    relay.runOnce();
    String task = tasks(1, 0).get(0);
    relay.wake();
    relay.runOnce();
    relay.runOnce();

    assertEquals(List.of(1), kafka.sequencesOf(task));
    relay.abort();
  }

  private List<SetAside.Item> asides() {
    return rig.setAside.page("host-event", SetAside.Position.START, 10);
  }

  @Test
  void where_debezium_reads_the_events_records_of_other_features_go_out_still() {
    tasks(3, 1);
    record("acme/a", "{}", "first");
    try (Relay relay = new RelayRig(jdbi, Map.of("relay", "debezium")).relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 6);
      assertEquals(6, rig.store.empty(50));
    }
    assertEquals(List.of(Kind.RECORD), kinds());
  }

  @Test
  void memory_is_bounded_however_long_the_backlog_is() {
    tasks(300, 1);
    ToldSink silent = new ToldSink();
    for (int i = 0; i < 300; i++) {
      silent.kept.put(RelayRig.taskId(i), new CompletableFuture<>());
    }
    Relay relay = rig.relay(silent);
    for (int i = 0; i < 10; i++) {
      relay.runOnce();
      assertTrue(relay.held() <= 50, "held " + relay.held());
    }
    relay.abort();
  }

  @Test
  void an_event_that_cannot_be_made_into_a_record_delays_no_other() {
    List<String> ids = tasks(3, 1);
    String bad = ids.get(1);
    EventSink sink =
        new EventSink() {
          @Override
          public CompletionStage<Void> send(OutboxMessage message) {
            if (message.key().equals(bad)) {
              throw new IllegalArgumentException("a header of no kind");
            }
            return kafka.send(message);
          }
        };
    try (Relay relay = rig.relay(sink)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 2);
      await().atMost(LIMIT).until(() -> rig.store.lag().aside() == 1);
    }
    assertEquals(4, kafka.taken.size());
  }

  @Test
  void an_event_that_cannot_be_deleted_delays_no_other() {
    List<String> ids = tasks(3, 1);
    try (Refusing refusing = Refusing.rows(jdbi, "outbox", "task_id", ids.get(1), "P0001");
        Relay relay = rig.relay(kafka)) {
      relay.loop().start();
      await().atMost(LIMIT).until(() -> rig.unpublished() == 2);
      await().atMost(LIMIT).until(() -> rig.store.lag().aside() == 1);
    }
    assertEquals(List.of(1, 2), kafka.sequencesOf(ids.get(0)));
    assertEquals(List.of(1, 2), kafka.sequencesOf(ids.get(2)));
  }

  @Test
  void memory_is_bounded_in_bytes_too_and_large_events_pass_one_by_one() {
    int padding = 3_000;
    RelayRig small = new RelayRig(jdbi, Map.of("window-bytes", "10000"));
    List<String> ids = tasks(40, 0);
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids, "x".repeat(padding)));
    jdbi.useTransaction(handle -> RelayRig.change(handle, ids.subList(0, 2), "x".repeat(50_000)));
    try (Relay relay = small.relay(kafka)) {
      for (int i = 0; i < 1_000 && small.unpublished() > 0; i++) {
        relay.runOnce();
        // The bound, and the event that passes it, which may go with its state.
        assertTrue(relay.heldBytes() < 10_000 + 2 * 51_000, "held " + relay.heldBytes());
        assertTrue(
            relay.held() < 60 || relay.heldBytes() < 10_000, "held " + relay.held() + " events");
      }
    }
    assertEquals(0, small.unpublished());
    assertEquals(82, kafka.taken.size());
  }

  @Test
  void what_kafka_has_is_deleted_while_others_are_under_way() {
    List<String> ids = tasks(40, 0);
    kafka.kept.put(ids.get(0), new CompletableFuture<>());
    Relay relay = rig.relay(kafka);
    relay.loop().start();
    await().atMost(LIMIT).until(() -> rig.unpublished() == 1);
    relay.abort();
    assertEquals(40, kafka.taken.size());
  }

  @Test
  void commits_of_a_busy_time_share_a_read_and_those_of_a_quiet_one_go_at_once() {
    Duration apart = Duration.ofMillis(200);
    List<String> busy = tasks(Relay.MANY, 0);
    long start = System.nanoTime();
    try (Relay relay = new RelayRig(jdbi, Map.of()).lingering(apart).relay(kafka)) {
      publish(relay, Relay.MANY);
      jdbi.useTransaction(handle -> RelayRig.change(handle, busy.subList(0, 1)));
      publish(relay, Relay.MANY + 1);
    }
    assertTrue(System.nanoTime() - start >= apart.toNanos(), "read sooner");

    jdbi.useTransaction(handle -> RelayRig.change(handle, busy.subList(0, Relay.MANY - 1)));
    assertTimeoutPreemptively(
        LIMIT,
        () -> {
          try (Relay relay =
              new RelayRig(jdbi, Map.of()).lingering(Duration.ofHours(1)).relay(kafka)) {
            publish(relay, 2 * Relay.MANY);
            jdbi.useTransaction(handle -> RelayRig.change(handle, busy.subList(0, 1)));
            publish(relay, 2 * Relay.MANY + 1);
          }
        });
  }

  /** Passes until Kafka has so many events in all. */
  private void publish(Relay relay, int events) {
    relay.wake();
    while (kafka.taken.size() < events) {
      relay.runOnce();
    }
  }

  @Test
  void a_lane_that_holds_the_whole_backlog_is_read_on_at_once() {
    List<String> lane =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        """
                        select id from (select 'task_' || lpad(n::text, 26, '0') as id from generate_series(1, 9999) n) x
                        where outbox_lane(id) = 7 limit 40
                        """)
                    .mapTo(String.class)
                    .list());
    jdbi.useTransaction(handle -> lane.forEach(id -> RelayRig.submit(handle, id)));
    RelayRig patient = new RelayRig(jdbi, Map.of("window", "50")).polling(Duration.ofHours(1));
    try (Relay relay = patient.relay(kafka)) {
      while (relay.runOnce()) {
        assertTrue(kafka.taken.size() <= 40);
      }
    }
    assertEquals(40, kafka.taken.size());
  }

  @Test
  void a_task_cannot_leave_out_a_number() {
    String id = tasks(1, 1).get(0);
    for (int wrong : new int[] {1, 4}) {
      assertThrows(
          UnableToExecuteStatementException.class,
          () ->
              jdbi.useHandle(
                  handle ->
                      handle.execute("update task set sequence = ? where id = ?", wrong, id)));
    }
  }

  @Test
  void who_lets_debezium_read_keeps_the_outbox_empty() {
    tasks(30, 2);
    assertEquals(50, rig.store.empty(50));
    assertEquals(40, rig.store.empty(50));
    assertEquals(0, rig.unpublished());
  }
}
