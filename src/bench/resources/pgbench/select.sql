-- One task by its id.
\set n random(1, :tasks)
select * from task where id = 'task_01m8000000' || lpad(:n::text, 16, '0') and tenant_id = 'bench';
