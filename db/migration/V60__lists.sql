-- Each filter of a list has an index to walk, newest first. None of them names a column of task that changes.
create index task_kind on task (tenant_id, kind, id);
create index task_model on task (tenant_id, model, id);

-- Tasks that ended, or that we gave up, by how: an event is never updated, and a final status stays. Whether an expired
-- task was revived is asked of the task. Tasks under way are found through the small queues.
create index task_event_end on task_event (tenant_id, status, task_id) where status in ('expired', 'succeed', 'failed', 'canceled');
create index dispatch_queue_tenant on dispatch_queue (tenant_id, task_id);
