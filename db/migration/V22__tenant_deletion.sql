-- Since when a tenant is being deleted. It is suspended too, and gone once its last task is.
alter table tenant add column deleting_at timestamptz;
