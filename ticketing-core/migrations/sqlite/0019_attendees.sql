-- What is known about who comes with a ticket. It is personal data, so it has a table of its own.
create table attendees (
    ticket_id integer primary key references tickets (id),
    order_id integer not null references orders (id),
    name text check (name <> ''),
    -- The name for searches: composed, in lower case.
    name_key text,
    email text check (email <> ''),
    note text check (note <> ''),
    version integer not null check (version >= 1),
    updated_at integer not null,
    check ((name is null) = (name_key is null))
) strict;
create index attendees_by_order on attendees (order_id);

-- Who has recorded an attempt, as JSON: cash, bank transfers and tickets that were given away. No gateway knows of it, so it is not polled.
alter table attempts add column recorded_by text
    check (recorded_by is null or (poll_at is null and checkout_url is null));
