-- What was made and paid for without a task, and what is known of a task before its create is sent.

-- Calls that answer at once make no task: the ids under which Kling may list what they cost.
create table charged_call (
  account text collate "C" not null,
  id      text collate "C" not null check (length(id) between 1 and 128),
  at      timestamptz not null,
  primary key (account, id)
);
-- Kept a little longer than the time of which Kling's lists are compared; see the sweep.
create index charged_call_at on charged_call (at);

-- Whether Kling keeps no id of ours of the task, by the catalogue when it was stored or when it was sent; null: it does.
-- A catalogue that has lost the model meanwhile would say otherwise.
alter table task add column unnamed boolean;

-- Sound that calls made, and videos that their answers name. Rows of before keep the narrower rule.
alter table made_at_kling drop constraint made_at_kling_kind_check;
alter table made_at_kling add constraint made_at_kling_kind_check
  check (kind in ('session', 'voice', 'element', 'video', 'audio')) not valid;
-- Kling clears them; see the sweep.
create index made_at_kling_media on made_at_kling (made_at) where kind in ('video', 'audio');
