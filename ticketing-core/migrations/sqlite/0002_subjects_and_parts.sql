-- A mail and a line of the audit log are about an order, an event or an account. The price of a ticket has parts.

-- SQLite cannot drop a "not null": the two tables are made again. Nothing refers to them.
create table mails_2 (
    id integer primary key,
    order_id integer references orders (id),
    kind text not null,
    recipient text not null,
    status text not null check (status in ('waiting', 'sent', 'dead')),
    tries integer not null,
    due_at integer not null,
    last_error text,
    created_at integer not null,
    updated_at integer not null,
    event_id integer references events (id),
    account_id integer references accounts (id),
    unique (order_id, kind),
    check ((order_id is not null) + (event_id is not null) + (account_id is not null) = 1)
) strict;
insert into mails_2 (id, order_id, kind, recipient, status, tries, due_at, last_error, created_at, updated_at)
select id, order_id, kind, recipient, status, tries, due_at, last_error, created_at, updated_at from mails;
drop table mails;
alter table mails_2 rename to mails;
create index mails_by_due on mails (due_at) where status = 'waiting';
create index mails_dead on mails (id) where status = 'dead';
create unique index mails_by_event on mails (event_id, kind) where event_id is not null;
create unique index mails_by_account on mails (account_id, kind) where account_id is not null;

create table audit_2 (
    id integer primary key,
    at integer not null,
    order_id integer references orders (id),
    actor text not null,
    action text not null,
    subject text,
    before text,
    after text,
    reason text not null,
    event_id integer references events (id),
    account_id integer references accounts (id),
    check ((order_id is not null) + (event_id is not null) + (account_id is not null) = 1)
) strict;
insert into audit_2 (id, at, order_id, actor, action, subject, before, after, reason)
select id, at, order_id, actor, action, subject, before, after, reason from audit;
drop table audit;
alter table audit_2 rename to audit;
create index audit_by_order on audit (order_id, id);
create index audit_by_event on audit (event_id, id) where event_id is not null;
create index audit_by_account on audit (account_id, id) where account_id is not null;
create trigger audit_is_only_added_to before update on audit begin
    select raise(abort, 'the audit log is only added to');
end;
create trigger audit_is_never_deleted before delete on audit begin
    select raise(abort, 'the audit log is only added to');
end;

-- `unit_minor` is what the buyer pays for one ticket. Where the face price is null, it is that.
alter table order_lines add column face_minor integer check (face_minor >= 0);
alter table order_lines add column discount_minor integer not null default 0 check (discount_minor >= 0);
alter table order_lines add column fee_minor integer not null default 0 check (fee_minor >= 0);
alter table order_lines add column tax_minor integer not null default 0 check (tax_minor >= 0);
