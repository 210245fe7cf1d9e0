-- Times are microseconds since 1970 UTC: integers sort and compare exactly. Money is minor units.
-- What the rules promise stands here again, so that a wrong rule fails loudly.

create table accounts (
    id integer primary key,
    email text not null,
    email_key text not null unique,
    name text not null,
    username text,
    username_key text unique,
    phone text,
    password_hash text not null,
    role text not null check (role in ('member', 'admin')),
    is_active integer not null check (is_active in (0, 1)),
    is_verified integer not null check (is_verified in (0, 1)),
    -- how often all sessions of the account were ended
    sessions_ended integer not null,
    created_at integer not null,
    updated_at integer not null,
    check ((username is null) = (username_key is null))
) strict;

create table categories (
    id integer primary key,
    name text not null,
    name_key text not null unique,
    description text
) strict;

create table events (
    id integer primary key,
    -- made by whoever made the event, so that making it can be repeated
    key text unique,
    organizer_account integer references accounts (id),
    organizer_external text,
    title text not null,
    description text,
    starts_at integer not null,
    ends_at integer,
    location text not null,
    address text,
    image_url text,
    category_id integer references categories (id),
    currency text not null,
    capacity integer check (capacity > 0),
    held integer not null check (held >= 0),
    sold integer not null check (sold >= 0),
    status text not null check (status in ('active', 'cancelled')),
    -- title, location and description in lower case (Unicode's, which SQLite's own lower() is not)
    search_key text not null,
    created_at integer not null,
    updated_at integer not null,
    check ((organizer_account is null) <> (organizer_external is null)),
    check (capacity is null or held + sold <= capacity)
) strict;
create index events_by_start on events (starts_at, id);
create index events_cancelled on events (id) where status = 'cancelled';
create index events_by_category on events (category_id, id);

create table ticket_types (
    id integer primary key,
    event_id integer not null references events (id),
    position integer not null,
    name text not null,
    price_minor integer not null check (price_minor >= 0),
    capacity integer check (capacity > 0),
    held integer not null check (held >= 0),
    sold integer not null check (sold >= 0),
    unique (event_id, position),
    check (capacity is null or held + sold <= capacity)
) strict;

create table orders (
    id integer primary key,
    reference text not null unique,
    event_id integer not null references events (id),
    buyer_account integer references accounts (id),
    buyer_external text,
    email text not null,
    total_minor integer not null check (total_minor >= 0),
    currency text not null,
    status text not null check (status in ('held', 'paid', 'expired', 'cancelled')),
    hold_until integer,
    hold_extended integer not null check (hold_extended in (0, 1)),
    created_at integer not null,
    updated_at integer not null,
    check ((buyer_account is null) <> (buyer_external is null)),
    check ((status = 'held') = (hold_until is not null))
) strict;
create index orders_by_hold on orders (hold_until) where status = 'held';
create index orders_by_event on orders (event_id, id);
create index orders_by_account on orders (buyer_account, id) where buyer_account is not null;
create index orders_by_external on orders (buyer_external, id) where buyer_external is not null;

create table order_lines (
    order_id integer not null references orders (id),
    line integer not null,
    ticket_type_id integer not null references ticket_types (id),
    quantity integer not null check (quantity > 0),
    unit_minor integer not null check (unit_minor >= 0),
    primary key (order_id, line),
    unique (order_id, ticket_type_id)
) strict, without rowid;

create table attempts (
    reference text primary key,
    order_id integer not null references orders (id),
    gateway text not null,
    amount_minor integer not null check (amount_minor >= 0),
    currency text not null,
    mode text not null check (mode in ('test', 'live')),
    status text not null check (status in (
        'created', 'unknown', 'open', 'processing', 'failed', 'dropped', 'lapsed',
        'fulfilled', 'refund_due', 'review', 'reversed', 'disputed')),
    checkout_url text,
    access_code text,
    last_seen text,
    captured_minor integer check (captured_minor >= 0),
    captured_currency text,
    captured_mode text,
    requested_minor integer,
    requested_currency text,
    paid_at integer,
    gateway_id text,
    poll_at integer,
    poll_count integer not null,
    created_at integer not null,
    updated_at integer not null,
    check (status not in ('fulfilled', 'refund_due', 'review') or captured_minor is not null)
) strict;
create index attempts_by_order on attempts (order_id);
-- An order's tickets are bought by one attempt.
create unique index attempts_fulfilled on attempts (order_id) where status = 'fulfilled';
create index attempts_by_poll on attempts (poll_at) where poll_at is not null;
create index attempts_in_review on attempts (created_at) where status in ('review', 'refund_due', 'disputed');
create index attempts_to_decide on attempts (created_at) where status = 'review';

