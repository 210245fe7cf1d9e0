-- Why an account is disabled. A person wrote it, so it is no part of the audit log, and is emptied when the account is enabled.
alter table accounts add column disabled_reason text;
-- Whoever demotes or disables an administrator looks at all others first.
create index accounts_by_role on accounts (role);
