"""Editing, publishing and pausing events."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import ticketing_py as t
from conftest import ADA, CLUB, NEXT_YEAR, Shop
from ticketing_py import events
from ticketing_py.testing import ManualClock

HOUR = timedelta(hours=1)


def naira(amount: int) -> t.Money:
    return t.Money(amount, "NGN")


def new_event(shop: Shop, **wants: Any) -> t.Event:
    given = {"organizer": CLUB, "title": "Soul", "starts_at": NEXT_YEAR, "location": "Abuja", "price": naira(100)}
    return shop.sync.create_event(**{**given, **wants})


def test_an_edit_changes_what_is_given(shop: Shop) -> None:
    with shop.sync as tickets:
        music = tickets.create_category(name="Music")
        edit = {
            "title": "Jazz morning",
            "description": "Bring a hat.",
            "starts_at": NEXT_YEAR - HOUR,
            "ends_at": NEXT_YEAR + HOUR,
            "time_zone": "Africa/Lagos",
            "location": "Ibadan",
            "address": "1 Road",
            "image_url": "https://example.com/jazz.png",
            "category_id": music.id,
            "currency": "GHS",
            "capacity": 40,
            "status": t.EventStatus.DRAFT,
        }
        edited = tickets.edit_event(actor=CLUB, event_id=shop.event.id, seen=1, **edit)  # type: ignore[arg-type]
        assert {name: getattr(edited, name) for name in edit if hasattr(edited, name) and name != "capacity"} == {
            name: value for name, value in edit.items() if name not in {"capacity", "category_id"}
        }
        assert (edited.version, edited.stock.capacity, edited.category) == (2, 40, music)
        assert edited.ticket_types[0].price == t.Money(5000, "GHS")
        assert tickets.event(shop.event.id) == edited == copy.deepcopy(edited) == pickle.loads(pickle.dumps(edited))

        # A repeat is harmless, whatever the version.
        assert tickets.edit_event(actor=CLUB, event_id=shop.event.id, seen=1, **edit) == edited  # type: ignore[arg-type]
        assert tickets.edit_event(actor=CLUB, event_id=shop.event.id) == edited

        emptied = tickets.edit_event(
            actor=CLUB,
            event_id=shop.event.id,
            description=None,
            ends_at=None,
            address=None,
            image_url=None,
            category_id=None,
            capacity=None,
        )
        found = (emptied.description, emptied.ends_at, emptied.ends_at_local, emptied.address, emptied.image_url)
        assert found == (None,) * 5 and (emptied.category, emptied.stock.capacity) == (None, None)
        assert (emptied.title, emptied.version) == ("Jazz morning", 3)


async def test_two_organisers_edit_the_same_version_with_asyncio(shop: Shop) -> None:
    tickets, event = shop.aio, shop.event
    assert (await tickets.managed_event(actor=CLUB, event_id=event.id)).version == 1
    await tickets.edit_event(actor=CLUB, event_id=event.id, seen=1, title="Blues night")
    with pytest.raises(t.Stale) as stale:
        await tickets.edit_event(actor=CLUB, event_id=event.id, seen=1, location="Ibadan")
    assert (stale.value.code, stale.value.current) == ("stale", 2)
    edited = await tickets.edit_event(actor=CLUB, event_id=event.id, location="Ibadan")
    assert (edited.title, edited.location, edited.version) == ("Blues night", "Ibadan", 3)
    with pytest.raises(t.Forbidden):
        await tickets.edit_event(actor=ADA.who, event_id=event.id, title="Mine")
    await tickets.close()


async def test_a_draft_is_published_and_returned_with_asyncio(shop: Shop) -> None:
    tickets = shop.aio
    draft = await tickets.create_event(
        organizer=CLUB, title="Soul", starts_at=NEXT_YEAR, location="Abuja", price=naira(100), draft=True
    )
    assert draft.status is t.EventStatus.DRAFT and draft.phase(NEXT_YEAR) is t.EventPhase.DRAFT
    with pytest.raises(t.EventUnknown):
        await tickets.hold(buyer=ADA, event_id=draft.id)
    with pytest.raises(t.NotFound):
        await tickets.managed_event(actor=ADA.who, event_id=draft.id)
    published = await tickets.publish_event(actor=CLUB, event_id=draft.id)
    assert published.status is t.EventStatus.ACTIVE and published.version == 2
    assert await tickets.publish_event(actor=CLUB, event_id=draft.id) == published

    order = await tickets.hold(buyer=ADA, event_id=draft.id)
    with pytest.raises(t.HasOrders) as has_orders:
        await tickets.unpublish_event(actor=CLUB, event_id=draft.id)
    assert has_orders.value.code == "has_orders"
    await tickets.cancel_order(actor=ADA.who, reference=order.reference)
    again = await tickets.unpublish_event(actor=CLUB, event_id=draft.id)
    assert (again.status, again.version) == ("draft", 3)

    paused = await tickets.pause_sales(actor=CLUB, event_id=shop.event.id)
    assert paused.rules == t.SalesRules(paused=True)
    with pytest.raises(t.SalesPaused):
        await tickets.buy(buyer=ADA, event_id=shop.event.id)
    assert (await tickets.resume_sales(actor=CLUB, event_id=shop.event.id)).rules == t.SalesRules()
    await tickets.close()


def test_drafts_are_published_and_sales_are_paused(small: Shop) -> None:
    tickets = small.sync
    draft = new_event(small, draft=True)
    with pytest.raises(t.EventUnknown):
        tickets.buy(buyer=ADA, event_id=draft.id)
    assert tickets.managed_event(actor=CLUB, event_id=draft.id) == draft
    tickets.publish_event(actor=CLUB, event_id=draft.id)
    order = tickets.hold(buyer=ADA, event_id=draft.id)
    tickets.pause_sales(actor=CLUB, event_id=draft.id)
    with pytest.raises(t.SalesPaused) as paused:
        tickets.hold(buyer=ADA, event_id=draft.id)
    assert (paused.value.code, dict(paused.value.facts)) == ("sales_paused", {})
    # What is held can still be paid.
    started = tickets.pay(actor=ADA.who, order=order.reference)
    small.pay(started.attempt.reference)
    assert isinstance(tickets.verify(actor=ADA.who, reference=started.attempt.reference), t.Fulfilled)
    tickets.resume_sales(actor=CLUB, event_id=draft.id)
    tickets.hold(buyer=ADA, event_id=draft.id)
    with pytest.raises(t.HasOrders):
        tickets.unpublish_event(actor=CLUB, event_id=draft.id)
    assert tickets.unpublish_event(actor=CLUB, event_id=small.event.id).status is t.EventStatus.DRAFT


def test_rules_say_when_and_how_many_tickets_are_sold(shop: Shop) -> None:
    tickets = shop.sync
    with pytest.raises(t.InvalidRequest, match="sales_until: must be after sales_from"):
        new_event(shop, rules=t.SalesRules(sales_from=NEXT_YEAR, sales_until=NEXT_YEAR - HOUR))
    rules = t.SalesRules(
        sales_until=NEXT_YEAR - HOUR, paused=True, min_per_order=2, max_per_order=4, max_per_buyer=5
    )
    event = new_event(shop, rules=rules)
    assert event.rules == rules == tickets.event(event.id).rules
    event = tickets.edit_event(actor=CLUB, event_id=event.id, rules=t.SalesRulesEdit(paused=False))
    assert event.rules == t.SalesRules(
        sales_until=NEXT_YEAR - HOUR, min_per_order=2, max_per_order=4, max_per_buyer=5
    )
    with pytest.raises(t.TooFew) as too_few:
        tickets.hold(buyer=ADA, event_id=event.id)
    assert (too_few.value.code, too_few.value.min) == ("too_few", 2)
    with pytest.raises(t.TooMany) as too_many:
        tickets.hold(buyer=ADA, event_id=event.id, quantity=5)
    assert (too_many.value.code, too_many.value.max) == ("too_many", 4)
    tickets.hold(buyer=ADA, event_id=event.id, quantity=4)
    with pytest.raises(t.BuyerLimit) as limit:
        tickets.hold(buyer=ADA, event_id=event.id, quantity=2)
    assert limit.value.left == 1

    later = t.SalesRulesEdit(sales_from=NEXT_YEAR - 2 * HOUR, max_per_buyer=None)
    event = tickets.edit_event(actor=CLUB, event_id=event.id, rules=later)
    assert event.rules.max_per_buyer is None and event.rules.min_per_order == 2
    with pytest.raises(t.NotOnSale) as not_on_sale:
        tickets.hold(buyer=ADA, event_id=event.id, quantity=2)
    error = not_on_sale.value
    assert (error.code, error.sales_from, error.sales_until) == (
        "not_on_sale", NEXT_YEAR - 2 * HOUR, NEXT_YEAR - HOUR
    )
    # `SalesRules` replaces all.
    event = tickets.edit_event(actor=CLUB, event_id=event.id, rules=t.SalesRules(sales_from=NEXT_YEAR))
    assert event.rules == t.SalesRules(sales_from=NEXT_YEAR)
    with pytest.raises(t.NotOnSale) as not_on_sale:
        tickets.hold(buyer=ADA, event_id=event.id)
    assert (not_on_sale.value.sales_from, not_on_sale.value.sales_until) == (NEXT_YEAR, None)


def test_ticket_types_are_added_changed_and_removed(shop: Shop) -> None:
    tickets = shop.sync
    stalls = t.NewTicketType(name="Stalls", price=naira(100), capacity=9, rules=t.SalesRules(max_per_order=2))
    crew = t.NewTicketType(name="Crew", price=naira(0), visibility=t.Visibility.SECRET)
    event = new_event(shop, price=None, ticket_types=[stalls, crew])
    first, second = event.ticket_types
    assert first.rules == t.SalesRules(max_per_order=2) and first.visibility is t.Visibility.PUBLIC
    assert second.visibility is t.Visibility.SECRET and first.removed_at is None is second.removed_at
    assert event.lowest_price == naira(100) and event.available == 9
    with pytest.raises(t.TicketTypeUnknown):
        tickets.hold(buyer=ADA, event_id=event.id, lines=[t.Line(ticket_type_id=second.id, quantity=1)])
    with pytest.raises(t.TooMany):
        tickets.hold(buyer=ADA, event_id=event.id, lines=[t.Line(ticket_type_id=first.id, quantity=3)])

    wanted = [
        t.TicketTypeEdit(id=second.id, name="Gallery", visibility=t.Visibility.PUBLIC, price=naira(50)),
        t.TicketTypeEdit(name="Box", price=naira(900), capacity=4, rules=t.SalesRulesEdit(min_per_order=2)),
        t.TicketTypeEdit(id=first.id, rules=t.SalesRules(), capacity=None),
    ]
    event = tickets.edit_event(actor=CLUB, event_id=event.id, ticket_types=wanted)
    assert [(one.name, one.price, one.stock.capacity) for one in event.ticket_types] == [
        ("Gallery", naira(50), None), ("Box", naira(900), 4), ("Stalls", naira(100), None),
    ]
    assert event.ticket_types[1].rules == t.SalesRules(min_per_order=2)
    assert event.ticket_types[2].rules == t.SalesRules()
    # The type that the first call added is found by its name.
    assert tickets.edit_event(actor=CLUB, event_id=event.id, ticket_types=wanted) == event

    only = tickets.edit_event(actor=CLUB, event_id=event.id, ticket_types=(t.TicketTypeEdit(id=first.id),))
    assert [one.removed_at is None for one in only.ticket_types] == [True, False, False]
    secret = t.TicketTypeEdit(id=first.id, visibility=t.Visibility.SECRET)
    with pytest.raises(t.LastType) as last:
        tickets.edit_event(actor=CLUB, event_id=event.id, ticket_types=[secret])
    assert last.value.code == "last_type"


def test_a_capacity_is_not_less_than_what_is_taken(shop: Shop) -> None:
    tickets, (only,) = shop.sync, shop.event.ticket_types
    tickets.hold(buyer=ADA, event_id=shop.event.id, quantity=2)
    with pytest.raises(t.CapacityTooLow) as too_low:
        tickets.edit_event(actor=CLUB, event_id=shop.event.id, capacity=1)
    error = too_low.value
    assert (error.code, error.taken, error.ticket_type_id) == ("capacity_too_low", 2, None)
    with pytest.raises(t.CapacityTooLow) as too_low:
        edit = t.TicketTypeEdit(id=only.id, capacity=1)
        tickets.edit_event(actor=CLUB, event_id=shop.event.id, ticket_types=[edit])
    assert (too_low.value.taken, too_low.value.ticket_type_id) == (2, only.id)
    again = pickle.loads(pickle.dumps(too_low.value))
    assert type(again) is t.CapacityTooLow and again.ticket_type_id == only.id
    assert tickets.edit_event(actor=CLUB, event_id=shop.event.id, capacity=2).available == 0
    with pytest.raises(t.HasOrders):
        tickets.edit_event(actor=CLUB, event_id=shop.event.id, currency="GHS")


NAIVE = datetime(2099, 1, 1)
WRONG_VALUES = [
    ({"title": None}, r"^title: must be a str \(got NoneType\)$"),
    ({"title": 7}, r"^title: must be a str \(got int\)$"),
    ({"title": ""}, r"^title: "),
    ({"description": 7}, r"^description: must be a str \(got int\)$"),
    ({"starts_at": "soon"}, r"^starts_at: must be a datetime \(got str\)$"),
    ({"starts_at": NAIVE}, r"^starts_at: must be timezone-aware"),
    ({"starts_at": NAIVE.replace(year=2001, tzinfo=timezone.utc)}, r"^event_date: must be in the future"),
    ({"ends_at": NAIVE}, r"^ends_at: must be timezone-aware"),
    ({"time_zone": "Lagos"}, r'^time_zone: must be the name of an IANA time zone, such as Africa/Lagos \(got "Lagos"\)$'),
    ({"time_zone": timezone.utc}, r"^time_zone: must be a str or a ZoneInfo with a key \(got timezone\)$"),
    ({"category_id": "Music"}, r"^category_id: must be an int \(got str\)$"),
    ({"currency": "naira"}, r"^currency: "),
    ({"capacity": "9"}, r"^capacity: must be an int \(got str\)$"),
    ({"capacity": 2**70}, r"^capacity: is out of range$"),
    ({"capacity": -1}, r"^capacity: must be 0–1000000000 \(got -1\)$"),
    ({"status": "open"}, r'^status: must be one of the values of EventStatus \(got "open"\)$'),
    ({"status": True}, r"^status: must be an EventStatus \(got bool\)$"),
    ({"status": "cancelled"}, r"^status: must be draft or active \(got cancelled\): cancel the event$"),
    ({"rules": None}, r"^rules: must be SalesRules or a SalesRulesEdit \(got NoneType\)$"),
    ({"rules": t.SalesRules(sales_until=NAIVE)}, r"^sales_until: must be timezone-aware"),
    ({"rules": t.SalesRulesEdit(paused=1)}, r"^paused: must be a bool \(got int\)$"),  # type: ignore[arg-type]
    ({"rules": t.SalesRulesEdit(max_per_order=-1)}, r"^max_per_order: must be at least 0 \(got -1\)$"),
    ({"rules": t.SalesRulesEdit(max_per_order=0)}, r"^max_per_order: must be 1–"),
    ({"rules": t.SalesRulesEdit(max_per_buyer=2**32)}, r"^max_per_buyer: must be less than 4294967296"),
    ({"ticket_types": None}, r"^ticket_types: must be a list \(got NoneType\)$"),
    ({"ticket_types": []}, r"^ticket_types: must have 1–50 entries \(got 0\)$"),
    ({"ticket_types": ["Stalls"]}, r"^ticket_types\[0\]: must be a TicketTypeEdit \(got str\)$"),
    ({"ticket_types": [t.TicketTypeEdit(name="New")]}, r"^ticket_types\[0\]\.price: is required"),
    ({"ticket_types": [t.TicketTypeEdit(id=999)]}, r"^ticket_types\[0\]\.id: must be a ticket type of this event"),
]
WRONG_TYPES = [
    ({"id": "7"}, r"^ticket_types\[0\]\.id: must be an int \(got str\)$"),
    ({"name": None}, r"^ticket_types\[0\]\.name: must be a str \(got NoneType\)$"),
    ({"price": 5}, r"^ticket_types\[0\]\.price: must be Money \(got int\)$"),
    ({"capacity": 1.5}, r"^ticket_types\[0\]\.capacity: must be an int \(got float\)$"),
    ({"rules": 5}, r"^ticket_types\[0\]\.rules: must be SalesRules or a SalesRulesEdit \(got int\)$"),
    ({"rules": t.SalesRules(sales_from=NAIVE)}, r"^ticket_types\[0\]\.sales_from: must be timezone-aware"),
    ({"visibility": "hidden"}, r'^ticket_types\[0\]\.visibility: must be one of the values of Visibility \(got "hidden"\)$'),
]


@pytest.mark.parametrize(
    ("wrong", "message"),
    WRONG_VALUES + [({"ticket_types": [t.TicketTypeEdit(**wrong)]}, message) for wrong, message in WRONG_TYPES],
    ids=lambda value: None if isinstance(value, str) else str(value),
)
async def test_a_wrong_value_is_an_error_that_names_the_field(small: Shop, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, t.InvalidRequest), match=message) as sync:
        small.sync.edit_event(actor=CLUB, event_id=small.event.id, **wrong)
    with pytest.raises((TypeError, t.InvalidRequest), match=message) as aio:
        await small.aio.edit_event(actor=CLUB, event_id=small.event.id, **wrong)
    assert type(sync.value) is type(aio.value)
    if isinstance(sync.value, t.InvalidRequest):
        assert str(sync.value).startswith(f"{sync.value.fields[0].field}: ")
    assert small.sync.event(small.event.id) == small.event


def named(error: BaseException) -> str:
    """What the error says, with the note of the argument."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


