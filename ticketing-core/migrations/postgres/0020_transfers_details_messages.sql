-- Transfers and swaps of tickets, the terms of events, what is known about orders, messages to attendees.

-- The ticket that this one came in place of. A ticket is replaced at most once.
alter table tickets add column replaces bigint references tickets (id);
create unique index tickets_by_replaced on tickets (replaces) where replaces is not null;

create table transfers (
    id bigint primary key,
    reference text not null unique,
    ticket_id bigint not null references tickets (id),
    order_id bigint not null references orders (id),
    from_email text check (from_email <> ''),
    to_email text not null check (to_email <> ''),
    status text not null check (status in ('offered', 'taken', 'withdrawn')),
    new_ticket_id bigint references tickets (id),
    expires_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    check ((status = 'taken') = (new_ticket_id is not null))
);
create index transfers_by_order on transfers (order_id);
create unique index transfers_by_new_ticket on transfers (new_ticket_id) where new_ticket_id is not null;

-- Whether tickets can be transferred and returned, and what attendees are asked, as JSON. Null: the event has set none of it.
alter table events add column terms text;

-- What is known about an order. It is personal data, so it has a table of its own; an order that has something here says so.
create table order_details (
    order_id bigint primary key references orders (id),
    answers text,
    attendees text,
    note text check (note <> ''),
    version bigint not null check (version >= 1),
    updated_at bigint not null
);
alter table orders add column has_details bigint not null default 0 check (has_details in (0, 1));
alter table attendees add column answers text;

-- Messages to the attendees of an event, and which addresses have their mail.
create table messages (
    id bigint primary key,
    key text not null unique,
    event_id bigint not null references events (id),
    subject text not null check (subject <> ''),
    text text not null check (text <> ''),
    ticket_type_id bigint references ticket_types (id),
    audience text not null check (audience in ('everybody', 'in', 'not_in')),
    sent_by text not null,
    mails bigint not null check (mails >= 0),
    -- the last order whose attendees have their mails: they get them by its id
    last_order_id bigint,
    status text not null check (status in ('sending', 'sent', 'stopped')),
    created_at bigint not null,
    updated_at bigint not null
);
create index messages_by_event on messages (event_id, id);
create index messages_sending on messages (id) where status = 'sending';
alter table mails add column message_to text;
create unique index mails_by_message on mails (message_to) where message_to is not null;

create sequence transfers_ids increment by 100000;
create sequence messages_ids increment by 100000;
