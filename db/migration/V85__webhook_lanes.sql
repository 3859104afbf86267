-- A claim of deliveries used to hop over every lane (a tenant's deliveries to one host) that had a waiting row, also those
-- due in hours: thousands of hosts of one tenant made everybody's webhooks slow. Now it looks at what is due alone.

-- A due row whose lane has no room is parked, once, so that it does not stand in the way of its tenant's other lanes; its
-- lane's row in webhook_lane says when the lane is to be looked at. A row that is not parked is found by its own due time.
alter table webhook_delivery add column parked boolean not null default false;
alter table webhook_delivery add constraint webhook_delivery_parked check (not parked or claimed_until is null);
create index webhook_delivery_due on webhook_delivery (tenant_id, due_at) where claimed_until is null and not parked;
create index webhook_delivery_parked on webhook_delivery (tenant_id, host, due_at) where parked;
-- It was written with every planned row and every claim; nothing hops over lanes any more.
drop index webhook_delivery_lane;

-- Lanes with parked rows, and perhaps some whose rows are all gone: a claim that finds nothing parked deletes the row.
create table webhook_lane (
  tenant_id text collate "C" not null,
  host      text collate "C" not null,
  -- When a claim looks at the lane next: when the host may be sent to again, or a moment later when it is full.
  due_at    timestamptz not null,
  -- The lane waits for room at its host, which each settlement to that host may bring.
  crowded   boolean     not null,
  -- Counts the writes: who has seen the lane empty deletes it only if nobody has written it since.
  changes   bigint      not null default 1,
  primary key (tenant_id, host)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index webhook_lane_due on webhook_lane (tenant_id, due_at);
create index webhook_lane_crowded on webhook_lane (host) where crowded;
