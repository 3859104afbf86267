-- Writes how attempts ended. A delivery that is another's by now is logged and else left alone.

-- The attempts, one for each delivery.
with r as materialized (
  select * from jsonb_to_recordset(cast(:results as jsonb)) as r (
    task_id text, sequence int, event_id uuid, tenant text, host text, claim text, outcome text,
    due_at timestamptz, reason text, gone boolean, host_failed boolean, hold_until timestamptz, at timestamptz,
    status int, failure text, detail text, latency_ms int, answer text)
),
-- Every attempt, for people.
logged as (
  insert into webhook_attempt
    (event_id, tenant_id, task_id, sequence, host, at, status, failure, detail, latency_ms, answer)
  select event_id, tenant, task_id, sequence, host, at, status, failure, detail, latency_ms, answer from r
),
-- The deliveries, as far as their claims are still held.
locked as materialized (
  select d.task_id, d.sequence, d.status from webhook_delivery d
  join r on r.task_id collate "C" = d.task_id and r.sequence = d.sequence
  where d.claimed_by = r.claim
  order by d.task_id, d.sequence for update of d
),
-- What becomes of each: one that is to be tried again and has a newer change behind it that says it better is not.
fate as materialized (
  select l.task_id, l.sequence, r.due_at, r.at, r.gone, case
    when r.outcome = 'retry' and l.status in ('processing', 'expired') and exists (
      select from webhook_delivery n where n.task_id = l.task_id and n.sequence > l.sequence
    ) then 'coalesced' else r.outcome end as fate,
    case when r.outcome = 'delivered' then null else r.reason end as reason
  from locked l join r on r.task_id collate "C" = l.task_id and r.sequence = l.sequence
),
-- Receivers that want no more of a task.
gone as (
  insert into webhook_gone (task_id, gone_at) select distinct on (task_id) task_id, at from fate where gone
  on conflict do nothing
),
-- Tried again later.
retried as (
  update webhook_delivery d
  set due_at = f.due_at, attempts = d.attempts + 1, reason = f.reason, claimed_until = null, claimed_by = null
  from fate f where d.task_id = f.task_id and d.sequence = f.sequence and f.fate = 'retry'
),
-- Delivered, failed for good, or replaced by a newer change.
ended as (
  delete from webhook_delivery d using fate f
  where d.task_id = f.task_id and d.sequence = f.sequence and f.fate <> 'retry'
  returning d.*, f.fate, f.at, coalesce(f.reason, d.reason) as why
),
-- Those behind that are not sent any more either: their receiver is gone, or a newer change says it better.
dropped as (
  delete from webhook_delivery d using fate f
  where d.task_id = f.task_id and d.sequence > f.sequence and (f.gone
    or f.fate in ('retry', 'coalesced') and d.status in ('processing', 'expired') and exists (
      select from webhook_delivery n where n.task_id = d.task_id and n.sequence > d.sequence))
  returning d.*, case when f.gone then 'failed' else 'coalesced' end as fate, f.at,
    case when f.gone then f.reason else 'a newer change was waiting' end as why
),
-- How they ended, for people.
recorded as (
  insert into webhook_settled
    (task_id, sequence, event_id, tenant_id, host, status, state, attempts, reason, planned_at, settled_at)
  select task_id, sequence, event_id, tenant_id, host, status, fate, attempts + 1,
    case when fate = 'delivered' then null else why end, planned_at, at from ended
  union all
  select task_id, sequence, event_id, tenant_id, host, status, fate, attempts, why, planned_at, at from dropped
  on conflict (task_id, sequence) do update set state = excluded.state, attempts = excluded.attempts,
    reason = excluded.reason, settled_at = excluded.settled_at
),
-- The next change of the task is due.
promoted as (
  update webhook_delivery d set due_at = n.at, parked = false
  from (
    select e.task_id, e.at, (
      select min(w.sequence) from webhook_delivery w
      where w.task_id = e.task_id and w.sequence > e.sequence and not exists (
        select from dropped x where x.task_id = w.task_id and x.sequence = w.sequence)) as sequence
    from ended e
  ) n where d.task_id = n.task_id and d.sequence = n.sequence
  returning d.sequence
),
-- Host queues in which something arrived.
healthy as (
  select distinct tenant, host from r where outcome = 'delivered'
),
-- Their failures are forgotten. The arrays make it look hosts up, however many there are.
recovered as (
  delete from webhook_host h using healthy l where h.tenant_id = l.tenant and h.host = l.host
    and h.tenant_id = any(array(select tenant from healthy)) and h.host = any(array(select host from healthy))
  returning h.tenant_id, h.host, h.paused_at, h.last_failed_at
),
-- Host queues in which nothing did.
failing as (
  select r.tenant, r.host, count(*) filter (where r.host_failed)::int as trouble, max(r.at) as at,
    max(r.hold_until) as hold_until, (array_agg(r.reason order by r.at desc))[1] as reason
  from r where r.outcome <> 'delivered'
    and not exists (select from healthy l where l.tenant = r.tenant and l.host = r.host)
  group by r.tenant, r.host
),
-- Their failures in a row, when they are tried again, and whether they are paused.
noted as (
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
),
-- Room at the host, or a host that is well again: its host queues are looked at now. Deliveries are locked first and host
-- queues last, here as in a claim.
woken as materialized (
  select l.tenant_id, l.host, k.at from (
    select c.tenant_id, c.host, (select max(at) from r) as at from webhook_lane c
    where c.crowded and c.host = any(array(select host from r))
    union
    select v.tenant_id, v.host, (select max(at) from r) from recovered v
    order by tenant_id, host) k
  cross join lateral (
    select w.tenant_id, w.host, w.due_at from webhook_lane w
    where w.tenant_id = k.tenant_id and w.host = k.host and w.due_at > k.at limit 1 for update) l
  where (select count(*) from fate) + (select count(*) from dropped) + (select count(*) from promoted) >= 0
),
-- They are due.
hastened as (
  update webhook_lane l set due_at = w.at, changes = l.changes + 1
  from woken w where l.tenant_id = w.tenant_id and l.host = w.host
    and l.tenant_id = any(array(select tenant_id from woken)) and l.host = any(array(select host from woken))
),
-- Host queues that were paused or came back.
changed as materialized (
  select tenant_id, host, true as paused, last_reason as reason, at from noted where paused
  union all
  select tenant_id, host, false, 'delivered', (select max(at) from r) from recovered where paused_at is not null
)
-- Each change is an event of its host.
select tenant_id, host, paused,
  webhook_host_told(tenant_id, host, case when paused then 'paused' else 'resumed' end, reason, at, :hostTopic) as told
from changed order by tenant_id, host
