-- Creates of which nobody knows whether Kling accepted them are asked about like every other open task. Why they are in
-- doubt (no-answer, exists, not-asked; null while the answer is awaited), and how often a create of the task was lost.
alter table dispatch_queue
  add column doubt text check (doubt in ('no-answer', 'exists', 'not-asked')),
  add column lost  int not null default 0;
-- For their count and their age; no other row is in it.
create index dispatch_queue_doubt on dispatch_queue (doubt, sent_at) where doubt is not null;
drop index dispatch_queue_sent;

-- What is in doubt now is asked about at once, and so is what runs at Kling and was to be asked about a day after it was
-- sent, since a callback had overtaken the answer to its create. No plan reaches further than an hour.
update open_task o set next_check_at = now(), checks = 0
from task t
where t.id = o.task_id and o.next_check_at > now()
  and (exists (select from dispatch_queue q where q.task_id = o.task_id and q.sent_at is not null)
    or t.status in ('submitted', 'processing') and o.next_check_at > now() + interval '1 hour');
delete from set_aside s using dispatch_queue q where s.kind = 'dispatch' and q.task_id = s.key and q.sent_at is not null;
