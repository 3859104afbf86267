-- What it is for.
select 1 as one
  -- Why.
  where :one = 1
