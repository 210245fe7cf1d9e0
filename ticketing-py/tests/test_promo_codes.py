"""Promo codes and quotes."""

from __future__ import annotations

import asyncio
import pickle
from decimal import Decimal
from typing import Any

import pytest
import ticketing_py as t
from conftest import ADA, CLUB, NEXT_YEAR, Shop, buyer

BEN = buyer("ben")
HALF = t.Discount(percent=50)


def naira(amount: int) -> t.Money:
    return t.Money(amount, "NGN")


def put(shop: Shop, text: str, **wants: Any) -> t.PromoCode:
    return shop.sync.create_promo_code(actor=CLUB, event_id=shop.event.id, text=text, **wants)


def test_a_code_is_quoted_and_taken_off_the_price(shop: Shop) -> None:
    with shop.sync as tickets:
        code = put(shop, "early20", discount=t.Discount(percent="20"), max_uses=2)
        assert (code.text, code.version, code.uses) == ("EARLY20", 1, t.Stock(capacity=2, held=0, sold=0, available=2))
        quote = tickets.quote(buyer=ADA, event_id=shop.event.id, quantity=3, promo_code="Early20")
        ids = [line.promo_code_id for line in quote.lines]
        assert (quote.total, ids, [line.quantity for line in quote.lines]) == (naira(13000), [code.id, None], [2, 1])
        cut, full = quote.lines
        assert (cut.face_price, cut.discount, cut.unit_price) == (naira(5000), naira(1000), naira(4000))
        assert (full.face_price, full.discount, full.unit_price) == (naira(5000), naira(0), naira(5000))

        given = {"buyer": ADA, "event_id": shop.event.id, "promo_code": "EARLY20"}
        with pytest.raises(t.PriceChanged) as changed:
            tickets.hold(**given, expect_total=naira(5000))  # type: ignore[arg-type]
        assert changed.value.total == naira(4000)
        order = tickets.hold(**given, expect_total=naira(4000))  # type: ignore[arg-type]
        assert (order.total, order.promo_code_id, order.lines[0].promo_code_id) == (naira(4000), code.id, code.id)
        started = tickets.buy(**given, expect_total=naira(4000))  # type: ignore[arg-type]
        shop.pay(started.attempt.reference)
        assert isinstance(tickets.verify(actor=ADA.who, reference=started.attempt.reference), t.Fulfilled)
        used = tickets.promo_code(actor=CLUB, code_id=code.id)
        assert (used.uses.held, used.uses.sold, used.version) == (1, 1, 1)
        with pytest.raises(t.CodeUsedUp) as used_up:
            tickets.quote(buyer=BEN, event_id=shop.event.id, promo_code="EARLY20")
        assert used_up.value.left == 0
        # An order without a code is as before.
        plain = tickets.hold(buyer=BEN, event_id=shop.event.id)
        assert (plain.total, plain.promo_code_id, plain.lines[0].face_price) == (naira(5000), None, naira(5000))


def test_a_code_gives_access_to_a_secret_type_only_within_its_limits(shop: Shop) -> None:
    with shop.sync as tickets:
        event = tickets.create_event(
            organizer=CLUB,
            title="Soul",
            starts_at=NEXT_YEAR,
            location="Abuja",
            ticket_types=[
                t.NewTicketType(name="Regular", price=naira(100)),
                t.NewTicketType(name="Band", price=naira(0), visibility=t.Visibility.SECRET),
            ],
        )
        regular, band = (one.id for one in event.ticket_types)
        code = tickets.create_promo_code(
            actor=CLUB, event_id=event.id, text="THE-BAND", unlocks=[band], max_per_buyer=2
        )
        assert (code.unlocks, code.ticket_types, code.discount) == ((band,), (), t.Discount())
        lines = [t.Line(ticket_type_id=band, quantity=3)]
        with pytest.raises(t.TicketTypeUnknown):
            tickets.hold(buyer=ADA, event_id=event.id, lines=lines)
        with pytest.raises(t.CodeLimit) as limit:
            tickets.hold(buyer=ADA, event_id=event.id, lines=lines, promo_code="the-band")
        assert limit.value.left == 2
        order = tickets.hold(
            buyer=ADA, event_id=event.id, lines=[t.Line(ticket_type_id=band, quantity=2)], promo_code="the-band"
        )
        assert order.total == naira(0)
        only = tickets.create_promo_code(
            actor=CLUB, event_id=event.id, text="ONLY", ticket_types=[regular], discount=HALF
        )
        assert only.ticket_types == (regular,)


