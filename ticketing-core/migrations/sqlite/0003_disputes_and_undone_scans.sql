-- Disputes and other reasons to look at a payment, refunds made at the gateway, places that stay taken, scans that were undone.

alter table attempts add column disputes text;
alter table attempts add column attention text;
create index attempts_for_people on attempts (created_at) where attention is not null;

-- A refund that was made at the gateway is recorded once.
create unique index refunds_elsewhere on refunds (attempt, gateway_id) where reason = 'elsewhere';

-- Void tickets whose holders went in before. What was refunded before this column existed has given its place back.
alter table tickets add column keeps_place integer not null default 0 check (keeps_place in (0, 1));

alter table check_ins add column annulled_at integer;
alter table check_ins add column annulled text;

alter table webhooks add column dispute text;
