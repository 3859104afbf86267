-- Of a create whose model keeps no id of ours, as it was sent: SHA-256 of its prompt, by which it is known again in Kling's list.
-- Null where our id does that. What an operator lays over the catalogue meanwhile changes nothing about what was sent.
alter table dispatch_queue add column prompt_hash bytea;
create index dispatch_queue_unnamed on dispatch_queue (sent_at) where prompt_hash is not null and sent_at is not null;
-- The same of the task at Kling: what a callback names is the only id to ask by, until Kling has answered to it.
alter table open_task add column unnamed boolean not null default false;