@pytest.mark.parametrize(
    ("wrong", "name", "message"),
    [
        ({"time_zone": "Mars"}, "time_zone", "^time_zone: must be the name of an IANA time zone"),
        ({"time_zone": 1}, "'time_zone'", r"must be a str or a ZoneInfo with a key \(got int\)"),
        ({"draft": "yes"}, "'draft'", "'bool'"),
        ({"rules": None}, "'rules'", r"must be SalesRules \(got NoneType\)"),
        ({"rules": t.SalesRulesEdit(paused=True)}, "'rules'", r"sales_from: must be a datetime \(got Unset\)"),
        ({"rules": t.SalesRules(sales_from=NAIVE)}, "sales_from", "^sales_from: must be timezone-aware"),
        ({"price": None, "ticket_types": ["A"]}, "", r"ticket_types\[0\]: must be a NewTicketType \(got str\)"),
        ({"price": None, "ticket_types": 7}, "", r"ticket_types: must be a list \(got int\)"),
    ],
)
def test_a_wrong_value_of_a_new_event_names_the_field(
    small: Shop, wrong: dict[str, Any], name: str, message: str
) -> None:
    with pytest.raises((TypeError, t.InvalidRequest), match=message) as caught:
        new_event(small, **wrong)
    assert name in named(caught.value)


