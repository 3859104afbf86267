-- The archive of removed tasks: which parts there are, for their numbers and for the manifest of each day.
create table archive_part (
  tenant_id  text collate "C" not null,
  -- On which its tasks were created, in UTC.
  day        date        not null,
  number     int         not null check (number >= 1),
  -- The rest is null as long as the part is being written. One that stays so belongs to tasks that were not removed, and is
  -- deleted.
  tasks      int         check (tasks >= 1),
  bytes      bigint      check (bytes >= 0),
  sha256     bytea       check (length(sha256) = 32),
  written_at timestamptz,
  -- Whether the manifest has it.
  listed     boolean     not null default false,
  -- Whoever deletes the tenant sets it: the part is deleted, and the manifest with the last one.
  erased_at  timestamptz,
  primary key (tenant_id, day, number),
  check (num_nulls(tasks, bytes, sha256, written_at) in (0, 4))
);
-- Few: all others are in their manifest.
create index archive_part_open on archive_part (tenant_id, day) where not listed;
create index archive_part_erased on archive_part (erased_at) where erased_at is not null;
