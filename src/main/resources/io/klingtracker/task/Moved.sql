-- The only statement that writes a status. From the rows in "before", which are locked: what the news moves, the events,
-- and the queue rows of the work that follows.

-- The lifecycle is in the where, so repeated or late news updates no row.
updated as (
  update task t set
    previous_status = t.status,
    status = b.next_status,
    sequence = t.sequence + 1,
    status_message = nullif(b.message, ''),
    error_code = b.code,
    kling_task_id = coalesce(t.kling_task_id, b.named_id),
    account = coalesce(t.account, b.open_account),
    result = b.said_result,
    units = coalesce(b.said_units, t.units),
    amount = coalesce(b.said_amount, t.amount),
    -- Of an amount of which Kling names none it is the account's.
    currency = case when b.said_amount is null then t.currency
      else coalesce(b.said_currency, cast(:accountCurrencies as jsonb) ->> coalesce(t.account, b.open_account),
        cast(:listCurrency as text)) end,
    error_class = b.error_class,
    retryable = b.retryable,
    dispatched_at = coalesce(t.dispatched_at,
      case when b.next_status in ('submitted', 'processing', 'succeed')
             or b.next_status = 'failed' and b.named_id is not null then cast(:now as timestamptz) end),
    updated_at = cast(:now as timestamptz),
    finished_at = case when b.next_status in ('succeed', 'failed', 'canceled') then cast(:now as timestamptz) end,
    result_expires_at =
      case when b.next_status = 'succeed' then cast(:now as timestamptz) + cast(:resultLife as interval) end,
    custody_url =
      case when b.next_status = 'succeed' and b.said_result is not null
        then cast(:contentBase as text) || t.id || '/content' end,
    feed_position = greatest(t.feed_position, ${position})
  from before b
  where t.id = b.id and task_accepts(t.status, b.next_status)
    and (t.kling_task_id is null or b.named_id is null or t.kling_task_id = b.named_id)
  returning t.*, b.event_id, b.source, b.check_at, b.lead_millis,
    -- What we do on our own continues the trace of the submission.
    coalesce(b.traceparent,
      (select e.traceparent from task_event e where e.task_id = t.id and e.sequence = 1)) as traceparent
),
-- The name by which the parts for events and deliveries know it, here and where a task is submitted.
moved as (select * from updated),
${event},
${deliveries},
-- Its results are to be copied.
kept as (
  insert into custody_queue (task_id, tenant_id, due_at)
  select m.id, m.tenant_id, m.updated_at from moved m where m.custody_url is not null
),
-- It waits for its dispatch no more.
dispatched as (delete from dispatch_queue q using moved m where q.task_id = m.id),
-- One that has ended holds no slot, and nobody asks about it.
ended as (
  delete from open_task o using moved m where o.task_id = m.id and m.status in ('succeed', 'failed', 'canceled')
)
