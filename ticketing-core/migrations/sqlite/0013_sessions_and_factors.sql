-- Sessions, so that an account's owner can see and end each, and second factors. No column opens anything: secrets of apps are encrypted
-- and recovery codes hashed, under keys that are in no database.

alter table accounts add column has_second_factor integer not null default 0 check (has_second_factor in (0, 1));

create table sessions (
    id integer primary key,
    account_id integer not null references accounts (id),
    -- how often all sessions of the account had been ended when it began
    ended_before integer not null,
    client text,
    created_at integer not null,
    last_used_at integer not null,
    ended_at integer,
    expires_at integer not null
) strict;
create index sessions_by_account on sessions (account_id);
create index sessions_by_expiry on sessions (expires_at);

create table factors (
    account_id integer primary key references accounts (id),
    -- encrypted; null: there is none, and there was one
    secret blob,
    begun_at integer not null,
    confirmed_at integer,
    last_step integer not null,
    recovery_hashes text not null,
    wrong_codes integer not null check (wrong_codes between 0 and 4),
    closed_until integer,
    mails integer not null check (mails >= 0),
    check (secret is not null or (confirmed_at is null and recovery_hashes = ''))
) strict;