def test_a_wrong_field_of_a_new_ticket_type_is_named(small: Shop) -> None:
    def create(**wrong: Any) -> None:
        types = [t.NewTicketType(name="A", price=naira(1)), t.NewTicketType(**{"name": "B", "price": naira(1), **wrong})]
        new_event(small, price=None, ticket_types=types)

    with pytest.raises(t.InvalidRequest, match=r"^ticket_types\[1\]\.visibility: must be one of the values of Visibility"):
        create(visibility="hidden")
    with pytest.raises(t.InvalidRequest, match=r"^ticket_types\[1\]\.max_per_order: must be at least 0 \(got -1\)"):
        create(rules=t.SalesRules(max_per_order=-1))
    with pytest.raises(TypeError, match=r"ticket_types\[1\]\.price: must be Money \(got int\)"):
        create(price=5)


def test_other_arguments_of_an_edit_are_checked(small: Shop) -> None:
    edit: Any = small.sync.edit_event
    with pytest.raises(TypeError) as seen:
        edit(actor=CLUB, event_id=small.event.id, seen="1")
    assert "'seen'" in named(seen.value)
    with pytest.raises(TypeError, match=r"must be a Principal \(got str\)") as actor:
        edit(actor="club", event_id=small.event.id)
    assert "'actor'" in named(actor.value)
    with pytest.raises(TypeError, match="colour"):
        edit(actor=CLUB, event_id=small.event.id, colour="red")
    with pytest.raises(t.NotFound):
        edit(actor=CLUB, event_id=999, title="None")
    with pytest.raises(t.CategoryUnknown):
        edit(actor=CLUB, event_id=small.event.id, category_id=999)


