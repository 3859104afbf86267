package io.klingtracker.webhook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.klingtracker.database.Columns;
import io.klingtracker.database.Rows;
import io.klingtracker.database.SqlFile;
import io.klingtracker.loops.SetAside;
import io.klingtracker.presence.Presence;
import io.klingtracker.presence.ReplicaId;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;

/**
 * The waiting deliveries. One statement each: claim what may go now, settle what has come back.
 *
 * <p>Only the oldest waiting change of a task is ever claimed, so a task's changes arrive in order.
 * Tenants with something due are looked at alike, and a host queue (a tenant's deliveries to one
 * host) without room is parked until it has some, so that neither a dead receiver's backlog nor a
 * busy tenant, nor one with thousands of hosts, delays anybody else.
 */
final class DeliveryQueue {

  private static final ObjectMapper JSON =
      new ObjectMapper()
          .registerModule(new JavaTimeModule())
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS);

  /** The kind of what is set aside here; the key is the delivery's id. */
  static final String KIND = "delivery";

  /** A row behind one under way is looked at again after so long, should its end not call it. */
  private static final Duration LONGEST_BEHIND = Duration.ofSeconds(30);

  private final Jdbi jdbi;
  private final String hostTopic;

  /**
   * The queue.
   *
   * @param hostTopic the topic that is to have what became of host queues
   */
  DeliveryQueue(Jdbi jdbi, String hostTopic) {
    this.jdbi = jdbi;
    this.hostTopic = hostTopic;
  }

  /**
   * How much may be claimed.
   *
   * @param batch deliveries at most
   * @param perHost in flight to one host, all replicas together; fewer of a tenant that has half of
   *     what it may have under way
   * @param perTenant in flight for one tenant, all replicas together
   * @param breakerAfter failures in a row after which a host gets one delivery at a time
   * @param hostRate deliveries a second that may begin to one host, all replicas together
   */
  record Room(int batch, int perHost, int perTenant, int breakerAfter, int hostRate) {}

  /**
   * What a claim brought.
   *
   * @param behind rows that were looked at and are behind an older change of their task
   * @param tidied whether rows or host queues without room were set aside, behind which there may
   *     be more
   */
  record Claimed(List<Delivery> deliveries, List<Position> behind, boolean tidied) {}

  /** A waiting row. */
  record Position(String taskId, int sequence) {}

  /** A host queue whose state changed with a settlement. */
  record HostQueueChange(String tenant, String host, boolean paused) {}

  /** When a host is left alone. */
  record Breaker(
      int after, Duration first, Duration cap, Duration pauseAfter, Duration pausedProbe) {}

  static final String CLAIM = SqlFile.read(DeliveryQueue.class, "Claim");

  static final String SETTLE = SqlFile.read(DeliveryQueue.class, "Settle");

  /**
   * Claims what may be sent now: see {@code Claim.sql}.
   *
   * @param claim names the claim and who has it; see {@link ReplicaId#claim}
   */
  Claimed claim(Room room, String claim, Instant now) {
    List<Delivery> deliveries = new ArrayList<>();
    List<Position> behind = new ArrayList<>();
    boolean[] tidied = {false};
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(CLAIM)
                .bind("now", utc(now))
                .bind("until", utc(now.plus(Presence.CLAIM)))
                .bind("claim", claim)
                .bind("batch", room.batch())
                .bind("perHost", room.perHost())
                .bind("perTenant", room.perTenant())
                .bind("breakerAfter", room.breakerAfter())
                .bind("hostRate", room.hostRate())
                .map(
                    (row, context) -> {
                      tidied[0] |= row.getInt("tidied") > 0;
                      if (row.getBoolean("behind")) {
                        behind.add(position(row));
                      } else if (row.getString("claimed_by") != null) {
                        deliveries.add(delivery(row));
                      }
                      return true;
                    })
                .list());
    return new Claimed(deliveries, behind, tidied[0]);
  }

  private static Position position(ResultSet row) throws SQLException {
    return new Position(row.getString("task_id"), row.getInt("sequence"));
  }

  private static Delivery delivery(ResultSet row) throws SQLException {
    return new Delivery(
        row.getString("task_id"),
        row.getInt("sequence"),
        row.getString("event_id"),
        row.getString("tenant_id"),
        row.getString("host"),
        row.getString("callback_url"),
        row.getInt("attempts"),
        Rows.instant(row, "due_at"),
        row.getString("claimed_by"),
        Rows.instant(row, "created_at"),
        row.getString("payload"),
        row.getString("traceparent"));
  }

  /**
   * Rows behind an older change wait for it. If that one has failed and only says what the newer
   * one says better, it is skipped; if it waits for a retry, the news is reason enough to try now.
   * Its lock is held meanwhile, so that a settlement cannot end it and miss the row behind.
   */
  private static final String QUEUE_UP =
      """
      with behind as materialized (
        select b.task_id, b.sequence, h.sequence as head
        from unnest(:tasks, :sequences) as b (task_id, sequence)
        cross join lateral (
          select o.sequence from webhook_delivery o
          where o.task_id = b.task_id and o.sequence < b.sequence order by o.sequence limit 1) h
      ), head as materialized (
        select h.*, (h.claimed_until is null or h.claimed_until <= :now) as idle from webhook_delivery h
        where (h.task_id, h.sequence) in (select task_id, head from behind)
        for update of h skip locked
      ), skipped as (
        delete from webhook_delivery d using head h
        where d.task_id = h.task_id and d.sequence = h.sequence
          and h.idle and h.attempts > 0 and h.status in ('processing', 'expired')
        returning d.*
      ), recorded as (
        insert into webhook_settled
          (task_id, sequence, event_id, tenant_id, host, status, state, attempts, reason, planned_at, settled_at)
        select s.task_id, s.sequence, s.event_id, s.tenant_id, s.host, s.status, 'coalesced', s.attempts,
          'a newer change was waiting', s.planned_at, :now
        from skipped s
        on conflict (task_id, sequence) do update set state = excluded.state, attempts = excluded.attempts,
          reason = excluded.reason, settled_at = excluded.settled_at
      ), hurried as (
        update webhook_delivery d set due_at = :now, parked = false from head h
        where d.task_id = h.task_id and d.sequence = h.sequence and h.idle and h.due_at > :now
          and not (h.attempts > 0 and h.status in ('processing', 'expired'))
      )
      -- Behind a parked one it is parked too, and after it: a look at a host queue goes no deeper than its room, so that
      -- rows which cannot go and are due first would hide those they wait for, for good.
      update webhook_delivery d set parked = h.parked, due_at = case when h.parked then greatest(d.due_at, h.due_at + interval '1 microsecond')
        else greatest(case when h.idle then h.due_at else least(h.claimed_until, :latest) end, :soonest) end
      from behind b join head h on h.task_id = b.task_id and h.sequence = b.head
      where d.task_id = b.task_id and d.sequence = b.sequence
        and not exists (select from skipped s where s.task_id = b.task_id)
      """;

  /** Makes rows that a claim found out of turn wait for the change before them. */
  void queueUp(List<Position> behind, Instant now, Duration pause) {
    if (behind.isEmpty()) {
      return;
    }
    jdbi.useHandle(
        handle ->
            Columns.of(handle.createUpdate(QUEUE_UP), behind)
                .texts("tasks", Position::taskId)
                .ints("sequences", Position::sequence)
                .rest()
                .bind("now", utc(now))
                .bind("soonest", utc(now.plus(pause)))
                .bind("latest", utc(now.plus(LONGEST_BEHIND)))
                .execute());
  }

  /** What is ours and not in our hands: its claim's answer, or its settlement, was lost. */
  private static final String LET_GO =
      """
      update webhook_delivery set claimed_until = null, claimed_by = null
      where claimed_until is not null and claimed_by like :ours and event_id <> all(cast(:held as uuid[]))
      """;

  /**
   * Frees what a replica has claimed and does not work on.
   *
   * @param held the deliveries that it does work on
   * @return how many
   */
  int letGo(String replica, Collection<String> held) {
    return jdbi.withHandle(
        handle ->
            Columns.of(handle.createUpdate(LET_GO), held)
                .texts("held", claim -> claim)
                .rest()
                .bind("ours", replica + "/%")
                .execute());
  }

  /**
   * Writes how attempts ended. A delivery that is another's by now is logged and else left alone.
   *
   * @return host queues that were paused or came back
   */
  List<HostQueueChange> settle(List<Settlement> results, Breaker breaker) {
    if (results.isEmpty()) {
      return List.of();
    }
    String json = json(results);
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(SETTLE)
                .bind("results", json)
                .bind("breakerAfter", breaker.after())
                .bind("breakerFirst", breaker.first().toString())
                .bind("breakerCap", breaker.cap().toString())
                .bind("pauseAfter", breaker.pauseAfter().toString())
                .bind("pausedProbe", breaker.pausedProbe().toString())
                .bind("hostTopic", hostTopic)
                .map(
                    (row, context) ->
                        new HostQueueChange(
                            row.getString("tenant_id"),
                            row.getString("host"),
                            row.getBoolean("paused")))
                .list());
  }

  private static final String SET_ASIDE =
      """
      with ended as (
        delete from webhook_delivery where task_id = :task and sequence = :sequence and claimed_by = :claim returning *
      )
      insert into webhook_settled
        (task_id, sequence, event_id, tenant_id, host, status, state, attempts, reason, planned_at, settled_at)
      select task_id, sequence, event_id, tenant_id, host, status, 'failed', attempts + 1,
        'its outcome cannot be written; set aside', planned_at, :now from ended
      on conflict (task_id, sequence) do update set state = excluded.state, attempts = excluded.attempts,
        reason = excluded.reason, settled_at = excluded.settled_at
      """;

  /** Ends a delivery whose outcome cannot be written, without its words; it can be made again. */
  void setAside(SetAside setAside, Settlement lost, RuntimeException failure, int attempts) {
    jdbi.useTransaction(
        handle -> {
          setAside.put(handle, KIND, lost.eventId(), lost.taskId(), failure, attempts);
          handle
              .createUpdate(SET_ASIDE)
              .bind("task", lost.taskId())
              .bind("sequence", lost.sequence())
              .bind("claim", lost.claim())
              .bind("now", utc(lost.at()))
              .execute();
        });
  }

  /** Since when the oldest is due that is not parked. */
  Optional<Instant> oldest(Instant now) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    select min(due_at) as due_at from webhook_delivery
                    where claimed_until is null and not parked and due_at <= :now
                    """)
                .bind("now", utc(now))
                .map((row, context) -> Optional.ofNullable(Rows.instantOrNull(row, "due_at")))
                .one());
  }

  static String json(List<Settlement> results) {
    try {
      return JSON.writeValueAsString(results);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a settlement is plain data", e);
    }
  }

  private static OffsetDateTime utc(Instant at) {
    return at.atOffset(ZoneOffset.UTC);
  }
}
