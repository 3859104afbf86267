-- Where a kind takes any model name, callers' inventions became slot pools, turns and labels of their own. Slots and turns
-- go by names that we know, and by 'other' for the rest. slot_model is null in rows of before; the dispatcher puts those
-- of unknown models under 'other' when it starts. upstream_model stays what is sent.
alter table dispatch_queue drop column model;
alter table dispatch_queue add column slot_model text;
alter table dispatch_queue add column model text not null
  generated always as (coalesce(slot_model, upstream_model, '')) stored;
create index dispatch_queue_waiting on dispatch_queue (tenant_id, family, model, priority desc, task_id)
  where sent_at is null;

alter table open_task drop column model;
alter table open_task add column slot_model text;
alter table open_task add column model text not null
  generated always as (coalesce(slot_model, upstream_model, '')) stored;
create index open_task_slots on open_task (account, family, model) include (slots) where slots > 0;
