-- Events can be edited: drafts, versions, time zones, rules of sales, series, and ticket types that are secret or removed.

-- A capacity of 0 closes what nobody has bought yet.
alter table events
    drop constraint events_capacity_check,
    add constraint events_capacity_check check (capacity >= 0),
    drop constraint events_status_check,
    add constraint events_status_check check (status in ('draft', 'active', 'cancelled')),
    add column time_zone text not null default 'UTC',
    add column sales_from bigint,
    add column sales_until bigint,
    add column paused bigint not null default 0 check (paused in (0, 1)),
    add column min_per_order bigint check (min_per_order > 0),
    add column max_per_order bigint check (max_per_order > 0),
    add column max_per_buyer bigint check (max_per_buyer > 0),
    add column version bigint not null default 1 check (version > 0),
    -- the first event of the series that it is a date of
    add column series_id bigint references events (id),
    add check (sales_from < sales_until),
    add check (min_per_order <= max_per_order);
create index events_by_series on events (series_id, starts_at) where series_id is not null;
create index events_drafts on events (id) where status = 'draft';

-- Positions are swapped one row at a time, so they cannot be unique.
alter table ticket_types
    drop constraint ticket_types_event_id_position_key,
    drop constraint ticket_types_capacity_check,
    add constraint ticket_types_capacity_check check (capacity >= 0),
    add column sales_from bigint,
    add column sales_until bigint,
    add column paused bigint not null default 0 check (paused in (0, 1)),
    add column min_per_order bigint check (min_per_order > 0),
    add column max_per_order bigint check (max_per_order > 0),
    add column max_per_buyer bigint check (max_per_buyer > 0),
    add column visibility text not null default 'public' check (visibility in ('public', 'secret')),
    add column removed_at bigint,
    add check (sales_from < sales_until),
    add check (min_per_order <= max_per_order);
create index ticket_types_by_event on ticket_types (event_id, position);

-- Finds the paid orders of a buyer, which count against the limits for one buyer. Before, only those with free tickets counted; a
-- later version drops their column and index, which processes of the version before still use. Orders of events that are over are
-- left out: nothing is sold for them any more.
alter table orders add column paid_for text;
update orders
set paid_for = event_id || coalesce(' account ' || buyer_account, ' external ' || buyer_external)
from events e
where orders.status = 'paid' and e.id = orders.event_id
    and coalesce(e.ends_at, e.starts_at + 86400000000) > extract(epoch from now()) * 1000000;
create index orders_paid on orders (paid_for) where paid_for is not null;
