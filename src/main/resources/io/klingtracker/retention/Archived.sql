-- What the archive keeps of tasks whose rows the transaction holds: of those that are removed next, in the order in which
-- they are in its parts.
select to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD') as day, ${columns},
  -- The letters of one that is larger are left out: pictures and sounds in base64, as a rule.
  (select r.body from task_request r where r.task_id = t.id and octet_length(r.body) <= :maxRequest) as request,
  (select octet_length(r.body) from task_request r where r.task_id = t.id) as request_bytes,
  -- One line: an aggregate of JSON would put line ends between them.
  (select '[' || string_agg(e.payload::text, ',' order by e.sequence) || ']' from task_event e where e.task_id = t.id) as events
from task t
where t.id = any(cast(:ids as text[]))
    -- Those that stay are not archived.
    ${unless}
order by t.tenant_id, day, t.id
