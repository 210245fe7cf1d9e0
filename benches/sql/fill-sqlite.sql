-- A database as it is after $TICKETS tickets were sold, two with each order, over 100 events of which 90 are over.
-- Each part between lines of `next` is run by itself. No `analyze`: a file that has grown by itself has no statistics either.

-- If this is interrupted, the file is of no use.
pragma foreign_keys = off;
-- next
pragma journal_mode = off;
-- next
pragma synchronous = off;
-- next
pragma cache_size = -1000000;
-- next
create temporary table kept as select name, sql from sqlite_schema where type = 'index' and sql is not null;
-- next
$DROP
-- next
begin;
-- next
create temporary table numbers as with recursive i (n) as (select 1 union all select n + 1 from i where n < $ORDERS) select n from i;
-- next
insert into accounts (id, email, email_key, name, password_hash, role, is_active, is_verified, sessions_ended, created_at, updated_at)
select n, 'buyer-' || n || '@example.com', 'buyer-' || n || '@example.com', 'Buyer ' || n,
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Nf6cD0rL7pXQnZ4yq1w8l3v5t9u2s0kAbCdEfGhIjKl', 'member', 1, 1, 0, $FIRST, $FIRST
from numbers where n <= $ORDERS / 5 + 1;
-- next
insert into events (id, organizer_external, title, description, starts_at, location, currency, capacity, held, sold, status, search_key,
    created_at, updated_at)
select n, 'organiser', 'Concert ' || n, 'An evening to remember.', $NOW + (n - 90) * 86400000000, 'Lagos', 'NGN', $TICKETS / 100, 0,
    $TICKETS / 100, 'active', 'concert ' || n || char(10) || 'lagos' || char(10) || 'an evening to remember.', $FIRST, $FIRST
from numbers where n <= 100;
-- next
insert into ticket_types (id, event_id, position, name, price_minor, capacity, held, sold)
select id, id, 0, 'General admission', 500000, capacity, 0, sold from events;
-- next
-- One event after the other was sold, over a year.
insert into orders (id, reference, event_id, buyer_account, email, total_minor, currency, status, hold_extended, created_at, updated_at)
select n, lower(hex(randomblob(13))), 1 + (n - 1) / ($ORDERS / 100), 1 + n % ($ORDERS / 5),
    'buyer-' || (1 + n % ($ORDERS / 5)) || '@example.com', 1000000, 'NGN', 'paid', 0, $FIRST + n * ($YEAR / $ORDERS),
    $FIRST + n * ($YEAR / $ORDERS)
from numbers order by n;
-- next
insert into order_lines (order_id, line, ticket_type_id, quantity, unit_minor) select id, 0, event_id, 2, 500000 from orders order by id;
-- next
insert into attempts (reference, order_id, gateway, amount_minor, currency, mode, status, checkout_url, access_code, last_seen,
    captured_minor, captured_currency, captured_mode, paid_at, gateway_id, poll_count, created_at, updated_at)
select lower(hex(randomblob(13))), id, 'instant', total_minor, 'NGN', 'test', 'fulfilled', 'https://checkout.example.com/' || reference,
    substr(reference, 1, 12), 'success', total_minor, 'NGN', 'test', created_at, cast(id as text), 0, created_at, created_at
from orders order by id;
-- next
-- Of every ten who bought a ticket for what is over, nine were there.
insert into tickets (id, code, order_id, line, ordinal, event_id, ticket_type_id, holder_account, price_minor, currency, status,
    issued_at, updated_at)
select 2 * o.id - 1 + k.n, hex(randomblob(13)), o.id, 0, k.n, event_id, event_id, buyer_account, 500000, 'NGN',
    case when event_id <= 90 and o.id % 10 <> 0 then 'used' else 'active' end, created_at, created_at
from orders o cross join (select 0 as n union all select 1) k order by o.id;
-- next
insert into check_ins (ticket_id, event_id, nonce, gate, by_external, at)
select id, event_id, lower(hex(randomblob(16))), 'Gate ' || (id % 8), 'organiser', updated_at from tickets where status = 'used' order by id;
-- next
insert into mails (id, order_id, kind, recipient, status, tries, due_at, created_at, updated_at)
select id, id, 'tickets', email, 'sent', 1, created_at, created_at, created_at from orders order by id;
-- next
insert into webhooks (id, gateway, dedupe_key, kind, action, reference, body, status, tries, received_at, updated_at)
select order_id, 'instant', 'charge.success:' || order_id || ':' || lower(hex(randomblob(32))), 'charge.success', 'settle', reference,
    cast('{"event":"charge.success","data":' || printf('%400s', '') || '}' as blob), 'applied', 1, created_at, created_at
from attempts order by rowid;
-- next
commit;
-- next
$RESTORE
-- next
pragma journal_mode = wal;
