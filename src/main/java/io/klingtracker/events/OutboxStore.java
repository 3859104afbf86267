package io.klingtracker.events;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.database.Columns;
import io.klingtracker.database.FreshPlans;
import io.klingtracker.database.LongLived;
import io.klingtracker.database.LongSessions;
import io.klingtracker.database.Rows;
import io.klingtracker.events.OutboxMessage.Kind;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.task.Task;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Update;

/** The outbox: read in order, deleted once Kafka has acknowledged. */
@Singleton
class OutboxStore {

  /** The kind of an event that is set aside; the key is the task's id. */
  private static final String KIND = "event";

  /** The kind of a record of another feature's that is set aside; the key is its row's number. */
  private static final String RECORD_KIND = "host-event";

  /** The kind of a replayed row that cannot be deleted; the key is its number. */
  static final String REPLAY_KIND = "replay";

  /** How long what is owed to Kafka of a removed task stays set aside. */
  static final Duration KEEP_GONE = Duration.ofDays(7);

  /** Ranges of the outbox's key; {@code outbox_lane} of the schema hashes onto as many. */
  static final int LANES = 64;

  /** Every range, by its number. */
  private static final String EACH_LANE = "generate_series(0, " + (LANES - 1) + ") as l(lane)";

  private static final int FORGET_BATCH = 1_000;

  /**
   * Rows in the order of their ids, which within a task is the order of commits. What the relay
   * holds already is left out before the limit, so that it never keeps others from being read. The
   * row that passes the bound of bytes is the last; a state is about as large as its event. A row
   * of sequence 0 asks for the newest state alone, one with a topic is a record as it is.
   */
  private static final String NEXT_OF =
      """
      select * from (
        select q.*, sum(q.o_bytes) over (order by q.o_id) - q.o_bytes as o_before from (
          select o.replayed as o_replayed, o.lane as o_lane, o.id as o_id, o.task_id as o_task, o.sequence as o_sequence, o.topic as o_topic,
            o.key as o_key, o.headers::text as o_headers, o.payload as o_payload, e.event_id, e.type as event_type, e.occurred_at,
            e.traceparent, e.payload::text as payload,
            coalesce(octet_length(o.payload), octet_length(e.payload::text), 0)
              * case when t.sequence = o.sequence then 2 else 1 end as o_bytes,
            %s
          from (
            select x.* from {each lane}
              cross join lateral (
                select * from outbox x
                -- Hashed once, whatever the plan; "<> all" compares each row with each id.
                where {which} and x.lane = l.lane and x.id not in (select unnest(cast(:known as bigint[])))
                order by x.id limit :perLane) x
            -- Here, not below: only what is taken is joined.
            order by x.id limit :limit) o
            left join task t on :state and t.id = o.task_id
            left join task_event e on e.task_id = o.task_id
              and e.sequence = case when o.sequence = 0 then t.sequence else o.sequence end) q) r
      where o_before < :bytes
      order by o_id
      """
          .formatted(Task.COLUMNS)
          .replace("{each lane}", EACH_LANE);

  private static final String NOT_SET_ASIDE =
      """
      not exists (
        select from set_aside a
        where a.kind = case when x.topic is null then 'event' else 'host-event' end
          and a.key = coalesce(x.task_id, x.id::text))\
      """;

  private static final String NEXT =
      NEXT_OF.replace(
          "{which}", "not x.replayed and (:tasks or x.topic is not null) and " + NOT_SET_ASIDE);

  /**
   * Of rows {@code x}: still to be sent once more. Kafka has had them, so that it does not matter
   * whether their tasks are set aside; a row that is set aside itself cannot be deleted.
   */
  static final String REPLAYED =
      "x.replayed and not exists (select from set_aside a where a.kind = 'replay' and a.key = x.id::text)";

  private static final String NEXT_REPLAYED = NEXT_OF.replace("{which}", REPLAYED);

  private static final String DELETE =
      """
      delete from outbox o
      using unnest(cast(:replayed as boolean[]), cast(:lanes as int[]), cast(:ids as bigint[])) as d(replayed, lane, id)
      where o.replayed = d.replayed and o.lane = d.lane and o.id = d.id
      """;

  /** Counted in the commit that deletes them, and only those that it does delete. */
  private static final String LEAVE_OUT =
      "with gone as ("
          + DELETE
          + """
            returning 1)
            update event_replay set skipped = skipped + (select count(*) from gone) where exists (select from gone)
            """;

  private static final String LAG =
      """
      select (select count(*) from outbox where not replayed) as unpublished, (select count(*) from set_aside where kind = 'event') as aside,
        (select min(coalesce(e.occurred_at, cast(o.headers ->> 'ce_time' as timestamptz)))
           from {each lane}
           cross join lateral (
             select * from outbox x where not x.replayed and x.lane = l.lane and x.sequence is distinct from 0
               and {not set aside}
             order by x.id limit 1) o
           left join task_event e on e.task_id = o.task_id and e.sequence = o.sequence) as oldest
      """
          .replace("{each lane}", EACH_LANE)
          .replace("{not set aside}", NOT_SET_ASIDE);

