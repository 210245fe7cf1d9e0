-- A mail and a line of the audit log are about an order, an event or an account. The price of a ticket has parts.

alter table mails
    alter column order_id drop not null,
    add column event_id bigint references events (id),
    add column account_id bigint references accounts (id),
    add check (num_nonnulls(order_id, event_id, account_id) = 1);
create unique index mails_by_event on mails (event_id, kind) where event_id is not null;
create unique index mails_by_account on mails (account_id, kind) where account_id is not null;

alter table audit
    alter column order_id drop not null,
    add column event_id bigint references events (id),
    add column account_id bigint references accounts (id),
    add check (num_nonnulls(order_id, event_id, account_id) = 1);
create index audit_by_event on audit (event_id, id) where event_id is not null;
create index audit_by_account on audit (account_id, id) where account_id is not null;

-- `unit_minor` is what the buyer pays for one ticket. Where the face price is null, it is that.
alter table order_lines
    add column face_minor bigint check (face_minor >= 0),
    add column discount_minor bigint not null default 0 check (discount_minor >= 0),
    add column fee_minor bigint not null default 0 check (fee_minor >= 0),
    add column tax_minor bigint not null default 0 check (tax_minor >= 0);
