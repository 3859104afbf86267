-- Applies news that ends tasks while they wait for dispatch, if nothing was sent for them, or if what was sent is proved
-- not to have arrived and the claim under which that was proved is still held.
with ${news},
-- The task's row is locked first, as everywhere, in id order. The queue row's lock is what decides between this and a
-- dispatch at the same time: whoever comes second finds it changed.
before as (
  select t.id, n.status as next_status, n.source, n.named_id, n.message, n.code, n.said_result, n.said_units,
    n.said_amount, n.said_currency, n.error_class, n.retryable, n.check_at,
    n.event_id, n.traceparent, null::bigint as lead_millis,
    -- No account runs a task that was not accepted.
    null::text as open_account
  from news n join task t on t.id = n.task_id join dispatch_queue q on q.task_id = t.id
  where t.status = 'queued'
    and (q.sent_at is null or q.claimed_by = cast(:owner as text) and q.attempts = cast(:attempts as int))
    and (cast(:dueBy as timestamptz) is null or q.deadline_at <= cast(:dueBy as timestamptz))
  order by t.id for no key update of t for update of q
),
${moved}
-- What has ended.
select id, tenant_id, sequence, status::text as status, callback_url is not null as webhook from moved
