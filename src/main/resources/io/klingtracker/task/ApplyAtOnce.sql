-- Apply.sql for news that needs no second look: it moves a task of ours that may be running at Kling, of that task's id
-- there, which nobody holds and for which no older callback waits. All other news is left alone, for Apply.sql.
with ${news},
-- Rows are locked in id order, so that two batches cannot deadlock; whoever holds one is not waited for.
before as (
  select t.id, n.status as next_status, n.source, n.named_id, n.message, n.code, n.said_result, n.said_units,
    n.said_amount, n.said_currency, n.error_class, n.retryable,
    n.check_at, n.event_id, n.traceparent, o.account as open_account, coalesce(o.lead_millis,
      greatest(0, extract(epoch from o.next_check_at - cast(:now as timestamptz)) * 1000)::bigint) as lead_millis
  from news n join task t on t.id = n.task_id join open_task o on o.task_id = n.task_id
  where task_accepts(t.status, n.status) and not t.tracked
    and (t.kling_task_id is null or t.kling_task_id = n.named_id)
    and not exists (select from callback_receipt r where r.task_id = n.task_id and r.verdict = 'pending')
  order by t.id for no key update of t skip locked
),
${moved}
-- What moved; the rest is to be looked at.
select id, tenant_id, sequence, status::text as status, kind, upstream_model, coalesce(account, '') as account,
  lead_millis, callback_url is not null as webhook
from moved
