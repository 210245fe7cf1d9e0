-- Organisations, their members, and events that organisations run.

create table organisations (
    id integer primary key,
    key text unique,
    name text not null,
    founder integer not null references accounts (id),
    created_at integer not null,
    updated_at integer not null
) strict;
create index organisations_by_founder on organisations (founder);

-- A member who has left keeps the row, with the time in removed_at.
create table members (
    id integer primary key,
    organisation_id integer not null references organisations (id),
    account_id integer not null references accounts (id),
    role text not null check (role in ('owner', 'manager', 'box_office', 'door', 'finance', 'viewer')),
    -- the ids of events, separated by commas; null: all events of the organisation
    events text check (events <> ''),
    created_at integer not null,
    updated_at integer not null,
    removed_at integer,
    -- the organisation, while the account is a member
    member_of text,
    unique (organisation_id, account_id),
    check (role <> 'owner' or events is null),
    check ((member_of is null) = (removed_at is not null))
) strict;
create index members_by_organisation on members (member_of) where member_of is not null;

-- The members of an account once more, as ;organisation:role:events; for each. So the look-up that every request makes finds them.
alter table accounts add column memberships text;

-- An event of an organisation has an empty organizer_external, which is nobody's, for processes of an earlier version.
alter table events add column organizer_organisation integer references organisations (id)
    check (organizer_organisation is null or organizer_external = '');
create index events_by_organisation on events (organizer_organisation) where organizer_organisation is not null;
