-- A limit lowered by 1303 is found as congestion control finds a rate (ADR 36). lowered_to is the limit, raise_at when it
-- may rise, lowerings how many steps beyond what Kling was seen to take have failed; these are the rest of its state. A
-- row that a replica of the release before writes leaves them as they are.
alter table account_pool
  -- As many slots as Kling was last seen to take; null in rows of before.
  add column good int check (good >= 1),
  -- By how much the limit was raised last; 0 since it was cut, and while it stays at good.
  add column step int not null default 0,
  -- Whether Kling accepted something under that step.
  add column proved boolean not null default false,
  -- Creates that have left since good was set, less what doubts in it cost.
  add column credit int not null default 0,
  -- Counts cuts and steps: what was claimed in an earlier epoch says nothing about the present limit.
  add column epoch int not null default 0;
