-- Every authentic callback and every unreadable body at a valid URL, as it came. A repeat is counted, not stored again.
create table callback_receipt (
  id          bigint generated always as identity primary key,
  task_id     text collate "C" not null,
  body_hash   bytea       not null check (length(body_hash) = 32),
  body        bytea       not null,
  headers     json        not null,
  signed      boolean     not null,
  verdict     text        not null,
  received_at timestamptz not null,
  repeated    int         not null default 0,
  repeated_at timestamptz,
  constraint callback_receipt_once unique (task_id, body_hash)
);
create index callback_receipt_age on callback_receipt using brin (received_at);
