-- How often something in front of Kling turned this task's create away; sent again only so often.
alter table dispatch_queue add column turned_away int not null default 0;
