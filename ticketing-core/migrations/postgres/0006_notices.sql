-- Notices of changed dates and places, and what buyers were told before.

create table notices (
    id bigint primary key,
    event_id bigint not null references events (id),
    version bigint not null check (version > 0),
    old_starts_at bigint not null,
    old_ends_at bigint,
    old_time_zone text not null,
    old_location text not null,
    old_address text,
    refund_until bigint,
    first_at bigint not null,
    changed_at bigint not null,
    is_undone bigint not null check (is_undone in (0, 1)),
    due_at bigint not null,
    -- the last order that got its mail: they get it by id
    last_order_id bigint,
    status text not null check (status in ('waiting', 'sent', 'replaced', 'dropped')),
    updated_at bigint not null,
    unique (event_id, version)
);
create index notices_by_due on notices (due_at) where status = 'waiting';
create sequence notices_ids increment by 100000;
