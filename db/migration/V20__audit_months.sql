-- The audit log by months: old ones go as a whole, while no row of it is ever deleted. Nobody sees the difference: same name,
-- same columns, and ids that continue.

alter table audit_log rename to audit_log_first;
alter index audit_log_request rename to audit_log_first_request;
-- Its rows are numbered by the whole from now on, and refuse changes by the trigger of the whole.
alter table audit_log_first alter column id drop identity;
alter table audit_log_first drop constraint audit_log_pkey;
drop trigger audit_log_no_change on audit_log_first;

create table audit_log (
  id         bigint generated always as identity,
  request_id uuid        not null,
  at         timestamptz not null,
  actor      text        not null,
  address    text        not null,
  method     text        not null,
  path       text        not null,
  detail     text        constraint audit_log_detail_check check (length(detail) <= 200),
  status     int,
  primary key (id, at)
) partition by range (at);
create index audit_log_request on audit_log (request_id);
create trigger audit_log_no_change before update or delete on audit_log for each row execute function audit_log_is_append_only();
create trigger audit_log_no_truncate before truncate on audit_log for each statement execute function audit_log_is_append_only();

-- What was written so far, and what comes until the end of the month.
do $$
begin
  execute format('alter table audit_log attach partition audit_log_first for values from (minvalue) to (%L)',
    (date_trunc('month', greatest(now(), (select max(at) from audit_log_first)) at time zone 'UTC') + interval '1 month')
      at time zone 'UTC');
  perform setval(pg_get_serial_sequence('audit_log', 'id'),
    (select coalesce(max(id), 0) + 1 from audit_log_first), false);
end $$;

-- What comes in a month that nobody has made a place for, as where a version runs that makes none.
create table audit_log_other partition of audit_log default;
create trigger audit_log_no_truncate before truncate on audit_log_other
  for each statement execute function audit_log_is_append_only();

-- Makes a place for the month of a time; false where there is one, or where rows of it are somewhere else already.
create function audit_log_add_month(moment timestamptz) returns boolean language plpgsql as $$
declare
  month timestamp := date_trunc('month', moment at time zone 'UTC');
  place text := 'audit_log_' || to_char(month, 'YYYY_MM');
begin
  if to_regclass(place) is not null then
    return false;
  end if;
  execute format('create table %I partition of audit_log for values from (%L) to (%L)',
    place, month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
  execute format('create trigger audit_log_no_truncate before truncate on %I for each statement execute function %I()',
    place, 'audit_log_is_append_only');
  return true;
exception
  when invalid_object_definition or check_violation then
    return false;
end $$;

-- Drops the months that were over before a time, and what came in others once all of it is older; their names.
create function audit_log_drop(before timestamptz) returns setof text language plpgsql as $$
declare
  month text;
  newest timestamptz;
begin
  for month in
    select c.oid::regclass::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit_log'::regclass
      and substring(pg_get_expr(c.relpartbound, c.oid) from $re$TO \('([^']+)'\)$re$)::timestamptz <= before
    order by 1
  loop
    execute format('drop table %s', month);
    return next month;
  end loop;
  select max(at) into newest from audit_log_other;
  if newest < before then
    drop table audit_log_other;
    create table audit_log_other partition of audit_log default;
    create trigger audit_log_no_truncate before truncate on audit_log_other
      for each statement execute function audit_log_is_append_only();
    return next 'audit_log_other';
  end if;
end $$;
