-- Anybody could have half a megabyte of his own words kept with a task. Readers cut them now, for people and for the index
-- in which a status word stands; new rows are checked, older ones are cut where they are read, and go with their tasks.
alter table task_news
  add constraint task_news_status_is_short check (octet_length(status) <= 256) not valid,
  add constraint task_news_detail_is_short check (octet_length(detail) <= 2048) not valid;
