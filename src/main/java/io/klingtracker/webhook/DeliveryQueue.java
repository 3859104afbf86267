package io.klingtracker.webhook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
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
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
          .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);

  /** The kind of what is set aside here; the key is the delivery's id. */
  static final String KIND = "delivery";

  /** A row behind one under way is looked at again after so long, should its end not call it. */
  private static final Duration LONGEST_BEHIND = Duration.ofSeconds(30);

  private final Jdbi jdbi;

  DeliveryQueue(Jdbi jdbi) {
    this.jdbi = jdbi;
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

  /**
   * Tenants with something due are looked at alike, each no deeper than its part of the batch, its
   * oldest first: the cost is that of what is due and can be sent, not of what waits. A due row
   * whose host queue is closed is parked, and so is one without room when its tenant has more to
   * look at behind it.
   */
  static final String CLAIM =
      """
      with recursive waiting as (
        (select tenant_id, due_at from webhook_delivery where claimed_until is null and not parked
         order by tenant_id, due_at limit 1)
        union all
        select n.tenant_id, n.due_at from waiting w cross join lateral (
          select d.tenant_id, d.due_at from webhook_delivery d
          where d.claimed_until is null and not d.parked and d.tenant_id > w.tenant_id
          order by d.tenant_id, d.due_at limit 1) n
      ), standing as (
        (select tenant_id, due_at from webhook_lane order by tenant_id, due_at limit 1)
        union all
        select n.tenant_id, n.due_at from standing s cross join lateral (
          select l.tenant_id, l.due_at from webhook_lane l where l.tenant_id > s.tenant_id
          order by l.tenant_id, l.due_at limit 1) n
      ), claimed as materialized (
        select task_id, sequence, tenant_id, host, due_at, claimed_until from webhook_delivery where claimed_until is not null
      ), flying as materialized (
        select host, tenant_id, count(*)::int as n from claimed where claimed_until > :now group by host, tenant_id
      ), lost as materialized (
        -- Whoever claimed these did not come back, and nobody noticed (Presence.CLAIM).
        select task_id, sequence, tenant_id, host, due_at from claimed where claimed_until <= :now
        order by due_at limit 1000
      ), tenant_room as materialized (
        -- The more a tenant has under way, the less of it may go to one host.
        select b.tenant_id, coalesce(f.n, 0) as flying, :perTenant - coalesce(f.n, 0) as room, 1 + ceil(2.0 * :batch / count(*) over ())::int as depth,
          case when coalesce(f.n, 0) * 2 < :perTenant then :perHost
            when coalesce(f.n, 0) * 4 < :perTenant * 3 then greatest(1, :perHost / 5) else 1 end as per_host_queue
        from (
          select tenant_id from (
            select tenant_id, due_at from waiting union all select tenant_id, due_at from standing
            union all select tenant_id, due_at from lost) d
          where due_at <= :now group by tenant_id order by min(due_at) limit 1000) b
        left join (select tenant_id, sum(n)::int as n from flying group by tenant_id) f on f.tenant_id = b.tenant_id
        where coalesce(f.n, 0) < :perTenant
      ), visited as materialized (
        select l.tenant_id, l.host, l.changes from tenant_room t cross join lateral (
          select w.tenant_id, w.host, w.changes, w.due_at from webhook_lane w
          where w.tenant_id = t.tenant_id and w.due_at <= :now order by w.due_at limit t.depth) l
        order by l.due_at limit 1000
      ), fresh as materialized (
        select d.task_id, d.sequence, d.tenant_id, d.host, d.due_at from tenant_room t cross join lateral (
          select w.task_id, w.sequence, w.tenant_id, w.host, w.due_at from webhook_delivery w
          where w.claimed_until is null and not w.parked and w.tenant_id = t.tenant_id and w.due_at <= :now
          order by w.due_at limit t.depth) d
        order by d.due_at limit 1000
      ), host_queue as materialized (
        select tenant_id, host from visited
        union select tenant_id, host from fresh
        union select l.tenant_id, l.host from lost l join tenant_room t on t.tenant_id = l.tenant_id
      ), host_room as materialized (
        select h.host, h.tokens, least(:perHost - h.n, floor(h.tokens))::int as room from (
          select l.host, coalesce(f.n, 0) as n, coalesce((
            select least(:hostRate, s.tokens + greatest(0, extract(epoch from cast(:now as timestamptz) - s.at)) * :hostRate)
            from webhook_rate s where s.host = l.host), :hostRate) as tokens
          from (select distinct host from host_queue) l
          left join (select host, sum(n) as n from flying group by host) f on f.host = l.host) h
      ), room as materialized (
        select l.tenant_id, l.host, r.room as host_room, r.tokens, coalesce(f.n, 0) as flying,
          case when h.open_until > :now then h.open_until end as closed_until,
          case
            when h.open_until > :now then 0
            when h.trouble >= :breakerAfter or h.paused_at is not null then least(r.room, 1 - coalesce(f.n, 0))
            else least(r.room, t.per_host_queue - coalesce(f.n, 0)) end as room
        from host_queue l join host_room r on r.host = l.host join tenant_room t on t.tenant_id = l.tenant_id
        left join lateral (
          select w.open_until, w.trouble, w.paused_at from webhook_host w
          where w.tenant_id = l.tenant_id and w.host = l.host limit 1) h on true
        left join flying f on f.tenant_id = l.tenant_id and f.host = l.host
      ), candidate as materialized (
        select d.task_id, d.sequence, d.tenant_id, d.host, d.due_at, true as parked
        from visited v join room r on r.tenant_id = v.tenant_id and r.host = v.host
        cross join lateral (
          select w.task_id, w.sequence, w.tenant_id, w.host, w.due_at from webhook_delivery w
          where w.parked and w.tenant_id = v.tenant_id and w.host = v.host
          order by w.due_at limit greatest(r.room, 0) + 1) d
        union all
        select task_id, sequence, tenant_id, host, due_at, false from fresh
        union all
        select l.task_id, l.sequence, l.tenant_id, l.host, l.due_at, false
        from lost l join tenant_room t on t.tenant_id = l.tenant_id
      ), due as (
        select c.*, r.room, r.host_room, r.closed_until, r.flying, exists (
            select from webhook_delivery o where o.task_id = c.task_id and o.sequence < c.sequence) as behind
        from candidate c join room r on r.tenant_id = c.tenant_id and r.host = c.host
      ), in_lane as (
        select d.*, not d.behind and d.room >= d.depth as fits from (
          select d.*, row_number() over (partition by d.tenant_id, d.host, d.behind order by d.due_at, d.task_id) as depth
          from due d) d
      ), in_tenant as (
        select l.*, row_number() over (partition by l.tenant_id, l.fits order by l.due_at) as turn from in_lane l
      ), at_host as materialized (
        -- Who has less under way at the host comes first, and among equals chance decides: where there is room for one
        -- at a time, the older rows of one tenant do not always win.
        select t.*, t.fits and t.host_room >= row_number() over (
          partition by t.host, t.fits order by t.flying + t.depth, hashtext(t.tenant_id || :claim), t.due_at) as goes
        from in_tenant t
      ), picked as materialized (
        select a.task_id, a.sequence, a.tenant_id, a.host, a.turn from at_host a join tenant_room t on t.tenant_id = a.tenant_id
        where a.goes and a.turn <= t.room
        order by t.flying + a.turn, a.due_at limit :batch
      ), deep as materialized (
        select t.tenant_id from tenant_room t
        join (select tenant_id, count(*) as n from fresh group by tenant_id) f on f.tenant_id = t.tenant_id
        where f.n >= t.depth
      ), locked as materialized (
        -- One by one and then by their places: no guess of the planner's makes it read the whole table.
        select c.task_id, c.sequence, c.parks, d.place from (
          select task_id, sequence, false as parks from picked
          union all
          select a.task_id, a.sequence, true from at_host a
          where not a.behind and not a.goes and not a.parked
            and (a.closed_until is not null or a.tenant_id in (select tenant_id from deep))
        ) c cross join lateral (
          select w.ctid as place from webhook_delivery w where w.task_id = c.task_id and w.sequence = c.sequence
            and w.due_at <= :now and (w.claimed_until is null or w.claimed_until <= :now)
          limit 1 for update skip locked) d
      ), taken as (
        update webhook_delivery d set parked = l.parks,
          claimed_until = case when l.parks then null else cast(:until as timestamptz) end,
          claimed_by = case when l.parks then null else :claim end
        from locked l
        where d.ctid = any(array(select place from locked)) and d.task_id = l.task_id and d.sequence = l.sequence
        returning d.*
      ), put_off as materialized (
        -- Host queues in which something waits: those just parked in, and those just looked at whose room is used up.
        select * from (
          select r.tenant_id, r.host, r.closed_until, v.changes, r.tokens - coalesce(h.n, 0) as tokens,
            coalesce(l.n, 0) >= r.room or coalesce(h.n, 0) >= r.host_room as used_up,
            k.host is not null as parked, v.host is not null and a.waits as waits
          from room r
          join (select tenant_id, host, bool_or(not behind and not goes) as waits from at_host group by tenant_id, host) a
            on a.tenant_id = r.tenant_id and a.host = r.host
          left join visited v on v.tenant_id = r.tenant_id and v.host = r.host
          left join (select distinct tenant_id, host from taken where parked) k
            on k.tenant_id = r.tenant_id and k.host = r.host
          left join (select tenant_id, host, count(*) as n from picked group by tenant_id, host) l
            on l.tenant_id = r.tenant_id and l.host = r.host
          left join (select host, count(*) as n from picked group by host) h on h.host = r.host
        ) l where parked or waits and used_up
      ), moved as (
        -- Somebody else may have brought the host queue forward meanwhile; then it stays so.
        insert into webhook_lane as l (tenant_id, host, due_at, crowded, changes)
        select p.tenant_id, p.host, coalesce(p.closed_until, cast(:now as timestamptz) + case
            when not p.used_up then interval '0'
            when p.tokens < 1 then least(1, (1 - p.tokens) / :hostRate) * interval '1 second'
            else interval '1 second' end), p.closed_until is null, coalesce(p.changes, 0) + 1
        from put_off p order by p.tenant_id, p.host
        on conflict (tenant_id, host) do update set crowded = excluded.crowded, changes = l.changes + 1,
          due_at = case when l.changes + 1 = excluded.changes then excluded.due_at else least(l.due_at, excluded.due_at) end
        returning l.host
      ), empty as materialized (
        -- After what may wait for another's lock, and without waiting for one: no two claims wait for each other.
        select l.place from visited v cross join lateral (
          select w.ctid as place from webhook_lane w
          where w.tenant_id = v.tenant_id and w.host = v.host and w.changes = v.changes
          limit 1 for update skip locked) l
        where (select count(*) from moved) >= 0
          and not exists (select from candidate c where c.parked and c.tenant_id = v.tenant_id and c.host = v.host)
      ), emptied as (
        delete from webhook_lane l where l.ctid = any(array(select place from empty))
        returning l.host
      ), spent as (
        -- Two replicas that claim at once may take a bucket below nothing; it is filled up again before anybody takes more.
        insert into webhook_rate as r (host, tokens, at)
        select host, :hostRate - count(*), :now from taken where not parked group by host order by host
        on conflict (host) do update set
          tokens = least(:hostRate, r.tokens + greatest(0, extract(epoch from excluded.at - r.at)) * :hostRate)
            - (:hostRate - excluded.tokens),
          at = greatest(r.at, excluded.at)
      ), found as (
        select p.task_id, p.sequence, false as behind, p.turn from picked p
        union all
        select a.task_id, a.sequence, true, a.turn from at_host a where a.behind
      )
      select f.task_id, f.sequence, f.behind, c.event_id, c.tenant_id, c.host, c.attempts, c.claimed_by,
        t.callback_url, t.created_at, e.payload, e.traceparent, s.tidied
      from (select (select count(*) from taken where parked) + (select count(*) from moved)
        + (select count(*) from emptied) as tidied) s
      left join found f on true
      left join taken c on c.task_id = f.task_id and c.sequence = f.sequence and not c.parked
      left join lateral (select w.callback_url, w.created_at from task w where w.id = c.task_id limit 1) t on true
      left join lateral (
        select w.payload, w.traceparent from task_event w
        where w.task_id = c.task_id and w.sequence = c.sequence limit 1) e on true
      order by f.turn
      """;

  /**
   * Claims what may be sent now.
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
            handle
                .createUpdate(QUEUE_UP)
                .bind("now", utc(now))
                .bind("soonest", utc(now.plus(pause)))
                .bind("latest", utc(now.plus(LONGEST_BEHIND)))
                .bindArray("tasks", String.class, behind.stream().map(Position::taskId).toList())
                .bindArray(
                    "sequences", Integer.class, behind.stream().map(Position::sequence).toList())
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
            handle
                .createUpdate(LET_GO)
                .bind("ours", replica + "/%")
                .bindArray("held", String.class, List.copyOf(held))
                .execute());
  }

  static final String SETTLE =
      """
      with r as materialized (
        select * from jsonb_to_recordset(cast(:results as jsonb)) as r (
          task_id text, sequence int, event_id uuid, tenant text, host text, claim text, outcome text,
          due_at timestamptz, reason text, gone boolean, host_failed boolean, hold_until timestamptz, at timestamptz,
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
      ), gone as (
        insert into webhook_gone (task_id, gone_at) select distinct on (task_id) task_id, at from fate where gone
        on conflict do nothing
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
        update webhook_delivery d set due_at = n.at, parked = false
        from (
          select e.task_id, e.at, (
            select min(w.sequence) from webhook_delivery w
            where w.task_id = e.task_id and w.sequence > e.sequence and not exists (
              select from dropped x where x.task_id = w.task_id and x.sequence = w.sequence)) as sequence
          from ended e
        ) n where d.task_id = n.task_id and d.sequence = n.sequence
        returning d.sequence
      ), healthy as (
        select distinct tenant, host from r where outcome = 'delivered'
      ), recovered as (
        -- The arrays make it look hosts up, however many there are.
        delete from webhook_host h using healthy l where h.tenant_id = l.tenant and h.host = l.host
          and h.tenant_id = any(array(select tenant from healthy)) and h.host = any(array(select host from healthy))
        returning h.tenant_id, h.host, h.paused_at, h.last_failed_at
      ), failing as (
        select r.tenant, r.host, count(*) filter (where r.host_failed)::int as trouble, max(r.at) as at,
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
      ), woken as materialized (
        -- Room at the host, or a host that is well again: its host queues are looked at now.
        select l.tenant_id, l.host, k.at from (
          select c.tenant_id, c.host, (select max(at) from r) as at from webhook_lane c
          where c.crowded and c.host = any(array(select host from r))
          union
          select v.tenant_id, v.host, (select max(at) from r) from recovered v
          order by tenant_id, host) k
        cross join lateral (
          select w.tenant_id, w.host, w.due_at from webhook_lane w
          where w.tenant_id = k.tenant_id and w.host = k.host and w.due_at > k.at limit 1 for update) l
        -- Deliveries are locked first and host queues last, here as in a claim.
        where (select count(*) from fate) + (select count(*) from dropped) + (select count(*) from promoted) >= 0
      ), hastened as (
        update webhook_lane l set due_at = w.at, changes = l.changes + 1
        from woken w where l.tenant_id = w.tenant_id and l.host = w.host
          and l.tenant_id = any(array(select tenant_id from woken)) and l.host = any(array(select host from woken))
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
                .map(
                    (row, context) ->
                        Optional.ofNullable(row.getObject("due_at", OffsetDateTime.class))
                            .map(OffsetDateTime::toInstant))
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
