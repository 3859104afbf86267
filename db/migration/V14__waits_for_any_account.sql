-- A tenant's queue for one model without what has to go to one account, which may be paused, or away, with thousands waiting
-- for it. dispatch_queue_waiting stays: hopping over it finds the queues, whatever they hold.
create index dispatch_queue_free on dispatch_queue (tenant_id, family, model, priority desc, task_id)
  where sent_at is null and pinned_to is null;
