-- Proofs by mail: verifying an address, resetting a password, changing an address. No column is a secret: tokens are derived from a row
-- and a key that is in no database.

create table proofs (
    id bigint primary key,
    purpose text not null,
    -- null: nobody has this address
    account_id bigint references accounts (id),
    address text not null,
    -- the how-manieth of its address and purpose
    nth bigint not null check (nth > 0),
    was_verified bigint not null check (was_verified in (0, 1)),
    used_at bigint,
    expires_at bigint not null,
    created_at bigint not null,
    address_key text not null,
    unique (purpose, address_key, nth),
    check (used_at is null or account_id is not null)
);
create index proofs_by_address on proofs (address_key);
create index proofs_by_account on proofs (account_id) where account_id is not null;
create index proofs_by_expiry on proofs (expires_at);
create sequence proofs_ids increment by 100000;
