-- Why an account is disabled. It is free text about a person, so it is not in the audit log. It is emptied when the account is enabled.
alter table accounts add column disabled_reason text;
-- Before an administrator is demoted or disabled, all administrators are read.
create index accounts_by_role on accounts (role);
