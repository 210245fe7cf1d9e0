-- Events can be edited: drafts, versions, time zones, rules of sales, series, and ticket types that are secret or removed.

-- SQLite cannot change a constraint: the two tables are made again. Foreign keys are off meanwhile, and checked at the end.
-- A capacity of 0 closes what nobody has bought yet.
create table events_2 (
    id integer primary key,
    -- made by the caller that created the event, so that a repeat finds it
    key text unique,
    organizer_account integer references accounts (id),
    organizer_external text,
    title text not null,
    description text,
    starts_at integer not null,
    ends_at integer,
    location text not null,
    address text,
    image_url text,
    category_id integer references categories (id),
    currency text not null,
    capacity integer check (capacity >= 0),
    held integer not null check (held >= 0),
    sold integer not null check (sold >= 0),
    status text not null check (status in ('draft', 'active', 'cancelled')),
    -- title, location and description in lower case (Unicode's, which SQLite's own lower() is not)
    search_key text not null,
    created_at integer not null,
    updated_at integer not null,
    time_zone text not null default 'UTC',
    sales_from integer,
    sales_until integer,
    paused integer not null default 0 check (paused in (0, 1)),
    min_per_order integer check (min_per_order > 0),
    max_per_order integer check (max_per_order > 0),
    max_per_buyer integer check (max_per_buyer > 0),
    version integer not null default 1 check (version > 0),
    -- the first event of the series that it is a date of
    series_id integer references events (id),
    check ((organizer_account is null) <> (organizer_external is null)),
    check (capacity is null or held + sold <= capacity),
    check (sales_from < sales_until),
    check (min_per_order <= max_per_order)
) strict;
insert into events_2 (id, key, organizer_account, organizer_external, title, description, starts_at, ends_at, location, address,
    image_url, category_id, currency, capacity, held, sold, status, search_key, created_at, updated_at)
select id, key, organizer_account, organizer_external, title, description, starts_at, ends_at, location, address,
    image_url, category_id, currency, capacity, held, sold, status, search_key, created_at, updated_at from events;
drop table events;
alter table events_2 rename to events;
create index events_by_start on events (starts_at, id);
create index events_by_series on events (series_id, starts_at) where series_id is not null;
create index events_drafts on events (id) where status = 'draft';
create index events_cancelled on events (id) where status = 'cancelled';
create index events_by_category on events (category_id, id);

-- Positions are swapped one row at a time, so they cannot be unique.
create table ticket_types_2 (
    id integer primary key,
    event_id integer not null references events (id),
    position integer not null,
    name text not null,
    price_minor integer not null check (price_minor >= 0),
    capacity integer check (capacity >= 0),
    held integer not null check (held >= 0),
    sold integer not null check (sold >= 0),
    sales_from integer,
    sales_until integer,
    paused integer not null default 0 check (paused in (0, 1)),
    min_per_order integer check (min_per_order > 0),
    max_per_order integer check (max_per_order > 0),
    max_per_buyer integer check (max_per_buyer > 0),
    visibility text not null default 'public' check (visibility in ('public', 'secret')),
    removed_at integer,
    check (capacity is null or held + sold <= capacity),
    check (sales_from < sales_until),
    check (min_per_order <= max_per_order)
) strict;
insert into ticket_types_2 (id, event_id, position, name, price_minor, capacity, held, sold)
select id, event_id, position, name, price_minor, capacity, held, sold from ticket_types;
drop table ticket_types;
alter table ticket_types_2 rename to ticket_types;
create index ticket_types_by_event on ticket_types (event_id, position);

-- Finds the paid orders of a buyer, which count against the limits for one buyer. Before, only those with free tickets counted; a
-- later version drops their column and index. Orders of events that are over are left out: nothing is sold for them any more.
alter table orders add column paid_for text;
update orders
set paid_for = event_id || coalesce(' account ' || buyer_account, ' external ' || buyer_external)
from events e
where orders.status = 'paid' and e.id = orders.event_id
    and coalesce(e.ends_at, e.starts_at + 86400000000) > unixepoch() * 1000000;
create index orders_paid on orders (paid_for) where paid_for is not null;
