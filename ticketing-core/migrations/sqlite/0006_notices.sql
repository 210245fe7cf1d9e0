-- Notices of changed dates and places, and what buyers were told before.

create table notices (
    id integer primary key,
    event_id integer not null references events (id),
    version integer not null check (version > 0),
    old_starts_at integer not null,
    old_ends_at integer,
    old_time_zone text not null,
    old_location text not null,
    old_address text,
    refund_until integer,
    first_at integer not null,
    changed_at integer not null,
    is_undone integer not null check (is_undone in (0, 1)),
    due_at integer not null,
    -- the last order that got its mail: they get it by id
    last_order_id integer,
    status text not null check (status in ('waiting', 'sent', 'replaced', 'dropped')),
    updated_at integer not null,
    unique (event_id, version)
) strict;
create index notices_by_due on notices (due_at) where status = 'waiting';
