-- Tasks whose receiver has answered 410: nothing more of them is sent to it.
create table webhook_gone (
  task_id text collate "C" primary key,
  gone_at timestamptz not null
);
create index webhook_gone_age on webhook_gone using brin (gone_at);
