-- Organisations, their members, and events that organisations run.

create table organisations (
    id bigint primary key,
    key text unique,
    name text not null,
    founder bigint not null references accounts (id),
    created_at bigint not null,
    updated_at bigint not null
);
create index organisations_by_founder on organisations (founder);

-- A member who has left keeps the row, with the time in removed_at.
create table members (
    id bigint primary key,
    organisation_id bigint not null references organisations (id),
    account_id bigint not null references accounts (id),
    role text not null check (role in ('owner', 'manager', 'box_office', 'door', 'finance', 'viewer')),
    -- the ids of events, separated by commas; null: all events of the organisation
    events text check (events <> ''),
    created_at bigint not null,
    updated_at bigint not null,
    removed_at bigint,
    -- the organisation, while the account is a member
    member_of text,
    unique (organisation_id, account_id),
    check (role <> 'owner' or events is null),
    check ((member_of is null) = (removed_at is not null))
);
create index members_by_organisation on members (member_of) where member_of is not null;

-- The members of an account once more, as ;organisation:role:events; for each. So the look-up that every request makes finds them.
alter table accounts add column memberships text;

-- An event of an organisation has an empty organizer_external, which is nobody's, for processes of an earlier version.
alter table events add column organizer_organisation bigint references organisations (id)
    check (organizer_organisation is null or organizer_external = '');
create index events_by_organisation on events (organizer_organisation) where organizer_organisation is not null;
create sequence organisations_ids increment by 100000;
create sequence members_ids increment by 100000;