  /**
   * Asks whoever relays for the tasks' newest states, behind whatever waits of them. Of a task that
   * is gone by now Kafka is to forget what it may have received late.
   */
  private static final String AGAIN =
      """
      insert into outbox (lane, id, task_id, sequence)
      select outbox_lane(g.task_id), outbox_next(), g.task_id, 0
      from (select distinct unnest(cast(:ids as text[])) as task_id) g
      """;

  private static final String EMPTY =
      """
      delete from outbox where not replayed and (lane, id) in (
        select lane, id from outbox where not replayed and topic is null
        order by lane, id limit :limit for update skip locked)
      """;

  private static final String FORGET_GONE =
      """
      with gone as (
        delete from set_aside where kind = 'event' and key in (
          select a.key from set_aside a
          where a.kind = 'event' and a.at < :before and not exists (select from task t where t.id = a.key)
          limit :limit)
        returning key
      ), forgotten as (
        delete from outbox o using gone g
        where not o.replayed and o.lane = outbox_lane(g.key) and o.task_id = g.key
      )
      select count(*) from gone
      """;

  private static final TypeReference<Map<String, String>> HEADERS = new TypeReference<>() {};

  private final Jdbi jdbi;
  private final Jdbi sessions;
  private final ObjectMapper json;
  private final SetAside setAside;
  private final ReplicaId me;

  /** The outbox is empty at one moment and long at the next. */
  private final FreshPlans plans = new FreshPlans();

  @Inject
  OutboxStore(
      Jdbi jdbi, @LongLived Jdbi sessions, ObjectMapper json, SetAside setAside, ReplicaId me) {
    this.jdbi = jdbi;
    this.sessions = sessions;
    this.json = json;
    this.setAside = setAside;
    this.me = me;
    // Its rows are in the outbox still, and are read by the next poll.
    setAside.register(
        KIND,
        "exists (select from outbox o where not o.replayed and o.lane = outbox_lane(s.key) and o.task_id = s.key)",
        (handle, key, now) -> () -> {});
    setAside.register(
        RECORD_KIND,
        "exists (select from outbox o where o.topic is not null and o.id = cast(s.key as bigint))",
        (handle, key, now) -> () -> {});
    setAside.register(
        REPLAY_KIND,
        "exists (select from outbox o where o.replayed and o.id = cast(s.key as bigint))",
        (handle, key, now) -> () -> {});
  }

  /** A session of one relay's own, kept as long as it lives. */
  Handle open() {
    Handle session = LongSessions.open(sessions);
    try {
      me.mark(session);
      // A settled row that a crash brings back is sent once more; waiting for the disk buys
      // nothing.
      session.execute("set synchronous_commit = off");
      // Its statements take the same way for any values, and planning them costs more than most.
      session.execute("set plan_cache_mode = force_generic_plan");
      return session;
    } catch (RuntimeException e) {
      LongSessions.discard(session);
      throw e;
    }
  }

  /**
   * Reads on.
   *
   * @param tasks whether events and states of tasks are read, or records alone
   * @param broken receives an event that cannot be made into a message, and why
   */
  List<OutboxMessage> next(
      Handle session,
      List<Long> known,
      int limit,
      long bytes,
      boolean tasks,
      boolean state,
      BiConsumer<OutboxMessage, RuntimeException> broken) {
    plans.on(session);
    return Columns.of(session.createQuery(NEXT), known)
        .longs("known", id -> id)
        .rest()
        .bind("perLane", perLane(limit))
        .bind("limit", limit)
        .bind("bytes", bytes)
        .bind("tasks", tasks)
        .bind("state", state)
        .map((row, context) -> message(row, state, broken))
        .list();
  }

  /** The same of what is to be sent once more; see {@link Replays}. */
  List<OutboxMessage> nextReplayed(Handle session, List<Long> known, int limit, long bytes) {
    return Columns.of(session.createQuery(NEXT_REPLAYED), known)
        .longs("known", id -> id)
        .rest()
        .bind("perLane", perLane(limit))
        .bind("limit", limit)
        .bind("bytes", bytes)
        .bind("state", false)
        .map((row, context) -> message(row, false, (message, failure) -> {}))
        .list();
  }

  /** Whether something is to be sent once more. */
  boolean isReplaying(Handle session) {
    return session
        .createQuery("select exists (select from outbox x where " + REPLAYED + ")")
        .mapTo(Boolean.class)
        .one();
  }

  /**
   * Most rows of one lane that a read looks at: lanes are about even, as task ids hash onto them.
   */
  static int perLane(int limit) {
    return Math.max(16, limit * 2 / LANES);
  }

