-- Orders of guests, who have no account.
-- A guest's order has an empty buyer_external, which is nobody's, for processes of an earlier version, and here the reference of the order.
-- An empty email is none: the guest has not given one yet.
alter table orders add column buyer_guest text check (buyer_guest is null or (buyer_external = '' and buyer_guest = reference));
alter table tickets add column holder_guest text check (holder_guest is null or holder_external = '');
-- The address of a guest in lower case, by which an account finds the orders that its owner made without one.
alter table orders add column guest_address text;
create index orders_by_guest_address on orders (guest_address) where guest_address is not null;
