-- Tasks that were submitted together change together, many of a page in one statement: with a fifth of the page free, one
-- update in ten found no room beside the old row and wrote every index. Half a page holds a new version of each row.
alter table task set (fillfactor = 50);
