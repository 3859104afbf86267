-- Which replicas run. Worthless after a crash, hence unlogged: whoever runs writes its row again within a second. A claim
-- is as good as its claimer is alive; claimed_by names it as id, or as id/number of the claim.
create unlogged table replica (
  id      text collate "C" primary key,
  -- Second half of the key of the advisory lock that each of its long sessions holds.
  number  int         not null,
  seen_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

alter table webhook_host_outbox add column claimed_by text;
