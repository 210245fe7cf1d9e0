"""Guests: they buy without an account, and the key of the order stands for the buyer."""

from __future__ import annotations

import pytest
import ticketing_py as t
from conftest import Shop


def test_a_guest_gives_an_address_and_buys_with_the_key_of_the_order(shop: Shop) -> None:
    sync, event = shop.sync, shop.event
    order = sync.hold_as_guest(event_id=event.id, quantity=2)
    assert (order.buyer.who, order.buyer.email) == (t.Principal.guest(order.reference), None)
    assert str(order.buyer.who) == f"guest {order.reference}"
    key = sync.guest_key(order.reference)
    assert key is not None and key.startswith(f"tko_{order.reference}_")
    guest = sync.guest(key)
    assert guest == order.buyer.who
    with pytest.raises(t.NotFound):
        sync.guest(key[:-1] + ("1" if key.endswith("0") else "0"))
    with pytest.raises(t.BuyerUnnamed):
        sync.pay(actor=guest, order=order.reference)
    named = sync.name_buyer(actor=guest, reference=order.reference, email="guest@example.com")
    assert named.buyer.email == "guest@example.com"
    started = sync.pay(actor=guest, order=order.reference)
    shop.gateway.pay(started.attempt.reference)
    paid = sync.verify(actor=guest, reference=started.attempt.reference)
    assert len(paid.tickets) == 2
    assert [ticket.id for ticket in sync.tickets(actor=guest).items] == [paid.tickets[1].id, paid.tickets[0].id]
    with pytest.raises(t.OrderPaid):
        sync.name_buyer(actor=guest, reference=order.reference, email="other@example.com")


def test_an_account_claims_the_orders_of_its_address(shop: Shop) -> None:
    sync, event = shop.sync, shop.event
    order = sync.hold_as_guest(event_id=event.id, email="late@example.com")
    account = sync.register(email="late@example.com", name="Late", password="a good long one")
    with pytest.raises(t.EmailUnverified):
        sync.claim_orders(account.id)
    sync.mark_verified(account.id)
    (claimed,) = sync.claim_orders(account.id)
    assert (claimed.id, claimed.buyer.who) == (order.id, account.principal)
    assert sync.claim_orders(account.id) == ()
    assert sync.order(actor=t.Principal.guest(order.reference), reference=order.reference) == claimed
    assert sync.guest_key(order.reference) is None


def test_only_a_guest_may_have_no_address(shop: Shop) -> None:
    event = shop.event
    assert shop.sync.quote_as_guest(event_id=event.id, quantity=2).total == t.Money(10_000, "NGN")
    with pytest.raises(t.InvalidRequest):
        shop.sync.hold(buyer=t.Buyer(who=t.Principal.external("ada"), email=None), event_id=event.id)
    with pytest.raises(t.InvalidRequest):
        shop.sync.hold(buyer=t.Buyer(who=t.Principal.guest("abc"), email=None), event_id=event.id, reference="abd")
