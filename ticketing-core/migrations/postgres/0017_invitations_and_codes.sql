-- Invitations to organisations and codes by mail, which are proofs; and what happened to an organisation, in the audit log.

-- Of an invitation: the organisation, and what the person gets there.
alter table proofs add column organisation_id bigint references organisations (id)
    check ((organisation_id is not null) = (purpose = 'join_organisation'));
alter table proofs add column role text
    check (role in ('owner', 'manager', 'box_office', 'door', 'finance', 'viewer'))
    check ((role is null) = (organisation_id is null));
-- the ids of events, separated by commas; null: all events of the organisation
alter table proofs add column events text
    check (events <> '')
    check (events is null or (role is not null and role <> 'owner'));
-- null: the operator, or the application
alter table proofs add column inviter bigint references accounts (id)
    check (inviter is null or organisation_id is not null);
-- Of a code: what it is for, and how many were wrong.
alter table proofs add column code_for text check ((code_for is not null) = (purpose = 'code'));
alter table proofs add column tries bigint not null default 0 check (tries between 0 and 5);
create index proofs_by_invitation on proofs (organisation_id, address_key) where organisation_id is not null;
create index proofs_by_inviter on proofs (inviter) where inviter is not null;

-- The organisation that a line is about as well. The line is still about an order, an event or an account.
alter table audit add column organisation_id bigint references organisations (id);
create index audit_by_organisation on audit (organisation_id, id) where organisation_id is not null;
