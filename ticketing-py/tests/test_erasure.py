"""Erasing accounts and buyers, and how long personal data is kept."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import ticketing_py as t
from conftest import NEXT_YEAR, SECRET, Shop
from test_proofs import PASSWORD, account
from ticketing_py.testing import ManualClock


def test_an_account_is_erased_after_seven_days(storage: object) -> None:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=timezone.utc))
    with t.Ticketing(storage, token_secret=SECRET, clock=clock, upkeep_every=timedelta(days=1)) as sync:  # type: ignore[arg-type]
        ada = sync.register(email="ada@example.com", name="Ada", password=PASSWORD)
        assert sync.erasure(ada.id) == t.Erasure(at=None, blocked_by=())
        with pytest.raises(t.Unauthenticated):
            sync.request_erasure(account_id=ada.id, password="not it at all")
        asked = sync.request_erasure(account_id=ada.id, password=PASSWORD)
        assert asked == t.Erasure(at=clock.now() + timedelta(days=7), blocked_by=()) == sync.erasure(ada.id)
        for _ in range(2):
            sync.cancel_erasure(ada.id)
        assert sync.erasure(ada.id).at is None
        sync.request_erasure(account_id=ada.id, password=PASSWORD)
        clock.advance(timedelta(days=7))
        sync.run_upkeep()
        left = sync.account(actor=None, account_id=ada.id)
        assert left.email == f"erased-{ada.id}@erased.invalid"
        assert (left.name, left.username, left.phone, left.is_active) == ("erased", None, None, False)
        assert left.erased_at == clock.now() and left.erase_at is None
        for call in (sync.erasure, sync.cancel_erasure):
            with pytest.raises(t.NotFound):
                call(ada.id)


def test_what_stands_in_the_way_is_said(shop: Shop) -> None:
    sync, ada = shop.sync, account(shop, "ada")
    sync.create_event(
        organizer=ada.principal,
        title="Jazz",
        starts_at=NEXT_YEAR,
        location="Lagos",
        price=t.Money("5000.00", "NGN"),
    )
    assert sync.erasure(ada.id).blocked_by == ("events",)
    for call in (
        lambda: sync.request_erasure(account_id=ada.id, password=PASSWORD),
        lambda: sync.erase_account(actor=None, account_id=ada.id),
    ):
        with pytest.raises(t.ErasureBlocked) as refused:
            call()
        assert refused.value.by == "events"


def test_the_operator_erases_at_once_and_others_may_not(shop: Shop) -> None:
    sync, ada, eve = shop.sync, account(shop, "ada"), account(shop, "eve")
    with pytest.raises(t.Forbidden):
        sync.erase_account(actor=eve.principal, account_id=ada.id)
    sync.erase_account(actor=None, account_id=ada.id)
    with pytest.raises(t.NotFound):
        sync.erase_account(actor=None, account_id=ada.id)


def test_terms_are_checked() -> None:
    with pytest.raises(t.ConfigurationError, match="retention"):
        t.Ticketing("sqlite::memory:", keep_mails=timedelta(hours=1))
    t.Ticketing("sqlite::memory:", keep_mails=None, keep_webhooks=None, keep_buyers=timedelta(days=365))


def test_a_buyer_of_the_application_is_erased(shop: Shop) -> None:
    sync = shop.sync
    who = t.Principal.external("member-7")
    assert sync.erase_buyer(who) == 0
    with pytest.raises(t.InvalidRequest):
        sync.erase_buyer(t.Principal.organisation(1))