def test_all_wrong_fields_of_an_edit_are_reported(small: Shop) -> None:
    with pytest.raises(t.InvalidRequest) as caught:
        small.sync.edit_event(actor=CLUB, event_id=small.event.id, title=" ", location="", capacity=-1)
    assert [fault.field for fault in caught.value.fields] == ["title", "location", "capacity"]


def test_times_are_shown_by_the_clocks_of_the_event(shop: Shop) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # The clocks are put forward in the night to this day, and back in the night to the other one.
    spring, autumn = datetime(2027, 3, 28, 20, tzinfo=berlin), datetime(2027, 10, 31, 20, tzinfo=berlin)
    utc = [at.astimezone(timezone.utc).isoformat() for at in (spring, autumn)]
    assert utc == ["2027-03-28T18:00:00+00:00", "2027-10-31T19:00:00+00:00"]
    event = new_event(shop, starts_at=spring, ends_at=autumn, time_zone=berlin)
    assert event.time_zone == "Europe/Berlin" and event.ends_at_local is not None
    assert event.starts_at_local.isoformat() == "2027-03-28T20:00:00+02:00"
    assert event.ends_at_local.isoformat() == "2027-10-31T20:00:00+01:00"
    assert event.starts_at_local.tzinfo is berlin and event.starts_at == event.starts_at_local
    assert event.starts_at.tzinfo is timezone.utc

    # The hour that the clocks show twice.
    night = datetime(2027, 10, 31, 2, 30, tzinfo=berlin)
    for fold, offset in ((0, "+02:00"), (1, "+01:00")):
        edited = shop.sync.edit_event(
            actor=CLUB, event_id=event.id, starts_at=night.replace(fold=fold), ends_at=None
        )
        assert edited.starts_at_local.isoformat() == f"2027-10-31T02:30:00{offset}"
        assert edited.starts_at_local.fold == fold

    # Another zone leaves the instants as they are.
    moved = shop.sync.edit_event(actor=CLUB, event_id=event.id, time_zone="africa/lagos")
    assert (moved.time_zone, moved.starts_at) == ("Africa/Lagos", edited.starts_at)
    assert moved.starts_at_local.isoformat() == "2027-10-31T02:30:00+01:00" and moved.ends_at_local is None
    assert shop.event.time_zone == "UTC" and shop.event.starts_at_local == NEXT_YEAR