create table refunds (
    id integer primary key,
    key text not null unique,
    order_id integer not null references orders (id),
    attempt text not null references attempts (reference),
    amount_minor integer not null check (amount_minor >= 0),
    currency text not null,
    reason text not null,
    note text,
    tickets text not null,
    status text not null check (status in ('due', 'unknown', 'pending', 'processed', 'failed', 'needs_attention')),
    gateway_id text,
    last_seen text,
    tries integer not null,
    next_at integer,
    created_at integer not null,
    updated_at integer not null
) strict;
create index refunds_by_order on refunds (order_id);
create index refunds_stuck on refunds (attempt) where status in ('failed', 'needs_attention');
create index refunds_by_next on refunds (next_at) where next_at is not null;

create table tickets (
    id integer primary key,
    code text not null unique,
    order_id integer not null references orders (id),
    line integer not null,
    ordinal integer not null,
    event_id integer not null references events (id),
    ticket_type_id integer not null references ticket_types (id),
    holder_account integer references accounts (id),
    holder_external text,
    price_minor integer not null check (price_minor >= 0),
    currency text not null,
    status text not null check (status in ('active', 'used', 'refunded', 'cancelled', 'transferred')),
    issued_at integer not null,
    updated_at integer not null,
    unique (order_id, line, ordinal),
    check ((holder_account is null) <> (holder_external is null))
) strict;
create index tickets_by_account on tickets (holder_account, id) where holder_account is not null;
create index tickets_by_external on tickets (holder_external, id) where holder_external is not null;

create table check_ins (
    ticket_id integer primary key references tickets (id),
    event_id integer not null references events (id),
    nonce text not null unique,
    gate text,
    by_account integer references accounts (id),
    by_external text,
    at integer not null,
    check ((by_account is null) <> (by_external is null))
) strict;

create table mails (
    id integer primary key,
    order_id integer not null references orders (id),
    kind text not null,
    recipient text not null,
    status text not null check (status in ('waiting', 'sent', 'dead')),
    tries integer not null,
    due_at integer not null,
    last_error text,
    created_at integer not null,
    updated_at integer not null,
    unique (order_id, kind)
) strict;
create index mails_by_due on mails (due_at) where status = 'waiting';
create index mails_dead on mails (id) where status = 'dead';

create table webhooks (
    id integer primary key,
    gateway text not null,
    dedupe_key text not null,
    kind text not null,
    action text not null check (action in ('settle', 'refunds', 'dispute', 'none')),
    reference text,
    captured text,
    body blob not null,
    status text not null check (status in ('waiting', 'unconfirmed', 'applied', 'quarantined', 'ignored', 'contradicted')),
    tries integer not null,
    next_at integer,
    note text,
    received_at integer not null,
    updated_at integer not null,
    unique (gateway, dedupe_key)
) strict;
create index webhooks_by_next on webhooks (next_at) where next_at is not null;
create index webhooks_by_reference on webhooks (reference) where reference is not null;
create index webhooks_for_people on webhooks (id) where status in ('quarantined', 'contradicted');

create table requests (
    scope text primary key,
    content text not null,
    status integer,
    headers text,
    body blob,
    locked_until integer not null,
    created_at integer not null,
    check ((status is null) = (headers is null) and (status is null) = (body is null))
) strict, without rowid;
create index requests_by_age on requests (created_at);

create table limits (
    key text primary key,
    full_at integer not null
) strict;
create index limits_by_time on limits (full_at);

create table audit (
    id integer primary key,
    at integer not null,
    order_id integer not null references orders (id),
    actor text not null,
    action text not null,
    subject text,
    before text,
    after text,
    reason text not null
) strict;
create index audit_by_order on audit (order_id, id);
create trigger audit_is_only_added_to before update on audit begin
    select raise(abort, 'the audit log is only added to');
end;
create trigger audit_is_never_deleted before delete on audit begin
    select raise(abort, 'the audit log is only added to');
end;
