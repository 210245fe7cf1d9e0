"""API keys: tokens for programs and scanners."""

from __future__ import annotations

import pytest
import ticketing_py as t
from conftest import NEXT_YEAR, Shop
from test_organisations import account

PASSWORD = "a good long one"
FREE = t.Money(0, "NGN")


def test_a_scanner_has_a_key_for_its_event(shop: Shop) -> None:
    sync, owner = shop.sync, account(shop, "owner")
    event = sync.create_event(organizer=owner.principal, title="Soul", starts_at=NEXT_YEAR, location="Lagos", price=FREE, capacity=3)
    other = sync.create_event(organizer=owner.principal, title="Funk", starts_at=NEXT_YEAR, location="Lagos", price=FREE, capacity=3)
    made = sync.make_api_key(maker_id=owner.id, password=PASSWORD, name="Gate", permissions=[t.Permission.DOOR], event_ids=[event.id])
    assert made.token not in repr(made)
    assert (made.key.permissions, made.key.event_ids) == ((t.Permission.DOOR,), (event.id,))
    caller = sync.authenticate_caller(made.token)
    assert (caller.who, caller.session_id, caller.account.id) == (made.key.principal, None, owner.id)
    assert caller.key is not None and caller.key.id == made.key.id
    buyer = t.Buyer(who=t.Principal.external("ada"), email="ada@example.com")
    codes = []
    for of in (event, other):
        sync.buy(buyer=buyer, event_id=of.id)
        codes.append(sync.tickets(actor=buyer.who).items[0].code)
    admitted = sync.check_in(code=codes[0], nonce="gate-1", by=caller.who)
    assert admitted.by == t.Principal(api_key_id=made.key.id, maker_id=owner.id)
    with pytest.raises(t.TicketForeign):
        sync.check_in(code=codes[1], nonce="gate-2", by=caller.who)
    with pytest.raises(t.Forbidden):
        sync.pause_sales(actor=caller.who, event_id=event.id)
    revoked = sync.revoke_api_key(actor=owner.principal, key_id=made.key.id)
    assert revoked.revoked_at is not None
    with pytest.raises(t.Unauthenticated):
        sync.authenticate_caller(made.token)
    assert sync.api_keys(owner.id).items == ()


def test_a_key_of_an_organisation_is_taken_over(small: Shop) -> None:
    sync, owner = small.sync, account(small, "owner")
    manager = account(small, "manager")
    band = sync.found_organisation(founder_id=owner.id, name="Band")
    sync.add_member(actor=owner.principal, organisation_id=band.id, email=manager.email, role=t.MemberRole.MANAGER)
    made = sync.make_api_key(
        maker_id=manager.id, password=PASSWORD, name="Shop", permissions=[t.Permission.EDIT, t.Permission.VIEW], organisation_id=band.id
    )
    with pytest.raises(t.NotGranted):
        sync.make_api_key(maker_id=manager.id, password=PASSWORD, name="x", permissions=[t.Permission.MONEY], organisation_id=band.id)
    event = sync.create_event(organizer=made.key.principal, title="Soul", starts_at=NEXT_YEAR, location="Lagos", price=FREE)
    assert event.organizer == band.principal
    taken = sync.take_over_api_key(owner.id, password=PASSWORD, key_id=made.key.id)
    assert taken.maker_id == owner.id
    sync.remove_member(actor=owner.principal, organisation_id=band.id, account_id=manager.id)
    assert sync.pause_sales(actor=taken.principal, event_id=event.id).rules.paused
    (edited,) = sync.event_audit(actor=owner.principal, event_id=event.id).items
    assert edited.actor == f"api key {made.key.id} of account {owner.id}"
    with pytest.raises(t.Forbidden):
        sync.edit_organisation(actor=taken.principal, organisation_id=band.id, name="Mine")
    assert [key.id for key in sync.api_keys_of(actor=owner.principal, organisation_id=band.id).items] == [made.key.id]
    with pytest.raises(t.NotFound):
        sync.revoke_api_key(actor=manager.principal, key_id=made.key.id)


def test_what_a_key_is_not(small: Shop) -> None:
    sync, owner = small.sync, account(small, "owner")
    with pytest.raises(TypeError):
        t.Principal(api_key_id=1)
    key = t.Principal(api_key_id=4711, maker_id=owner.id)
    assert str(key) == f"api key 4711 of account {owner.id}"
    with pytest.raises(t.InvalidRequest):
        sync.hold(buyer=t.Buyer(who=key, email="ada@example.com"), event_id=small.event.id)
    with pytest.raises(t.InvalidRequest):
        sync.make_api_key(maker_id=owner.id, password=PASSWORD, name="", permissions=[])


def test_what_is_kept_of_a_person(shop: Shop) -> None:
    sync, ada = shop.sync, account(shop, "ada")
    band = sync.found_organisation(founder_id=ada.id, name="Band")
    sync.make_api_key(maker_id=ada.id, password=PASSWORD, name="Gate", permissions=[t.Permission.DOOR])
    data = sync.account_data(ada.id)
    assert data.payments == data.refunds == data.mails == ()
    assert (data.account.id, data.orders, data.tickets) == (ada.id, (), ())
    assert [of.organisation.id for of in data.organisations] == [band.id]
    assert [key.name for key in data.api_keys] == ["Gate"]
    assert [line.action for line in data.audit] == ["organisation.founded", "member.added", "api_key.made"]
    with pytest.raises(t.NotFound):
        sync.account_data(ada.id + 1)
