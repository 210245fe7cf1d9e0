-- Promo codes. A use is a ticket: `held` and `sold` move with the places of orders.
create table promo_codes (
    id integer primary key,
    event_id integer not null references events (id),
    text text not null,
    discount_kind text not null check (discount_kind in ('nothing', 'percent', 'each')),
    discount_value integer not null check (discount_value >= 0),
    -- lists of ids as JSON
    ticket_types text not null,
    unlocks text not null,
    valid_from integer,
    valid_until integer,
    max_per_order integer check (max_per_order > 0),
    max_per_buyer integer check (max_per_buyer > 0),
    max_uses integer check (max_uses >= 0),
    held integer not null check (held >= 0),
    sold integer not null check (sold >= 0),
    paused integer not null check (paused in (0, 1)),
    note text,
    version integer not null check (version > 0),
    created_at integer not null,
    updated_at integer not null,
    unique (event_id, text),
    check (max_uses is null or held + sold <= max_uses),
    check (valid_from < valid_until),
    check (discount_kind <> 'percent' or discount_value <= 10000)
) strict;

-- Tickets of one type at two prices are two lines. SQLite cannot drop a "unique": the table is made again. Nothing refers to it.
alter table orders add column promo_code_id integer references promo_codes (id);
create table order_lines_2 (
    order_id integer not null references orders (id),
    line integer not null,
    ticket_type_id integer not null references ticket_types (id),
    quantity integer not null check (quantity > 0),
    unit_minor integer not null check (unit_minor >= 0),
    face_minor integer check (face_minor >= 0),
    discount_minor integer not null default 0 check (discount_minor >= 0),
    fee_minor integer not null default 0 check (fee_minor >= 0),
    tax_minor integer not null default 0 check (tax_minor >= 0),
    promo_code_id integer references promo_codes (id),
    primary key (order_id, line),
    check (discount_minor <= coalesce(face_minor, unit_minor))
) strict, without rowid;
insert into order_lines_2 (order_id, line, ticket_type_id, quantity, unit_minor, face_minor, discount_minor, fee_minor, tax_minor)
select order_id, line, ticket_type_id, quantity, unit_minor, face_minor, discount_minor, fee_minor, tax_minor from order_lines;
drop table order_lines;
alter table order_lines_2 rename to order_lines;
create index order_lines_by_code on order_lines (promo_code_id) where promo_code_id is not null;
