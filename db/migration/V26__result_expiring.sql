-- Who is told that a result is about to be deleted at Kling: found behind the statements that write tasks, which know
-- nothing of it, by going through each tenant's feed so many days later.
create table expiry_place (
  tenant_id text collate "C" primary key references tenant on delete cascade,
  -- Up to which event of its feed that was done.
  position  bigint not null,
  id        bigint not null
) with (fillfactor = 50);
