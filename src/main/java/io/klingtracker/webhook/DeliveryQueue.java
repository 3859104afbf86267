package io.klingtracker.webhook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.jdbi.v3.core.Jdbi;

/**
 * The waiting deliveries. One statement each: claim what may go now, settle what has come back.
 *
 * <p>Only the oldest waiting change of a task is ever claimed, so a task's changes arrive in order.
 * Lanes (a tenant's deliveries to one host) are looked at one by one and only as deep as there is
 * room, so that neither a dead receiver's backlog nor a busy tenant delays anybody else.
 */
final class DeliveryQueue {

  private static final ObjectMapper JSON =
      new ObjectMapper()
          .registerModule(new JavaTimeModule())
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
          .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);

  private final Jdbi jdbi;

  DeliveryQueue(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /**
   * How much may be claimed.
   *
   * @param batch deliveries at most
   * @param perHost in flight to one host, all replicas together
   * @param perTenant in flight for one tenant, all replicas together
   * @param breakerAfter failures in a row after which a host gets one delivery at a time
   * @param hostRate deliveries a second that may begin to one host, all replicas together
   */
  record Room(int batch, int perHost, int perTenant, int breakerAfter, int hostRate) {}

  /**
   * What a claim brought.
   *
   * @param behind rows that were looked at and stand behind an older change of their task
   */
  record Claimed(List<Delivery> deliveries, List<Position> behind) {}

  /** A waiting row. */
  record Position(String taskId, int sequence) {}

  /** A lane whose standing changed with a settlement. */
  record LaneChange(String tenant, String host, boolean paused) {}

  /** When a host is left alone. */
  record Breaker(
      int after, Duration first, Duration cap, Duration pauseAfter, Duration pausedProbe) {}

  private static final String CLAIM =
      """
      with recursive lane as (
        (select tenant_id, host from webhook_delivery order by tenant_id, host limit 1)
        union all
        select n.tenant_id, n.host from lane l cross join lateral (
          select d.tenant_id, d.host from webhook_delivery d
          where (d.tenant_id, d.host) > (l.tenant_id, l.host)
          order by d.tenant_id, d.host limit 1) n
      ), flying as materialized (
        select host, tenant_id, count(*)::int as n from webhook_delivery
        where claimed_until is not null and claimed_until > :now group by host, tenant_id
      ), host_room as materialized (
        select l.host, least(:perHost - coalesce(sum(f.n), 0), coalesce(min(floor(
          s.tokens + greatest(0, extract(epoch from cast(:now as timestamptz) - s.at)) * :hostRate)), :perHost))::int as room
        from (select distinct host from lane) l
        left join flying f on f.host = l.host
        left join webhook_rate s on s.host = l.host
        group by l.host
      ), tenant_room as materialized (
        select l.tenant_id, :perTenant - coalesce(sum(f.n), 0) as room
        from (select distinct tenant_id from lane) l left join flying f on f.tenant_id = l.tenant_id
        group by l.tenant_id
      ), room as (
        select l.tenant_id, l.host, case
          when h.open_until > :now then 0
          when h.trouble >= :breakerAfter or h.paused_at is not null then
            least(r.room, 1 - coalesce(f.n, 0))
          else r.room end as room
        from lane l join host_room r on r.host = l.host
        left join webhook_host h on h.tenant_id = l.tenant_id and h.host = l.host
        left join flying f on f.tenant_id = l.tenant_id and f.host = l.host
      ), due as (
        select d.*, r.room, row_number() over (partition by d.tenant_id order by d.due_at) as turn
        from room r cross join lateral (
          select w.task_id, w.sequence, w.tenant_id, w.host, w.due_at, exists (
            select from webhook_delivery o where o.task_id = w.task_id and o.sequence < w.sequence
          ) as behind
          from webhook_delivery w
          where w.tenant_id = r.tenant_id and w.host = r.host and w.due_at <= :now
            and (w.claimed_until is null or w.claimed_until <= :now)
          order by w.due_at limit greatest(r.room, 0)) d
      ), within_host as (
        select d.*, row_number() over (partition by d.host, d.behind order by d.turn, d.due_at) as place
        from due d
      ), picked as materialized (
        select w.task_id, w.sequence, w.behind, w.turn from within_host w
        join host_room r on r.host = w.host
        join tenant_room t on t.tenant_id = w.tenant_id
        where w.behind or w.place <= r.room and w.turn <= t.room
        order by w.turn, w.due_at limit :batch
      ), locked as materialized (
        select d.task_id, d.sequence from webhook_delivery d
        join picked p on p.task_id = d.task_id and p.sequence = d.sequence and not p.behind
        where d.due_at <= :now and (d.claimed_until is null or d.claimed_until <= :now)
        for update of d skip locked
      ), claimed as (
        update webhook_delivery d set claimed_until = :until, claimed_by = :claim
        from locked l where d.task_id = l.task_id and d.sequence = l.sequence
        returning d.*
      ), spent as (
        -- Two replicas that claim at once may take a bucket below nothing; it is filled up again before anybody takes more.
        insert into webhook_rate as r (host, tokens, at)
        select host, :hostRate - count(*), :now from claimed group by host order by host
        on conflict (host) do update set
          tokens = least(:hostRate, r.tokens + greatest(0, extract(epoch from excluded.at - r.at)) * :hostRate)
            - (:hostRate - excluded.tokens),
          at = greatest(r.at, excluded.at)
      )
      select p.task_id, p.sequence, p.behind, c.event_id, c.tenant_id, c.host, c.attempts, c.claimed_by,
        t.callback_url, t.created_at, e.payload, e.traceparent
      from picked p
      left join claimed c on c.task_id = p.task_id and c.sequence = p.sequence
      left join task t on t.id = c.task_id
      left join task_event e on e.task_id = c.task_id and e.sequence = c.sequence
      where p.behind or c.task_id is not null
      order by p.turn
      """;

  /** Claims what may be sent now. */
  Claimed claim(Room room, String claim, Instant now, Duration lease) {
    List<Delivery> deliveries = new ArrayList<>();
    List<Position> behind = new ArrayList<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(CLAIM)
                .bind("now", utc(now))
                .bind("until", utc(now.plus(lease)))
                .bind("claim", claim)
                .bind("batch", room.batch())
                .bind("perHost", room.perHost())
                .bind("perTenant", room.perTenant())
                .bind("breakerAfter", room.breakerAfter())
                .bind("hostRate", room.hostRate())
                .map((row, context) -> row.getBoolean("behind") ? position(row) : delivery(row))
                .forEach(
                    row -> {
                      if (row instanceof Delivery delivery) {
                        deliveries.add(delivery);
                      } else if (row instanceof Position position) {
                        behind.add(position);
                      }
                    }));
    return new Claimed(deliveries, behind);
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
        row.getString("claimed_by"),
        row.getObject("created_at", OffsetDateTime.class).toInstant(),
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
        update webhook_delivery d set due_at = :now from head h
        where d.task_id = h.task_id and d.sequence = h.sequence and h.idle and h.due_at > :now
          and not (h.attempts > 0 and h.status in ('processing', 'expired'))
      )
      update webhook_delivery d
      set due_at = greatest(case when h.idle then h.due_at else h.claimed_until end, :soonest)
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
            handle
                .createUpdate(QUEUE_UP)
                .bind("now", utc(now))
                .bind("soonest", utc(now.plus(pause)))
                .bindArray("tasks", String.class, behind.stream().map(Position::taskId).toList())
                .bindArray(
                    "sequences", Integer.class, behind.stream().map(Position::sequence).toList())
                .execute());
  }

  private static final String SETTLE =
      """
      with r as materialized (
        select * from jsonb_to_recordset(cast(:results as jsonb)) as r (
          task_id text, sequence int, event_id uuid, tenant text, host text, claim text, outcome text,
          due_at timestamptz, reason text, gone boolean, trouble boolean, hold_until timestamptz, at timestamptz,
          status int, failure text, detail text, latency_ms int, answer text)
      ), logged as (
        insert into webhook_attempt
          (event_id, tenant_id, task_id, sequence, host, at, status, failure, detail, latency_ms, answer)
        select event_id, tenant, task_id, sequence, host, at, status, failure, detail, latency_ms, answer from r
      ), locked as materialized (
        select d.task_id, d.sequence, d.status from webhook_delivery d
        join r on r.task_id collate "C" = d.task_id and r.sequence = d.sequence
        where d.claimed_by = r.claim
        order by d.task_id, d.sequence for update of d
      ), fate as materialized (
        select l.task_id, l.sequence, r.due_at, r.at, r.gone, case
          when r.outcome = 'retry' and l.status in ('processing', 'expired') and exists (
            select from webhook_delivery n where n.task_id = l.task_id and n.sequence > l.sequence
          ) then 'coalesced' else r.outcome end as fate,
          case when r.outcome = 'delivered' then null else r.reason end as reason
        from locked l join r on r.task_id collate "C" = l.task_id and r.sequence = l.sequence
      ), retried as (
        update webhook_delivery d
        set due_at = f.due_at, attempts = d.attempts + 1, reason = f.reason, claimed_until = null, claimed_by = null
        from fate f where d.task_id = f.task_id and d.sequence = f.sequence and f.fate = 'retry'
      ), ended as (
        delete from webhook_delivery d using fate f
        where d.task_id = f.task_id and d.sequence = f.sequence and f.fate <> 'retry'
        returning d.*, f.fate, f.at, coalesce(f.reason, d.reason) as why
      ), dropped as (
        delete from webhook_delivery d using fate f
        where d.task_id = f.task_id and d.sequence > f.sequence and (f.gone
          or f.fate in ('retry', 'coalesced') and d.status in ('processing', 'expired') and exists (
            select from webhook_delivery n where n.task_id = d.task_id and n.sequence > d.sequence))
        returning d.*, case when f.gone then 'failed' else 'coalesced' end as fate, f.at,
          case when f.gone then f.reason else 'a newer change was waiting' end as why
      ), recorded as (
        insert into webhook_settled
          (task_id, sequence, event_id, tenant_id, host, status, state, attempts, reason, planned_at, settled_at)
        select task_id, sequence, event_id, tenant_id, host, status, fate, attempts + 1,
          case when fate = 'delivered' then null else why end, planned_at, at from ended
        union all
        select task_id, sequence, event_id, tenant_id, host, status, fate, attempts, why, planned_at, at from dropped
        on conflict (task_id, sequence) do update set state = excluded.state, attempts = excluded.attempts,
          reason = excluded.reason, settled_at = excluded.settled_at
      ), promoted as (
        update webhook_delivery d set due_at = n.at
        from (
          select e.task_id, e.at, (
            select min(w.sequence) from webhook_delivery w
            where w.task_id = e.task_id and w.sequence > e.sequence and not exists (
              select from dropped x where x.task_id = w.task_id and x.sequence = w.sequence)) as sequence
          from ended e
        ) n where d.task_id = n.task_id and d.sequence = n.sequence
      ), healthy as (
        select distinct tenant, host from r where outcome = 'delivered'
      ), recovered as (
        delete from webhook_host h using healthy l where h.tenant_id = l.tenant and h.host = l.host
        returning h.tenant_id, h.host, h.paused_at, h.last_failed_at
      ), failing as (
        select r.tenant, r.host, count(*) filter (where r.trouble)::int as trouble, max(r.at) as at,
          max(r.hold_until) as hold_until, (array_agg(r.reason order by r.at desc))[1] as reason
        from r where r.outcome <> 'delivered'
          and not exists (select from healthy l where l.tenant = r.tenant and l.host = r.host)
        group by r.tenant, r.host
      ), noted as (
        insert into webhook_host as h
          (tenant_id, host, trouble, failing_since, last_failed_at, last_reason, open_until)
        select tenant, host, trouble, at, at, coalesce(reason, ''), case
          when trouble >= :breakerAfter then greatest(hold_until, at + cast(:breakerFirst as interval))
          else hold_until end
        from failing order by tenant, host
        on conflict (tenant_id, host) do update set
          -- A host that answers, if only to refuse, is there.
          trouble = case when excluded.trouble = 0 then 0 else h.trouble + excluded.trouble end,
          -- A day of silence is no failure: the count of days starts again.
          failing_since = case when h.last_failed_at < excluded.last_failed_at - interval '1 day' and h.paused_at is null
            then excluded.failing_since else h.failing_since end,
          last_failed_at = excluded.last_failed_at,
          last_reason = excluded.last_reason,
          paused_at = case
            when h.paused_at is not null then h.paused_at
            when h.last_failed_at >= excluded.last_failed_at - interval '1 day'
              and h.failing_since <= excluded.last_failed_at - cast(:pauseAfter as interval)
            then excluded.last_failed_at end,
          open_until = case
            when h.paused_at is not null or h.last_failed_at >= excluded.last_failed_at - interval '1 day'
              and h.failing_since <= excluded.last_failed_at - cast(:pauseAfter as interval)
            then excluded.last_failed_at + cast(:pausedProbe as interval)
            when excluded.trouble > 0 and h.trouble + excluded.trouble >= :breakerAfter
            then greatest(excluded.open_until, excluded.last_failed_at + least(
              cast(:breakerCap as interval),
              cast(:breakerFirst as interval) * power(2, least(h.trouble + excluded.trouble - :breakerAfter, 20))))
            else greatest(h.open_until, excluded.open_until) end
        returning h.tenant_id, h.host, h.paused_at = h.last_failed_at as paused, h.paused_at as at, h.last_reason
      ), changed as materialized (
        select tenant_id, host, true as paused, last_reason as reason, at from noted where paused
        union all
        select tenant_id, host, false, 'delivered', (select max(at) from r) from recovered where paused_at is not null
      )
      select tenant_id, host, paused,
        webhook_host_told(tenant_id, host, case when paused then 'paused' else 'resumed' end, reason, at) as told
      from changed order by tenant_id, host
      """;

  /**
   * Writes how attempts ended. A delivery whose lease was lost to another is logged and else left
   * alone.
   *
   * @return lanes that were paused or came back
   */
  List<LaneChange> settle(List<Settlement> results, Breaker breaker) {
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
                .map(
                    (row, context) ->
                        new LaneChange(
                            row.getString("tenant_id"),
                            row.getString("host"),
                            row.getBoolean("paused")))
                .list());
  }

  private static String json(List<Settlement> results) {
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
