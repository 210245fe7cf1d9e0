-- Sessions, so that an account's owner can see and end each, and second factors. No column opens anything: secrets of apps are encrypted
-- and recovery codes hashed, under keys that are in no database.

alter table accounts add column has_second_factor bigint not null default 0 check (has_second_factor in (0, 1));

create table sessions (
    id bigint primary key,
    account_id bigint not null references accounts (id),
    -- how often all sessions of the account had been ended when it began
    ended_before bigint not null,
    client text,
    created_at bigint not null,
    last_used_at bigint not null,
    ended_at bigint,
    expires_at bigint not null
);
create index sessions_by_account on sessions (account_id);
create index sessions_by_expiry on sessions (expires_at);
create sequence sessions_ids increment by 100000;

create table factors (
    account_id bigint primary key references accounts (id),
    -- encrypted; null: there is none, and there was one
    secret bytea,
    begun_at bigint not null,
    confirmed_at bigint,
    last_step bigint not null,
    recovery_hashes text not null,
    wrong_codes bigint not null check (wrong_codes between 0 and 4),
    closed_until bigint,
    mails bigint not null check (mails >= 0),
    check (secret is not null or (confirmed_at is null and recovery_hashes = ''))
);
