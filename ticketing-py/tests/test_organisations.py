"""Organisations: several accounts run events together, each with a role."""

from __future__ import annotations

import pytest
import ticketing_py as t
from conftest import ADA, NEXT_YEAR, Shop


def account(shop: Shop, name: str) -> t.Account:
    made = shop.sync.register(email=f"{name}@example.com", name=name, password="a good long one")
    return shop.sync.mark_verified(made.id)


def test_members_run_the_events_of_an_organisation_by_their_roles(shop: Shop) -> None:
    sync, owner, door = shop.sync, account(shop, "owner"), account(shop, "door")
    band = sync.found_organisation(founder_id=owner.id, name="Band", key="band-0001")
    assert sync.found_organisation(founder_id=owner.id, name="Band", key="band-0001") == band
    assert (band.name, band.founder_id, band.principal) == ("Band", owner.id, t.Principal.organisation(band.id))
    event = sync.create_event(
        organizer=owner.principal, title="Soul", starts_at=NEXT_YEAR, location="Lagos", price=t.Money(5, "NGN"),
        organisation_id=band.id,
    )
    assert event.organizer == band.principal
    added = sync.add_member(
        actor=owner.principal, organisation_id=band.id, email="DOOR@example.com", role=t.MemberRole.DOOR,
        event_ids=[event.id],
    )
    assert (added.account_id, added.role, added.event_ids) == (door.id, t.MemberRole.DOOR, (event.id,))
    assert added.permissions == (t.Permission.VIEW, t.Permission.DOOR)
    (membership,) = sync.organisations(door.id)
    assert (membership.organisation, membership.role) == (band, t.MemberRole.DOOR)
    assert sync.managed_event(actor=door.principal, event_id=event.id) == event
    with pytest.raises(t.Forbidden):
        sync.pause_sales(actor=door.principal, event_id=event.id)
    changed = sync.change_member(
        actor=owner.principal, organisation_id=band.id, account_id=door.id, role=t.MemberRole.MANAGER
    )
    assert (changed.role, changed.event_ids) == (t.MemberRole.MANAGER, (event.id,))
    assert sync.pause_sales(actor=door.principal, event_id=event.id).rules.paused
    changed = sync.change_member(actor=owner.principal, organisation_id=band.id, account_id=door.id, event_ids=None)
    assert changed.event_ids is None
    assert [one.account_id for one in sync.members(actor=owner.principal, organisation_id=band.id)] == [owner.id, door.id]
    with pytest.raises(t.NotGranted):
        sync.remove_member(actor=door.principal, organisation_id=band.id, account_id=owner.id)
    with pytest.raises(t.LastOwner):
        sync.remove_member(actor=owner.principal, organisation_id=band.id, account_id=owner.id)
    sync.remove_member(actor=door.principal, organisation_id=band.id, account_id=door.id)
    assert sync.organisations(door.id) == ()
    with pytest.raises(t.NotFound):
        sync.organisation(actor=door.principal, organisation_id=band.id)


def test_an_event_moves_to_an_organisation(small: Shop) -> None:
    sync, owner = small.sync, account(small, "owner")
    band = sync.found_organisation(founder_id=owner.id, name="Band")
    renamed = sync.edit_organisation(actor=owner.principal, organisation_id=band.id, name="Big Band")
    assert sync.organisation(actor=owner.principal, organisation_id=band.id) == renamed
    assert (renamed.name, renamed.requires_second_factor) == ("Big Band", False)
    with pytest.raises(t.SecondFactorRequired):
        sync.edit_organisation(actor=owner.principal, organisation_id=band.id, requires_second_factor=True)
    event = sync.create_event(
        organizer=owner.principal, title="Soul", starts_at=NEXT_YEAR, location="Lagos", price=t.Money(5, "NGN")
    )
    moved = sync.edit_event(actor=owner.principal, event_id=event.id, organizer=band.principal)
    assert (moved.organizer, moved.version) == (band.principal, 2)
    with pytest.raises(t.Forbidden):
        sync.edit_event(actor=small.event.organizer, event_id=event.id, organizer=small.event.organizer)
    with pytest.raises(t.AccountUnknown):
        sync.add_member(
            actor=owner.principal, organisation_id=band.id, email=ADA.email, role=t.MemberRole.VIEWER
        )


def test_an_organisation_is_no_buyer() -> None:
    assert str(t.Principal.organisation(7)) == "organisation 7"
    with pytest.raises(TypeError):
        t.Principal(account_id=1, organisation_id=1)
