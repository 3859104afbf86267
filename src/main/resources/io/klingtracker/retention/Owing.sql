-- What keeps an old task from being removed: it owes something to somebody.
-- Kling is still asked, or the create is in doubt.
and not exists (select from open_task o where o.task_id = t.id)
    and not exists (select from dispatch_queue q where q.task_id = t.id)
    -- Its receiver has not been told.
    and not exists (select from webhook_delivery d where d.task_id = t.id)
    -- Kafka does not have an event.
    and not exists (select from outbox o where not o.replayed and o.lane = outbox_lane(t.id) and o.task_id = t.id)
    -- The same request again would be paid again.
    and not exists (select from idempotency_key k where k.task_id = t.id)
    -- A callback has not been processed.
    and not exists (
      select from callback_receipt r join callback_pending p on p.receipt_id = r.id where r.task_id = t.id)
    -- Its results are not copied yet, and Kling still has them.
    and not exists (select from custody_queue c where c.task_id = t.id)
    and not exists (select from set_aside s where s.task_id = t.id)
    -- Counts of tasks are not that far.
    and exists (
      select from task_sum_place p where p.tenant_id = t.tenant_id and not exists (
        select from task_event e where e.task_id = t.id and (e.feed_position, e.id) > (p.position, p.id)))
