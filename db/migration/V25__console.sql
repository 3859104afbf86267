-- Who is signed in to the console. Every replica knows it, so that pages may come from any; a row is gone when its reader
-- signs out, or at a later sign-in once it has ended.
create table console_session (
  -- SHA-256 of the id in the cookie: who reads this table can be nobody.
  id_hash    bytea       primary key check (length(id_hash) = 32),
  -- Of the key that was exchanged for it: the session is worth what the key is at the time.
  key_hash   bytea       not null check (length(key_hash) = 32),
  admin      boolean     not null,
  created_at timestamptz not null,
  -- Written once a minute at the most.
  seen_at    timestamptz not null,
  ends_at    timestamptz not null
) with (fillfactor = 70);
create index console_session_key on console_session (key_hash, created_at);
create index console_session_end on console_session (ends_at);
