-- Claims the deliveries that may be sent now. Only the oldest waiting change of a task is claimed.
-- Tenants with something due are looked at alike, each no deeper than its part of the batch, its oldest first: the cost is
-- that of what is due and can be sent, not of what waits. A due row whose host queue is closed is parked, and so is one
-- without room when its tenant has more to look at behind it.

-- Since when each tenant has something due that is not parked: an index probe for each tenant.
with recursive waiting as (
  (select tenant_id, due_at from webhook_delivery where claimed_until is null and not parked
   order by tenant_id, due_at limit 1)
  union all
  select n.tenant_id, n.due_at from waiting w cross join lateral (
    select d.tenant_id, d.due_at from webhook_delivery d
    where d.claimed_until is null and not d.parked and d.tenant_id > w.tenant_id
    order by d.tenant_id, d.due_at limit 1) n
),
-- The same of host queues with parked rows.
parked_since as (
  (select tenant_id, due_at from webhook_lane order by tenant_id, due_at limit 1)
  union all
  select n.tenant_id, n.due_at from parked_since s cross join lateral (
    select l.tenant_id, l.due_at from webhook_lane l where l.tenant_id > s.tenant_id
    order by l.tenant_id, l.due_at limit 1) n
),
-- What is under way, at all replicas.
claimed as materialized (
  select task_id, sequence, tenant_id, host, due_at, claimed_until from webhook_delivery where claimed_until is not null
),
-- How much of it by host and tenant.
flying as materialized (
  select host, tenant_id, count(*)::int as n from claimed where claimed_until > :now group by host, tenant_id
),
-- Whoever claimed these did not come back, and nobody noticed (Presence.CLAIM).
lost as materialized (
  select task_id, sequence, tenant_id, host, due_at from claimed where claimed_until <= :now
  order by due_at limit 1000
),
-- Tenants with something due and room, how deep each is looked at, and what it may have under way at one host: the
-- more it has under way, the less of it may go to one host.
tenant_room as materialized (
  select b.tenant_id, coalesce(f.n, 0) as flying, :perTenant - coalesce(f.n, 0) as room,
    1 + ceil(2.0 * :batch / count(*) over ())::int as depth,
    case when coalesce(f.n, 0) * 2 < :perTenant then :perHost
      when coalesce(f.n, 0) * 4 < :perTenant * 3 then greatest(1, :perHost / 5) else 1 end as per_host_queue
  from (
    select tenant_id from (
      select tenant_id, due_at from waiting union all select tenant_id, due_at from parked_since
      union all select tenant_id, due_at from lost) d
    where due_at <= :now group by tenant_id order by min(due_at) limit 1000) b
  left join (select tenant_id, sum(n)::int as n from flying group by tenant_id) f on f.tenant_id = b.tenant_id
  where coalesce(f.n, 0) < :perTenant
),
-- Host queues with parked rows that are to be looked at again.
visited as materialized (
  select l.tenant_id, l.host, l.changes from tenant_room t cross join lateral (
    select w.tenant_id, w.host, w.changes, w.due_at from webhook_lane w
    where w.tenant_id = t.tenant_id and w.due_at <= :now order by w.due_at limit t.depth) l
  order by l.due_at limit 1000
),
-- Rows that are due and in no parked host queue.
fresh as materialized (
  select d.task_id, d.sequence, d.tenant_id, d.host, d.due_at from tenant_room t cross join lateral (
    select w.task_id, w.sequence, w.tenant_id, w.host, w.due_at from webhook_delivery w
    where w.claimed_until is null and not w.parked and w.tenant_id = t.tenant_id and w.due_at <= :now
    order by w.due_at limit t.depth) d
  order by d.due_at limit 1000
),
-- The host queues of all these.
host_queue as materialized (
  select tenant_id, host from visited
  union select tenant_id, host from fresh
  union select l.tenant_id, l.host from lost l join tenant_room t on t.tenant_id = l.tenant_id
),
-- What may begin at each host: connections that are free, and tokens of its rate.
host_room as materialized (
  select h.host, h.tokens, least(:perHost - h.n, floor(h.tokens))::int as room from (
    select l.host, coalesce(f.n, 0) as n, coalesce((
      select least(:hostRate, s.tokens + greatest(0, extract(epoch from cast(:now as timestamptz) - s.at)) * :hostRate)
      from webhook_rate s where s.host = l.host), :hostRate) as tokens
    from (select distinct host from host_queue) l
    left join (select host, sum(n) as n from flying group by host) f on f.host = l.host) h
),
-- What may begin in each host queue: nothing while it is closed, one at a time while its host is failing.
room as materialized (
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
),
-- The rows that are looked at: parked ones as far as there is room, fresh ones, lost ones.
candidate as materialized (
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
),
-- Whether each is behind an older change of its task.
due as (
  select c.*, r.room, r.host_room, r.closed_until, r.flying, exists (
      select from webhook_delivery o where o.task_id = c.task_id and o.sequence < c.sequence) as behind
  from candidate c join room r on r.tenant_id = c.tenant_id and r.host = c.host
),
-- Whether each fits into its host queue.
in_lane as (
  select d.*, not d.behind and d.room >= d.depth as fits from (
    select d.*, row_number() over (partition by d.tenant_id, d.host, d.behind order by d.due_at, d.task_id) as depth
    from due d) d
),
-- The place of each among those of its tenant.
in_tenant as (
  select l.*, row_number() over (partition by l.tenant_id, l.fits order by l.due_at) as turn from in_lane l
),
-- Whether the host takes it. Who has less under way at the host comes first, and among equals chance decides: where there
-- is room for one at a time, the older rows of one tenant do not always win.
at_host as materialized (
  select t.*, t.fits and t.host_room >= row_number() over (
    partition by t.host, t.fits order by t.flying + t.depth, hashtext(t.tenant_id || :claim), t.due_at) as goes
  from in_tenant t
),
-- What is claimed: the tenant with the least under way goes first.
picked as materialized (
  select a.task_id, a.sequence, a.tenant_id, a.host, a.turn from at_host a join tenant_room t on t.tenant_id = a.tenant_id
  where a.goes and a.turn <= t.room
  order by t.flying + a.turn, a.due_at limit :batch
),
-- Tenants who may have more behind what was looked at.
deep as materialized (
  select t.tenant_id from tenant_room t
  join (select tenant_id, count(*) as n from fresh group by tenant_id) f on f.tenant_id = t.tenant_id
  where f.n >= t.depth
),
-- What is claimed and what is parked. One by one and then by their places: no guess of the planner's makes it read the
-- whole table.
locked as materialized (
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
),
-- The claims, and the parkings.
taken as (
  update webhook_delivery d set parked = l.parks,
    claimed_until = case when l.parks then null else cast(:until as timestamptz) end,
    claimed_by = case when l.parks then null else :claim end
  from locked l
  where d.ctid = any(array(select place from locked)) and d.task_id = l.task_id and d.sequence = l.sequence
  returning d.*
),
-- Host queues in which something waits: those just parked in, and those just looked at whose room is used up.
put_off as materialized (
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
),
-- When each is looked at again. Somebody else may have brought the host queue forward meanwhile; then it stays so.
moved as (
  insert into webhook_lane as l (tenant_id, host, due_at, crowded, changes)
  select p.tenant_id, p.host, coalesce(p.closed_until, cast(:now as timestamptz) + case
      when not p.used_up then interval '0'
      when p.tokens < 1 then least(1, (1 - p.tokens) / :hostRate) * interval '1 second'
      else interval '1 second' end), p.closed_until is null, coalesce(p.changes, 0) + 1
  from put_off p order by p.tenant_id, p.host
  on conflict (tenant_id, host) do update set crowded = excluded.crowded, changes = l.changes + 1,
    due_at = case when l.changes + 1 = excluded.changes then excluded.due_at else least(l.due_at, excluded.due_at) end
  returning l.host
),
-- Host queues in which nothing is parked any more. After what may wait for another's lock, and without waiting for one:
-- no two claims wait for each other.
empty as materialized (
  select l.place from visited v cross join lateral (
    select w.ctid as place from webhook_lane w
    where w.tenant_id = v.tenant_id and w.host = v.host and w.changes = v.changes
    limit 1 for update skip locked) l
  where (select count(*) from moved) >= 0
    and not exists (select from candidate c where c.parked and c.tenant_id = v.tenant_id and c.host = v.host)
),
-- They go.
emptied as (
  delete from webhook_lane l where l.ctid = any(array(select place from empty))
  returning l.host
),
-- Tokens that the claims took. Two replicas that claim at once may take a bucket below nothing; it is filled up again
-- before anybody takes more.
spent as (
  insert into webhook_rate as r (host, tokens, at)
  select host, :hostRate - count(*), :now from taken where not parked group by host order by host
  on conflict (host) do update set
    tokens = least(:hostRate, r.tokens + greatest(0, extract(epoch from excluded.at - r.at)) * :hostRate)
      - (:hostRate - excluded.tokens),
    at = greatest(r.at, excluded.at)
),
-- What the caller gets: the claims, and the rows that are behind.
found as (
  select p.task_id, p.sequence, false as behind, p.turn from picked p
  union all
  select a.task_id, a.sequence, true, a.turn from at_host a where a.behind
)
-- With all that is needed to send it; a row without a task says only whether anything was tidied.
select f.task_id, f.sequence, f.behind, c.event_id, c.tenant_id, c.host, c.attempts, c.due_at, c.claimed_by,
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