  private OutboxMessage message(
      ResultSet row, boolean state, BiConsumer<OutboxMessage, RuntimeException> broken)
      throws SQLException {
    String topic = row.getString("o_topic");
    boolean again = topic == null && row.getInt("o_sequence") == 0;
    OutboxMessage message =
        new OutboxMessage(
            kind(row, state),
            row.getBoolean("o_replayed"),
            row.getInt("o_lane"),
            row.getLong("o_id"),
            row.getString(topic == null ? "o_task" : "o_key"),
            again ? row.getInt("sequence") : row.getInt("o_sequence"),
            row.getObject("event_id", UUID.class),
            row.getString("event_type"),
            Rows.instantOrNull(row, "occurred_at"),
            row.getString("traceparent"),
            Map.of(),
            topic,
            again ? null : row.getString(topic == null ? "payload" : "o_payload"),
            row.getInt("o_bytes"),
            null);
    if (topic != null) {
      return withHeaders(message, row.getString("o_headers"), broken);
    }
    boolean hasState =
        message.is(Kind.STATE)
            || message.is(Kind.EVENT) && row.getInt("sequence") == message.sequence();
    if (!state || !hasState) {
      return message;
    }
    try {
      return message.with(json.writeValueAsString(TaskState.of(Task.of(row))));
    } catch (JsonProcessingException e) {
      broken.accept(message, new IllegalStateException("the task cannot be written", e));
    } catch (RuntimeException e) {
      broken.accept(message, e);
    }
    return message;
  }

  private static Kind kind(ResultSet row, boolean state) throws SQLException {
    if (row.getString("o_topic") != null) {
      return Kind.RECORD;
    }
    // A task that retention removed leaves rows without an event.
    boolean gone = row.getObject("event_id") == null;
    if (row.getInt("o_sequence") > 0) {
      return gone ? Kind.NOTHING : Kind.EVENT;
    }
    if (!state) {
      return Kind.NOTHING;
    }
    return gone ? Kind.TOMBSTONE : Kind.STATE;
  }

  private OutboxMessage withHeaders(
      OutboxMessage message, String headers, BiConsumer<OutboxMessage, RuntimeException> broken) {
    try {
      return message.withHeaders(json.readValue(headers, HEADERS));
    } catch (JsonProcessingException | RuntimeException e) {
      broken.accept(
          message, new IllegalStateException("headers of a record are names and texts", e));
      return message;
    }
  }

  /** Takes out what Kafka has. */
  void delete(Handle session, List<OutboxMessage> sent) {
    delete(session.createUpdate(DELETE), sent);
  }

  /** Takes out of the replay what will not be sent, and counts it. */
  void leaveOut(Handle session, List<OutboxMessage> replayed) {
    delete(session.createUpdate(LEAVE_OUT), replayed);
  }

  private static void delete(Update statement, List<OutboxMessage> messages) {
    Columns.of(statement, messages)
        .booleans("replayed", OutboxMessage::replayed)
        .ints("lanes", OutboxMessage::lane)
        .longs("ids", OutboxMessage::id)
        .rest()
        .execute();
  }

  /**
   * Sets a task's event aside: it and those behind it stay in the outbox and are not read until
   * somebody has it tried again. A record of another feature stays there alone, and so does a
   * replayed event.
   */
  void setAside(Handle session, OutboxMessage message, Throwable failure, int attempts) {
    if (message.replayed()) {
      setAside.put(
          session, REPLAY_KIND, Long.toString(message.id()), message.key(), failure, attempts);
    } else if (message.is(Kind.RECORD)) {
      setAside.put(session, RECORD_KIND, Long.toString(message.id()), null, failure, attempts);
    } else {
      setAside.put(session, KIND, message.key(), message.key(), failure, attempts);
    }
  }

  /** The backlog. */
  record Lag(long unpublished, long aside, Optional<Instant> oldest) {}

  Lag lag() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(LAG)
                .map(
                    (row, context) ->
                        new Lag(
                            row.getLong("unpublished"),
                            row.getLong("aside"),
                            Optional.ofNullable(Rows.instantOrNull(row, "oldest"))))
                .one());
  }

  /** See {@link #AGAIN}. */
  void again(Handle session, List<String> taskIds) {
    Columns.of(session.createUpdate(AGAIN), taskIds).texts("ids", id -> id).rest().execute();
  }

  /** Fails when the session has ended, and its locks with it. */
  void prove(Handle session) {
    session.execute("select 1");
  }

  /** Names this replica. */
  String replica() {
    return me.id();
  }

  /** Whether any replica relays. */
  boolean isRelayed() {
    return jdbi.withHandle(RelayLock::isHeldByAnyone);
  }

  /**
   * Forgets what Kafka has not taken of removed tasks for {@link #KEEP_GONE}, which nobody else
   * would ever take out: some of it, and whether there may be more.
   */
  boolean forgetGone(Instant now) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createQuery(FORGET_GONE)
                    .bind("before", now.minus(KEEP_GONE))
                    .bind("limit", FORGET_BATCH)
                    .mapTo(Integer.class)
                    .one())
        == FORGET_BATCH;
  }

  /**
   * Empties the outbox of what is of tasks, a batch at a time, for whom somebody else reads the
   * events.
   */
  int empty(int limit) {
    return jdbi.withHandle(handle -> handle.createUpdate(EMPTY).bind("limit", limit).execute());
  }
}
