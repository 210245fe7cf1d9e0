-- API keys. The hash of a token opens nothing.

create table api_keys (
    id integer primary key,
    -- who made it or has taken it over; it can do nothing that this account may not do
    maker integer not null references accounts (id),
    -- whose events it is for; null: those of the maker
    organisation_id integer references organisations (id),
    name text not null check (name <> ''),
    hash text not null check (length(hash) = 64),
    -- names of permissions, separated by commas
    permissions text not null check (permissions <> ''),
    -- the ids of events, separated by commas; null: all events of the organiser
    events text check (events <> ''),
    created_at integer not null,
    expires_at integer not null,
    last_used_at integer,
    revoked_at integer,
    -- the maker, until the key is revoked
    made_by text,
    check (expires_at > created_at),
    check ((made_by is null) = (revoked_at is not null))
) strict;
create index api_keys_by_maker on api_keys (made_by) where made_by is not null;
create index api_keys_by_organisation on api_keys (organisation_id) where organisation_id is not null;

-- A scan by a key has the account of the key's maker in by_account, for processes of an earlier version, and here the key and that account.
-- One of them that scans a ticket again leaves this as it is: where the accounts differ, it does not count.
alter table check_ins add column by_key text;
