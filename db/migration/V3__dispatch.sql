-- What is sent to Kling and runs there. Work queues, here and in the files after this one, are small tables of their own:
-- rows come and go, and the big tables keep their heap-only updates.

-- Which replicas run. Worthless after a crash, hence unlogged: whoever runs writes its row again within a second. A claim
-- of a queue's row is as good as its claimer is alive; claimed_by names it as id, or as id/number of the claim.
create unlogged table replica (
  id      text collate "C" primary key,
  -- Second half of the key of the advisory lock that each of its long sessions holds.
  number  int         not null,
  seen_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- What a loop could not process, whatever it is: out of its queue until an administrator has it tried again. One item's
-- failure is that item's alone; here it is counted, listed and kept over restarts. An event of a task stands for all that
-- follow it.
create table set_aside (
  -- callback, event, check, dispatch, delivery, host-event: the queue that it belongs to.
  kind     text collate "C" not null check (kind ~ '^[a-z][a-z-]{0,30}$'),
  key      text collate "C" not null check (length(key) between 1 and 200),
  task_id  text collate "C",
  reason   text        not null check (length(reason) <= 500),
  attempts int         not null check (attempts >= 1),
  at       timestamptz not null,
  primary key (kind, key)
);
create index set_aside_at on set_aside (at, kind, key);
create index set_aside_task on set_aside (task_id);

-- Tasks that Kling has not accepted yet.
create table dispatch_queue (
  task_id        text collate "C" primary key references task on delete cascade,
  tenant_id      text collate "C" not null,
  -- By whose name slots and turns go, not what is sent: 'other' where the kind takes any name and the task's is none of ours, so
  -- that callers' inventions become no slot pools, turns and labels. Of what has no model and holds no slot it is ''.
  model          text        not null default '',
  -- Kling counts slots per family (video, image) and model; an image task takes one for each picture.
  family         text        not null,
  slots          smallint    not null default 1 check (slots >= 1),
  priority       smallint    not null default 5 check (priority between 1 and 9),
  due_at         timestamptz not null,
  deadline_at    timestamptz,
  -- Who sends it: no time ends a claim, which is as good as its claimer is alive.
  claimed_by     text,
  attempts       int         not null default 0,
  -- How often something in front of Kling turned the create away; sent again only so often.
  turned_away    int         not null default 0,
  -- Set before a create leaves us and cleared when it is proved not to have arrived: while set, nothing may be sent.
  sent_at        timestamptz,
  -- Why nobody knows whether Kling accepted the create; null while its answer is awaited. It is asked about like every other
  -- open task.
  doubt          text        check (doubt in ('no-answer', 'exists', 'not-asked')),
  -- How often a create of the task was lost.
  lost           int         not null default 0,
  -- Why the task still waits, in words for people; null while it has only been stored.
  reason         text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- A tenant's queue for one model, in the order in which it is processed. Hopping over it finds every queue that is not
-- empty without reading the tasks in it.
create index dispatch_queue_waiting on dispatch_queue (tenant_id, family, model, priority desc, task_id)
  where sent_at is null;
create index dispatch_queue_deadline on dispatch_queue (deadline_at) where sent_at is null and deadline_at is not null;
-- For the count and the age of doubts; no other row is in it.
create index dispatch_queue_doubt on dispatch_queue (doubt, sent_at) where doubt is not null;
create index dispatch_queue_tenant on dispatch_queue (tenant_id, task_id);
-- Claims are few, and are looked through every few seconds for those whose claimer is gone.
create index dispatch_queue_claimed on dispatch_queue (claimed_by) where claimed_by is not null;

-- Tasks that may be running at Kling: they hold its slots and are asked about when they stay silent.
create table open_task (
  task_id        text collate "C" primary key references task on delete cascade,
  -- Questions to Kling are shared by tenants, so that one with thousands of silent tasks, or of made-up ids that it tracks,
  -- delays nobody else's.
  tenant_id      text collate "C" not null default '',
  account        text        not null,
  -- As in dispatch_queue.
  model          text        not null default '',
  family         text        not null,
  -- 0 once we gave the task up (expired): Kling may still finish it, but it holds no slot of ours.
  slots          smallint    not null check (slots >= 0),
  -- As the task is; here for the bound.
  tracked        boolean     not null default false,
  -- The id that Kling is asked for as long as its own is not known; null: our task_id, or, when tracked, none yet.
  ask_id         text,
  next_check_at  timestamptz not null,
  checks         int         not null default 0,
  claimed_until  timestamptz,
  claimed_by     text,
  -- An unproved callback says that the task ended so; Kling is asked about it at once, and soon again.
  proving        task_status,
  proofs         int         not null default 0,
  -- How much sooner the callback of the end came than the next check; null: none came.
  lead_millis    bigint
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index open_task_check on open_task (tenant_id, next_check_at);
-- Slots in use are counted from here alone.
create index open_task_slots on open_task (account, family, model) include (slots) where slots > 0;
-- What a tenant tracks at once is bounded.
create index open_task_tracked on open_task (tenant_id) where tracked;

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
-- too), and whether an operator paused it. A row is gone as soon as all is as configured. A limit lowered by 1303 is found
-- as congestion control finds a rate (ADR 36). Credentials are configuration, never rows.
create table account_pool (
  account       text collate "C" not null,
  family        text not null,
  model         text not null,
  -- Fewer slots than configured, after 1303; null when it has all of them.
  lowered_to    int check (lowered_to >= 1),
  -- Not raised again before this.
  raise_at      timestamptz,
  -- How many steps beyond what Kling was seen to take have failed.
  lowerings     int not null default 0,
  -- As many slots as Kling was last seen to take; null before it was.
  good          int check (good >= 1),
  -- By how much the limit was raised last; 0 since it was cut, and while it stays at good.
  step          int not null default 0,
  -- Whether Kling accepted something under that step.
  proved        boolean not null default false,
  -- Creates that have left since good was set, less what doubts in it cost.
  credit        int not null default 0,
  -- Counts cuts and steps: what was claimed in an earlier epoch says nothing about the present limit.
  epoch         int not null default 0,
  -- Nothing is sent before this; when parked, one task is sent then to see whether it still is.
  not_before    timestamptz,
  -- How often Kling refused since it last accepted.
  refusals      int not null default 0,
  -- Packs and rights are Kling's per family or model, so parking is too.
  parked_code   int,
  parked_reason text,
  parked_at     timestamptz,
  -- Of an account as a whole alone: nothing is sent until an operator resumes it.
  paused        boolean not null default false,
  primary key (account, family, model),
  check (not paused or family = ''),
  check ((parked_reason is null) = (parked_at is null)),
  check (model = '' or family <> '')
);
