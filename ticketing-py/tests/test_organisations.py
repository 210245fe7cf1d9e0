"""Organisations: several accounts run events together, each with a role."""

from __future__ import annotations

import re

import pytest
import ticketing_py as t
from conftest import ADA, NEXT_YEAR, Shop

TOKEN = re.compile(r"tkp_\d+_\w+")


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


def test_an_invitation_makes_a_member(shop: Shop) -> None:
    sync, owner = shop.sync, account(shop, "owner")
    band = sync.found_organisation(founder_id=owner.id, name="Band")

    def invite(email: str, role: t.MemberRole) -> t.Invitation:
        return sync.invite_member(actor=owner.principal, organisation_id=band.id, email=email, role=role)

    first, made = invite("bob@example.com", t.MemberRole.OWNER), invite("bob@example.com", t.MemberRole.DOOR)
    assert (made.email, made.role, made.event_ids, made.inviter_id) == ("bob@example.com", t.MemberRole.DOOR, None, owner.id)
    assert "bob" not in repr(made) and made.permissions == (t.Permission.VIEW, t.Permission.DOOR)
    assert sync.invitations(actor=owner.principal, organisation_id=band.id) == (made,), "the last one counts"
    shop.sync.run_upkeep()
    (mail,) = shop.mails.sent_to("bob@example.com")
    (token,) = set(TOKEN.findall(mail.text))
    assert sync.proof(token) == t.ProofState(purpose=t.ProofPurpose.JOIN_ORGANISATION, is_open=True)
    with pytest.raises(t.ProofUnknown):
        sync.join_organisation(owner.id, token=token)
    bob = sync.register(email="bob@example.com", name="Bob", password="a good long one")
    joined = sync.join_organisation(bob.id, token=token)
    assert (joined.organisation, joined.role) == (band, t.MemberRole.DOOR)
    with pytest.raises(t.ProofUnknown):
        sync.join_organisation(bob.id, token=token)
    with pytest.raises(t.InvitationUnknown):
        sync.withdraw_invitation(actor=owner.principal, organisation_id=band.id, invitation_id=made.id)
    other = invite("carol@example.com", t.MemberRole.VIEWER)
    for _ in range(2):
        sync.withdraw_invitation(actor=owner.principal, organisation_id=band.id, invitation_id=other.id)
    assert sync.invitations(actor=owner.principal, organisation_id=band.id) == () and first.id != made.id
    audit = sync.organisation_audit(actor=owner.principal, organisation_id=band.id, limit=2, count=True)
    assert [line.action for line in audit.items] == ["organisation.founded", "member.added"]
    assert all(line.organisation_id == band.id for line in audit.items) and audit.total == 8
    with pytest.raises(t.Forbidden):
        sync.organisation_audit(actor=bob.principal, organisation_id=band.id)
    for _ in range(2):
        invite("dave@example.com", t.MemberRole.VIEWER)
    invite("dave@example.com", t.MemberRole.VIEWER)
    with pytest.raises(t.TooManyProofs):
        invite("dave@example.com", t.MemberRole.VIEWER)