def test_without_a_database_of_zones_times_have_a_fixed_offset(small: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> ZoneInfo:
        raise events.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(events, "ZoneInfo", unknown)
    for month, offset in ((1, "+01:00"), (7, "+02:00")):
        starts_at = datetime(2099, month, 1, 19, tzinfo=timezone.utc)
        event = new_event(small, starts_at=starts_at, time_zone="Europe/Berlin")
        assert event.starts_at_local == starts_at and event.starts_at_local.isoformat().endswith(offset)


def test_events_are_listed_by_phase(storage: object) -> None:
    clock = ManualClock(NEXT_YEAR)
    tickets = t.Ticketing(storage, clock=clock)  # type: ignore[arg-type]

    def create(title: str, *, draft: bool = False, ends_at: datetime | None = None) -> int:
        return tickets.create_event(
            organizer=CLUB,
            title=title,
            starts_at=NEXT_YEAR + HOUR,
            ends_at=ends_at,
            location="Lagos",
            price=naira(0),
            draft=draft,
        ).id

    draft, short, long = create("Draft", draft=True), create("Short", ends_at=NEXT_YEAR + 2 * HOUR), create("Long")
    gone = create("Gone")
    tickets.cancel_event(actor=CLUB, event_id=gone)

    def listed(**wants: Any) -> list[int]:
        return [event.id for event in tickets.events(**wants)]

    assert listed() == [short, long] and listed(with_drafts=True) == [draft, short, long]
    assert listed(with_drafts=True, with_cancelled=True) == [draft, short, long, gone]
    phases = [
        (timedelta(0), [short, long], [], []),
        (HOUR, [], [short, long], []),
        (2 * HOUR, [], [long], [short]),
        (25 * HOUR, [], [], [short, long]),
    ]
    for after, upcoming, running, ended in phases:
        clock.set(NEXT_YEAR + after)
        expected = {
            t.EventPhase.DRAFT: [draft],
            t.EventPhase.UPCOMING: upcoming,
            t.EventPhase.RUNNING: running,
            t.EventPhase.ENDED: ended,
            t.EventPhase.CANCELLED: [gone],
        }
        assert {phase: listed(phase=phase) for phase in t.EventPhase} == expected
        every = tickets.events(with_drafts=True, with_cancelled=True).items
        found = {phase: [one.id for one in every if one.phase(clock.now()) is phase] for phase in t.EventPhase}
        assert found == expected
    with pytest.raises(t.InvalidRequest, match="phase: must be one of the values of EventPhase"):
        listed(phase="over")
    with pytest.raises(t.EventOver):
        tickets.edit_event(actor=CLUB, event_id=long, capacity=5)
    with pytest.raises(t.EventCancelled):
        tickets.publish_event(actor=CLUB, event_id=gone)
    assert tickets.edit_event(actor=CLUB, event_id=gone, title="Gone for good").title == "Gone for good"
    tickets.close()


def test_unset_is_one_object() -> None:
    assert repr(t.UNSET) == "UNSET" and t.UNSET is copy.deepcopy(t.UNSET) is pickle.loads(pickle.dumps(t.UNSET))
    edit = t.TicketTypeEdit(id=1)
    assert edit == t.TicketTypeEdit(id=1) and "name=UNSET" in repr(edit)
