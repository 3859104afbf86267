-- A scope that older versions do not know has a place of its own: they would refuse a key whose scopes have a word that is none
-- to them.

alter table api_key add column erases boolean;
-- Written by a version that had it among the others.
update api_key set erases = true, scopes = replace(scopes, ' erase', '') where scopes like '% erase';
