-- Finds the orders of a buyer that count against the limits for one buyer and event: the unpaid ones, and the paid ones that have
-- free tickets. Each key is the event's id and the buyer, such as `7 account 3`, and null for an order that does not count.
alter table orders add column open_for text;
alter table orders add column free_for text;
update orders
set open_for = event_id || coalesce(' account ' || buyer_account, ' external ' || buyer_external)
where status = 'held';
update orders
set free_for = event_id || coalesce(' account ' || buyer_account, ' external ' || buyer_external)
where status = 'paid' and exists (select 1 from order_lines l where l.order_id = orders.id and l.unit_minor = 0);
create index orders_open on orders (open_for) where open_for is not null;
create index orders_free on orders (free_for) where free_for is not null;
