-- Erasure of accounts.

-- When the account is erased, or looked at again after it was; null: neither.
alter table accounts add column erase_at bigint;
-- Since when nothing but the id is left of the person.
alter table accounts add column erased_at bigint
    check (erased_at is null or (is_active = 0 and username is null and phone is null and disabled_reason is null
        and has_second_factor = 0 and email_key = 'erased-' || id || '@erased.invalid'));
create index accounts_by_erasure on accounts (erase_at) where erase_at is not null;

-- What a person wrote when they decided about a payment. Lines of the audit log, which is never changed, have no such text any more.
alter table attempts add column note text;
