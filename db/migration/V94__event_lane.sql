-- Who last had each lane of the outbox, so that its next holder knows whether it was given back or left behind. Worthless
-- after a crash, when nobody holds any.
create unlogged table event_lane (
  lane  smallint primary key,
  -- Null once given back: then nothing of the lane was under way.
  owner text
) with (fillfactor = 50);
