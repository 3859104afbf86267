-- A suspended tenant or key may do nothing until it is let in again; what runs for it at Kling is tracked to its end.
alter table tenant add column suspended_at timestamptz;
alter table api_key add column suspended_at timestamptz;
alter table admin_key add column suspended_at timestamptz;

-- Which words are scopes is the code's to say, so that another one needs no change here.
alter table api_key
  drop constraint api_key_scopes_check,
  add constraint api_key_scopes_check check (scopes ~ '^[a-z]+( [a-z]+)*$' and length(scopes) <= 200);

-- What an action set, where its method and path do not tell: no secrets, and no more than a line.
alter table audit_log add column detail text check (length(detail) <= 200);
