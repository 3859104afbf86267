-- A tenant's share of the slots, in proportion to the other tenants that wait for the same ones.
alter table tenant add column weight smallint not null default 1 check (weight between 1 and 1000);

-- One name for "no model", so that queues and slots of such kinds compare like all others.
alter table dispatch_queue add column model text generated always as (coalesce(upstream_model, '')) stored;
alter table open_task add column model text generated always as (coalesce(upstream_model, '')) stored;

-- A tenant's queue for one model, in the order in which it is worked off. Hopping over it finds every queue that is not
-- empty without reading the tasks in it.
drop index dispatch_queue_due;
create index dispatch_queue_waiting on dispatch_queue (tenant_id, family, model, priority desc, task_id)
  where sent_at is null;
-- Creates that may have arrived, by the time of the next look.
create index dispatch_queue_sent on dispatch_queue (due_at) where sent_at is not null;
create index dispatch_queue_deadline on dispatch_queue (deadline_at) where sent_at is null and deadline_at is not null;
-- Slots in use are counted from here alone.
drop index open_task_slots;
create index open_task_slots on open_task (account, family, model) include (slots) where slots > 0;

-- Whose turn it is: start-time fair queueing. turn is where a tenant's next task of this model stands in virtual time,
-- which moves on by slots over weight with each task; the row without a tenant holds the virtual time itself.
create table dispatch_turn (
  family    text not null,
  model     text not null,
  tenant_id text collate "C" not null,
  turn      double precision not null,
  primary key (family, model, tenant_id)
) with (fillfactor = 70);

-- What Kling made us do about one model's slots of an account, about a family ('' as model) or all of it ('' as family
-- too). A row is gone as soon as all is as configured.
create table account_pool (
  account       text collate "C" not null,
  family        text not null,
  model         text not null,
  -- Fewer slots than configured, after 1303; null when it has all of them.
  lowered_to    int check (lowered_to >= 1),
  -- Not raised again before this.
  raise_at      timestamptz,
  -- How often it was lowered since it last had all.
  lowerings     int not null default 0,
  -- Nothing is sent before this; when parked, one task is sent then to see whether it still is.
  not_before    timestamptz,
  -- How often Kling refused since it last accepted.
  refusals      int not null default 0,
  parked_code   int,
  parked_reason text,
  parked_at     timestamptz,
  primary key (account, family, model),
  check ((parked_reason is null) = (parked_at is null)),
  check (model = '' or family <> '')
);
-- Packs and rights are Kling's per family or model, so parking is too.
alter table account drop column parked_reason, drop column parked_at;
