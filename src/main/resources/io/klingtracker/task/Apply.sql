-- Applies one piece of news to each of several tasks.
-- ${lock} decides what becomes of tasks that another transaction holds: they are waited for, or left out.
with ${news},
-- Rows are locked in id order, so that two batches cannot deadlock.
before as (
  select t.id, t.status, t.kling_task_id, n.status as next_status, n.source, n.word, n.named_id, n.message, n.code,
    n.said_result, n.said_units,
    n.said_amount, n.said_currency, n.error_class, n.retryable, n.check_at, n.event_id, n.traceparent, null::bigint as lead_millis,
    case when t.account is null then (select o.account from open_task o where o.task_id = t.id) end as open_account
  from news n join task t on t.id = n.task_id
  order by t.id for no key update of t ${lock}
),
${moved},
-- When it is asked about next, unless something is received; one that expired gives its slots back.
watched as (
  update open_task o set
    -- An end that waits for its proof is asked about when that was planned, whatever older news comes beside it.
    next_check_at = case when o.proving is null then coalesce(m.check_at, o.next_check_at)
      else o.next_check_at end,
    slots = case when m.status = 'expired' then 0 else o.slots end
  from moved m where o.task_id = m.id and m.status in ('submitted', 'processing', 'expired')
),
-- Whoever asks about a task that has ended is not to ask again.
forgotten as (
  delete from open_task o using before b
  where o.task_id = b.id and b.status in ('succeed', 'failed', 'canceled')
),
-- News too old to move its task may still be the first to name Kling's id, since a callback can overtake the create's
-- answer.
adopted as (
  update task t set kling_task_id = b.named_id, account = coalesce(t.account, b.open_account)
  from before b
  where t.id = b.id and b.kling_task_id is null and b.named_id is not null
    and not task_accepts(b.status, b.next_status)
),
-- What moved nothing, and why.
ignored as (
  select b.id, b.source, b.word, b.message,
    case when b.kling_task_id <> b.named_id then 'other-task'
         when b.status = b.next_status then 'repeated'
         when b.status in ('succeed', 'failed') and b.next_status in ('succeed', 'failed') then 'contradicts'
         else 'older' end as reason
  from before b
  where not exists (select from moved m where m.id = b.id)
),
-- A line of it in the timeline.
noted as (
  insert into task_news (task_id, at, source, status, reason, detail)
  -- What was said of another task is not for this one to show.
  select i.id, cast(:now as timestamptz), i.source,
    case when i.reason <> 'other-task' then i.word end, i.reason,
    case when i.reason <> 'other-task' then nullif(i.message, '') end
  from ignored i
  where (select count(*) from task_news w where w.task_id = i.id) < :newsLimit
  ${counted}
)
-- An answer for each piece of news. A task that is known and has no status here is another transaction's.
select n.task_id as id, t.id is not null as known, coalesce(m.status, b.status)::text as status, m.sequence,
  m.tenant_id, m.callback_url is not null as webhook, i.reason
from news n left join before b on b.id = n.task_id left join moved m on m.id = n.task_id
  left join ignored i on i.id = n.task_id left join task t on t.id = n.task_id and b.id is null
