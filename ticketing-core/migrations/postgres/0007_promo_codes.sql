-- Promo codes. A use is a ticket: `held` and `sold` move with the places of orders.
create table promo_codes (
    id bigint primary key,
    event_id bigint not null references events (id),
    text text not null,
    discount_kind text not null check (discount_kind in ('nothing', 'percent', 'each')),
    discount_value bigint not null check (discount_value >= 0),
    -- lists of ids as JSON
    ticket_types text not null,
    unlocks text not null,
    valid_from bigint,
    valid_until bigint,
    max_per_order bigint check (max_per_order > 0),
    max_per_buyer bigint check (max_per_buyer > 0),
    max_uses bigint check (max_uses >= 0),
    held bigint not null check (held >= 0),
    sold bigint not null check (sold >= 0),
    paused bigint not null check (paused in (0, 1)),
    note text,
    version bigint not null check (version > 0),
    created_at bigint not null,
    updated_at bigint not null,
    unique (event_id, text),
    check (max_uses is null or held + sold <= max_uses),
    check (valid_from < valid_until),
    check (discount_kind <> 'percent' or discount_value <= 10000)
);
alter table promo_codes set (fillfactor = 50);
create sequence promo_codes_ids increment by 100000;

-- Tickets of one type at two prices are two lines.
alter table orders add column promo_code_id bigint references promo_codes (id);
alter table order_lines
    drop constraint order_lines_order_id_ticket_type_id_key,
    add column promo_code_id bigint references promo_codes (id),
    add check (discount_minor <= coalesce(face_minor, unit_minor));
create index order_lines_by_code on order_lines (promo_code_id) where promo_code_id is not null;