def test_an_edit_of_a_code_changes_what_is_given(shop: Shop) -> None:
    with shop.sync as tickets:
        wants: dict[str, Any] = {"max_uses": 5, "valid_until": NEXT_YEAR, "note": "A"}
        code = put(shop, "EDIT-ME", discount=t.Discount(percent="12.5"), **wants)
        assert put(shop, "edit-me", discount=t.Discount(percent="12.50"), **wants) == code
        with pytest.raises(t.CodeTaken):
            put(shop, "edit-me")
        edit: dict[str, Any] = {"actor": CLUB, "code_id": code.id}
        edited = tickets.edit_promo_code(
            **edit, seen=1, discount=t.Discount(each=naira(500)), valid_until=None, note=None, paused=True
        )
        assert (edited.discount, edited.valid_until, edited.note) == (t.Discount(each=naira(500)), None, None)
        assert (edited.paused, edited.uses.capacity, edited.version, edited.text) == (True, 5, 2, "EDIT-ME")
        with pytest.raises(t.CodeUnknown):
            tickets.hold(buyer=ADA, event_id=shop.event.id, promo_code="EDIT-ME")
        assert tickets.edit_promo_code(**edit, seen=1, paused=True) == edited, "a repeat is no conflict"
        with pytest.raises(t.Stale) as stale:
            tickets.edit_promo_code(**edit, seen=1, paused=False)
        assert stale.value.current == 2
        again = tickets.edit_promo_code(
            **edit, text="OTHER", paused=False, discount=t.Discount(), max_per_order=2, max_per_buyer=3, max_uses=None,
            valid_from=shop.event.created_at, ticket_types=[shop.event.ticket_types[0].id], unlocks=[],
        )
        assert (again.text, again.paused, again.discount, again.uses.capacity) == ("OTHER", False, t.Discount(), None)
        assert (again.max_per_order, again.max_per_buyer, again.version) == (2, 3, 3)
        assert (again.valid_from, again.ticket_types) == (shop.event.created_at, (shop.event.ticket_types[0].id,))
        tickets.hold(buyer=ADA, event_id=shop.event.id, quantity=2, promo_code="other")
        with pytest.raises(t.CapacityTooLow) as low:
            tickets.edit_promo_code(**edit, max_uses=1)
        assert low.value.taken == 2
        assert pickle.loads(pickle.dumps(again)) == again and hash(again) == hash(pickle.loads(pickle.dumps(again)))


def test_codes_are_made_in_batches_and_listed(shop: Shop) -> None:
    with shop.sync as tickets:
        batch: dict[str, Any] = {"actor": CLUB, "event_id": shop.event.id, "text": "LIST", "discount": HALF}
        made = tickets.create_promo_codes(**batch, count=20, key="a-key-that-is-hard-to-guess")
        assert isinstance(made, list) and len({code.text for code in made}) == 20
        assert all(code.text.startswith("LIST-") and code.uses.capacity == 1 for code in made)
        assert tickets.create_promo_codes(**batch, count=20, key="a-key-that-is-hard-to-guess") == made
        assert len(tickets.create_promo_codes(**batch, count=1, max_uses=7)) == 1
        page = tickets.promo_codes(actor=CLUB, event_id=shop.event.id, skip=1, limit=2, count=True)
        assert (page.items, page.more, page.total) == (tuple(made[1:3]), True, 21)


