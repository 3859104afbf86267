-- The last self-test of each account, and the last test callback that Kling's console sent for it.
create table account_self_test (
  account         text collate "C" primary key,
  -- Null where only a callback came.
  at              timestamptz,
  -- [{name, ok, detail}]
  checks          json,
  callback_at     timestamptz,
  callback_ok     boolean,
  callback_detail text constraint account_self_test_detail_is_short check (octet_length(callback_detail) <= 2048),
  check (num_nulls(at, checks) in (0, 2)),
  check (num_nulls(callback_at, callback_ok, callback_detail) in (0, 3))
);
