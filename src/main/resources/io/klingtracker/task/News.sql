-- The news that a statement is given: at most one piece for each task.
-- Arrays come by way of a subquery: a planner that sees how long they are plans anew for each group, which costs a small
-- one as much as its work, and reads tables whole for large ones; see FreshPlans.
news as (
  select * from unnest(
    (select cast(:ids as text[])), (select cast(:statuses as task_status[])), (select cast(:sources as text[])),
    (select cast(:words as text[])), (select cast(:klingIds as text[])), (select cast(:messages as text[])),
    (select cast(:codes as int[])), (select cast(:results as json[])), (select cast(:units as numeric[])),
    (select cast(:checks as timestamptz[])), (select cast(:eventIds as uuid[])),
    (select cast(:traceparents as text[])), (select cast(:amounts as numeric[])), (select cast(:currencies as text[])),
    (select cast(:errorClasses as text[])), (select cast(:retryable as boolean[])))
  as n(task_id, status, source, word, named_id, message, code, said_result, said_units, check_at, event_id, traceparent,
       said_amount, said_currency, error_class, retryable)
)