def test_codes_are_for_the_organiser(small: Shop) -> None:
    tickets, code = small.sync, put(small, "MINE")
    for call in (
        lambda: tickets.create_promo_code(actor=ADA.who, event_id=small.event.id, text="THEIRS"),
        lambda: tickets.promo_codes(actor=ADA.who, event_id=small.event.id),
        lambda: tickets.create_promo_codes(actor=ADA.who, event_id=small.event.id, text="THEIRS", count=1),
    ):
        with pytest.raises(t.Forbidden):
            call()
    with pytest.raises(t.NotFound):
        tickets.promo_code(actor=ADA.who, code_id=code.id)
    with pytest.raises(t.NotFound):
        tickets.edit_promo_code(actor=ADA.who, code_id=code.id, paused=True)


def test_wrong_arguments_name_their_field(small: Shop) -> None:
    for field, wrong in (
        ("text", {"text": "abc"}),
        ("ticket_types[0]", {"ticket_types": [404]}),
        ("unlocks[1]", {"unlocks": [small.event.ticket_types[0].id, 0]}),
        ("valid_until", {"valid_from": NEXT_YEAR, "valid_until": NEXT_YEAR.replace(year=2098)}),
        ("max_per_order", {"max_per_order": 0}),
        ("max_per_buyer", {"max_per_buyer": -1}),
        ("max_uses", {"max_uses": 0}),
        ("note", {"note": "x" * 501}),
        ("discount", {"discount": t.Discount(each=t.Money(1, "EUR"))}),
    ):
        with pytest.raises(t.InvalidRequest) as caught:
            put(small, **{"text": "NEW-ONE", **wrong})  # type: ignore[arg-type]
        assert [fault.field for fault in caught.value.fields] == [field]
    for wrong_type in ({"discount": "20"}, {"ticket_types": "12"}, {"ticket_types": ["1"]}, {"paused": 1}, {"note": 1}):
        with pytest.raises(TypeError, match=next(iter(wrong_type))):
            put(small, "NEW-ONE", **wrong_type)
    for count in (0, 5001, -1):
        with pytest.raises(t.InvalidRequest, match="count"):
            small.sync.create_promo_codes(actor=CLUB, event_id=small.event.id, text="MANY", count=count)
    with pytest.raises(t.CodeUnknown):
        small.sync.hold(buyer=ADA, event_id=small.event.id, promo_code="no code: it has blanks")


def test_a_percentage_is_exact() -> None:
    assert t.Discount(percent="20") == t.Discount(percent=Decimal(20)) == t.Discount(percent=20)
    assert t.Discount(percent=Decimal("1E+2")).percent == 100 and t.Discount().percent is None
    for wrong in ("101", "-1", "0.001", "all", Decimal("NaN")):
        with pytest.raises(t.InvalidRequest, match="percent: must be a percentage from 0 to 100"):
            t.Discount(percent=wrong)
    for kind in (1.5, True):
        with pytest.raises(TypeError):
            t.Discount(percent=kind)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        t.Discount(percent=1, each=naira(1))


def test_asyncio_has_the_same(small: Shop) -> None:
    async def sale() -> None:
        tickets = small.aio
        code = await tickets.create_promo_code(actor=CLUB, event_id=small.event.id, text="HALF", discount=HALF)
        # Edits of any version, at once: none is lost.
        await asyncio.gather(
            tickets.edit_promo_code(actor=CLUB, code_id=code.id, max_uses=5),
            tickets.edit_promo_code(actor=CLUB, code_id=code.id, max_per_buyer=2),
            tickets.edit_promo_code(actor=CLUB, code_id=code.id, note="For friends"),
        )
        code = await tickets.promo_code(actor=CLUB, code_id=code.id)
        assert (code.uses.capacity, code.max_per_buyer, code.note, code.version) == (5, 2, "For friends", 4)
        quote = await tickets.quote(buyer=ADA, event_id=small.event.id, promo_code="half")
        order = await tickets.hold(
            buyer=ADA, event_id=small.event.id, promo_code="half", expect_total=quote.total
        )
        assert order.lines == quote.lines
        assert [one.id for one in await tickets.promo_codes(actor=CLUB, event_id=small.event.id)] == [code.id]
        made = await tickets.create_promo_codes(actor=CLUB, event_id=small.event.id, text="LIST", count=2)
        assert len(made) == 2

    asyncio.run(sale())
