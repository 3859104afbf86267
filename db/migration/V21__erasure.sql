-- Erasure of tasks: an event that says so, and what readers of the feed have to remember of those that went.

-- What an event tells that is no change of status; null: one. A word of its type: kling.task.<type>.v1.
alter table task_event add column type text;
-- Checks of new rows alone: the old ones keep them, and reading the largest table for that would hold up every change.
alter table task_event add constraint task_event_type check (type in ('erased', 'result-expiring')) not valid;
-- Null where the status did not change, so that whoever looks for changes of status finds those alone, and no index for them
-- grows. The payload has the unchanged one.
alter table task_event alter column status drop not null;
alter table task_event add constraint task_event_status check ((type is null) = (status is not null)) not valid;

alter table task_event drop constraint task_event_source_check;
alter table task_event add constraint task_event_source_check check (source in (
  'submit', 'dispatch', 'callback', 'poll', 'cancel', 'deadline', 'admin', 'retention', 'erase', 'custody', 'recover')) not valid;
alter table task_news drop constraint task_news_source_check;
alter table task_news add constraint task_news_source_check check (source in (
  'submit', 'dispatch', 'callback', 'poll', 'cancel', 'deadline', 'admin', 'retention', 'erase', 'custody', 'recover')) not valid;

-- Events of erased tasks: where they stood in the feed, for readers who name one as the last that they saw. Kept as long as
-- the event that tells of the erasure; nothing refers to tenant, since that event outlives one that is deleted.
create table erased_event (
  event_id      uuid        primary key,
  tenant_id     text collate "C" not null,
  task_id       text collate "C" not null,
  feed_position bigint      not null,
  id            bigint      not null,
  at            timestamptz not null
);
create index erased_event_age on erased_event (at);
