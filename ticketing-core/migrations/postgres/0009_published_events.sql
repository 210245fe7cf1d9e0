-- When an event was first published: one that never was is not shown to anybody but its organiser, not even as a cancelled one.
alter table events add column published_at bigint;
update events set published_at = created_at where status <> 'draft';
