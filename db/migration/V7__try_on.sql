-- Kling sells packs for try-on beside those for video and image, so its slots and turns are counted apart. What waits and
-- runs is moved by its kind, the rest by the models, which no other kind has. The version before goes on to store try-on
-- under video; what it stores so is sent from there, and 1303 keeps the two apart.
update dispatch_queue q set family = 'try-on' from task t
where t.id = q.task_id and t.kind = 'kolors-virtual-try-on' and q.family = 'video';

update open_task o set family = 'try-on' from task t
where t.id = o.task_id and t.kind = 'kolors-virtual-try-on' and o.family = 'video';

update account_pool set family = 'try-on' where family = 'video' and model like 'kolors-virtual-try-on%';

update dispatch_turn set family = 'try-on' where family = 'video' and model like 'kolors-virtual-try-on%';
