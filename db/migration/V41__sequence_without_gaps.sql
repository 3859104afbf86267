-- A task's changes are numbered 1, 2, 3 … : an event takes its number from the task's row in the same statement, the
-- primary key of task_event refuses repeats, and this refuses gaps and steps back.
create function task_refuse_gap() returns trigger language plpgsql as $$
begin
  raise exception 'task % cannot go from sequence % to %', old.id, old.sequence, new.sequence
    using errcode = 'integrity_constraint_violation';
end $$;
create trigger task_sequence_has_no_gap before update of sequence on task for each row
  when (new.sequence <> old.sequence and new.sequence <> old.sequence + 1)
  execute function task_refuse_gap();
