-- A database as it is after $TICKETS tickets were sold, two with each order, over 100 events of which 90 are over.
-- Each part between lines of `next` is run by itself.

-- What is enforced row by row is taken off and put back at the end, where it is checked for all rows at once.
set session_replication_role = replica;
-- next
set synchronous_commit = off;
-- next
set maintenance_work_mem = '512MB';
-- next
create temporary table kept as
    select 1 as step, conrelid::regclass as on_table, conname as name, contype = 'f' as is_foreign, pg_get_constraintdef(oid) as definition
    from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f')
    union all
    select 2, indrelid::regclass, indexrelid::regclass::text, false, pg_get_indexdef(indexrelid)
    from pg_index join pg_class c on c.oid = indexrelid
    where c.relnamespace = 'public'::regnamespace and not exists (select 1 from pg_constraint k where k.conindid = indexrelid);
-- next
do $do$
declare k record;
begin
    for k in select * from kept order by not is_foreign, step loop
        if k.step = 1 then execute format('alter table %s drop constraint %I', k.on_table, k.name);
        else execute format('drop index %s', k.name); end if;
    end loop;
end
$do$;
-- next
insert into accounts (id, email, email_key, name, password_hash, role, is_active, is_verified, sessions_ended, created_at, updated_at)
select n, 'buyer-' || n || '@example.com', 'buyer-' || n || '@example.com', 'Buyer ' || n,
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Nf6cD0rL7pXQnZ4yq1w8l3v5t9u2s0kAbCdEfGhIjKl', 'member', 1, 1, 0, $FIRST, $FIRST
from generate_series(1, $ORDERS / 5 + 1) n;
-- next
insert into events (id, organizer_external, title, description, starts_at, location, currency, capacity, held, sold, status, search_key,
    created_at, updated_at)
select n, 'organiser', 'Concert ' || n, 'An evening to remember.', $NOW + (n - 90) * 86400000000, 'Lagos', 'NGN', $TICKETS / 100, 0,
    $TICKETS / 100, 'active', 'concert ' || n || E'\nlagos\nan evening to remember.', $FIRST, $FIRST
from generate_series(1, 100) n;
-- next
insert into ticket_types (id, event_id, position, name, price_minor, capacity, held, sold)
select id, id, 0, 'General admission', 500000, capacity, 0, sold from events;
-- next
-- One event after the other was sold, over a year.
insert into orders (id, reference, event_id, buyer_account, email, total_minor, currency, status, hold_extended, created_at, updated_at)
select n, substr(md5('order' || n), 1, 26), 1 + (n - 1) / ($ORDERS / 100), 1 + n % ($ORDERS / 5),
    'buyer-' || 1 + n % ($ORDERS / 5) || '@example.com', 1000000, 'NGN', 'paid', 0, at, at
from (select n, $FIRST + n * ($YEAR / $ORDERS) as at from generate_series(1, $ORDERS::bigint) n) as sold;
-- next
insert into order_lines (order_id, line, ticket_type_id, quantity, unit_minor) select id, 0, event_id, 2, 500000 from orders;
-- next
insert into attempts (reference, order_id, gateway, amount_minor, currency, mode, status, checkout_url, access_code, last_seen,
    captured_minor, captured_currency, captured_mode, paid_at, gateway_id, poll_count, created_at, updated_at)
select reference, id, 'instant', total_minor, 'NGN', 'test', 'fulfilled', 'https://checkout.example.com/' || reference,
    substr(reference, 1, 12), 'success', total_minor, 'NGN', 'test', created_at, id::text, 0, created_at, created_at
from (select substr(md5('attempt' || id), 1, 26) as reference, id, total_minor, created_at from orders order by id) as paid;
-- next
-- Of every ten who bought a ticket for what is over, nine were there.
insert into tickets (id, code, order_id, line, ordinal, event_id, ticket_type_id, holder_account, price_minor, currency, status,
    issued_at, updated_at)
select 2 * o.id - 1 + k, upper(substr(md5('ticket' || 2 * o.id - 1 + k), 1, 26)), o.id, 0, k, event_id, event_id, buyer_account, 500000,
    'NGN', case when event_id <= 90 and o.id % 10 <> 0 then 'used' else 'active' end, created_at, created_at
from orders o, generate_series(0, 1) k order by o.id, k;
-- next
insert into check_ins (ticket_id, event_id, nonce, gate, by_external, at)
select id, event_id, md5('scan' || id), 'Gate ' || id % 8, 'organiser', updated_at from tickets where status = 'used' order by id;
-- next
insert into mails (id, order_id, kind, recipient, status, tries, due_at, created_at, updated_at)
select id, id, 'tickets', email, 'sent', 1, created_at, created_at, created_at from orders order by id;
-- next
insert into webhooks (id, gateway, dedupe_key, kind, action, reference, body, status, tries, received_at, updated_at)
select order_id, 'instant', 'charge.success:' || order_id || ':' || md5('body' || order_id) || md5('other half' || order_id),
    'charge.success', 'settle', reference, convert_to('{"event":"charge.success","data":' || repeat(' ', 400) || '}', 'UTF8'),
    'applied', 1, created_at, created_at
from attempts order by order_id;
-- next
do $do$
declare k record;
begin
    for k in select * from kept order by is_foreign, step, definition not like 'PRIMARY%' loop
        if k.step = 1 then execute format('alter table %s add constraint %I %s', k.on_table, k.name, k.definition);
        else execute k.definition; end if;
    end loop;
end
$do$;
-- next
select setval('accounts_ids', $TICKETS), setval('events_ids', 100000), setval('ticket_types_ids', 100000), setval('orders_ids', $TICKETS),
    setval('tickets_ids', $TICKETS + 100000), setval('mails_ids', $TICKETS), setval('webhooks_ids', $TICKETS);
-- next
-- What autovacuum would have done meanwhile.
vacuum (analyze);
-- next
checkpoint;
