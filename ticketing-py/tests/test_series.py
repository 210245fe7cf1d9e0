"""Copies of events, and series of dates."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import ticketing_py as t
from conftest import ADA, CLUB, Shop
from ticketing_py.testing import ManualClock

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
# A Friday.
START = datetime(2098, 1, 3, 20, tzinfo=BERLIN)
RULES = t.SalesRules(sales_from=START - 48 * HOUR, sales_until=START - HOUR, max_per_order=4)


def jam(shop: Shop, **wants: Any) -> t.Event:
    given: dict[str, Any] = {
        "organizer": CLUB,
        "title": "Jam",
        "starts_at": START,
        "ends_at": START + 3 * HOUR,
        "location": "Berlin",
        "time_zone": BERLIN,
        "price": t.Money(100, "NGN"),
        "capacity": 9,
        "rules": RULES,
    }
    return shop.sync.create_event(**{**given, **wants})


def test_a_year_of_weekly_events_keeps_its_wall_time(shop: Shop) -> None:
    tickets, event = shop.sync, jam(shop)
    assert START.weekday() == 4 and event.series_id is None
    dates = tickets.dates_of(event, until=date(2098, 12, 31), on=["fri"])
    assert dates == tickets.dates_of(event.id, until=date(2098, 12, 31), on=("fri",))
    assert isinstance(dates, list) and all(at.tzinfo is timezone.utc for at in dates)
    expected = [START.replace(tzinfo=None) + timedelta(weeks=week) for week in range(1, 52)]
    assert [at.astimezone(BERLIN).replace(tzinfo=None) for at in dates] == expected
    assert [found.title for found in tickets.events(with_drafts=True)] == ["Jazz night", "Jam"]

    copies = tickets.copy_event(actor=CLUB, event_id=event.id, starts_at=dates, status=t.EventStatus.ACTIVE)
    assert isinstance(copies, list) and [copy.starts_at for copy in copies] == dates
    assert {copy.starts_at_local.utcoffset() for copy in copies} == {HOUR, 2 * HOUR}
    for copy in copies:
        assert copy.starts_at_local.hour == 20 and copy.ends_at_local is not None and copy.ends_at_local.hour == 23
        assert copy.rules.sales_until is not None and copy.rules.sales_until.astimezone(BERLIN).hour == 19
        assert (copy.title, copy.time_zone, copy.available, copy.version) == ("Jam", "Europe/Berlin", 9, 1)
        assert copy.status is t.EventStatus.ACTIVE and copy.series_id == event.id
        assert copy.rules.max_per_order == 4 and copy.ticket_types[0].price == t.Money(100, "NGN")
    assert len({copy.id for copy in copies} | {event.id}) == 52
    assert pickle.loads(pickle.dumps(copies)) == copies

    # A repeat creates nothing twice.
    assert tickets.copy_event(actor=CLUB, event_id=event.id, starts_at=dates, status="active") == copies
    original = tickets.event(event.id)
    assert original.series_id == event.id
    series = tickets.events(series=event.id, sort=t.EventSort.DATE, limit=1000, count=True)
    assert list(series) == [original, *copies] and series.total == 52
    assert tickets.events(series=shop.event.id).items == ()


async def test_copies_are_drafts_that_are_published_and_sold_one_by_one(shop: Shop) -> None:
    tickets, event = shop.aio, jam(shop, rules=t.SalesRules())
    await tickets.hold(buyer=ADA, event_id=event.id, quantity=2)
    days = await tickets.dates_of(event, until=date(2098, 1, 5))
    assert [at.isoformat() for at in days] == ["2098-01-04T19:00:00+00:00", "2098-01-05T19:00:00+00:00"]
    first, second = await tickets.copy_event(actor=CLUB, event_id=event.id, starts_at=days)
    assert first.status is second.status is t.EventStatus.DRAFT and first.available == second.available == 9
    assert len(await tickets.events(series=event.id)) == 1
    assert len(await tickets.events(series=event.id, with_drafts=True)) == 3
    await tickets.publish_event(actor=CLUB, event_id=first.id)
    await tickets.hold(buyer=ADA, event_id=first.id)
    with pytest.raises(t.EventUnknown):
        await tickets.hold(buyer=ADA, event_id=second.id)
    available = [one.available for one in await tickets.events(series=event.id, with_drafts=True)]
    assert available == [7, 8, 9]

    # A repeat finds what was edited or cancelled since.
    moved = await tickets.edit_event(actor=CLUB, event_id=first.id, starts_at=START + 30 * HOUR, ends_at=None)
    gone = await tickets.cancel_event(actor=CLUB, event_id=second.id)
    assert await tickets.copy_event(actor=CLUB, event_id=event.id, starts_at=days) == [moved, gone]

    # A copy of a copy joins the series, and its start may be given in any zone.
    (third,) = await tickets.copy_event(actor=CLUB, event_id=first.id, starts_at=(START + 72 * HOUR,), status="active")
    assert (third.series_id, third.starts_at_local.hour) == (event.id, 20)
    await tickets.close()


def test_copies_are_for_the_organiser(small: Shop) -> None:
    event, draft = jam(small), jam(small, draft=True)
    for of, error in ((event, t.Forbidden), (draft, t.NotFound)):
        with pytest.raises(error):
            small.sync.copy_event(actor=ADA.who, event_id=of.id, starts_at=[START + HOUR])
    with pytest.raises(t.NotFound):
        small.sync.copy_event(actor=CLUB, event_id=999, starts_at=[START + HOUR])
    with pytest.raises(t.NotFound):
        small.sync.dates_of(999, until=date(2099, 1, 1))


def named(error: BaseException) -> str:
    """What the error says, with the note of the argument."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


SOON = START + 24 * HOUR
WRONG_COPIES = [
    ({"starts_at": []}, "starts_at", r"^starts_at: must have 1–366 dates \(got 0\)"),
    ({"starts_at": [SOON + n * HOUR for n in range(367)]}, "starts_at", r"^starts_at: must have 1–366 dates \(got 367\)"),
    ({"starts_at": [SOON, SOON]}, "starts_at", "^starts_at: must not name a date twice"),
    ({"starts_at": [SOON, SOON.replace(year=2001)]}, "starts_at", r"^starts_at\[1\]: must be in the future"),
    ({"starts_at": [SOON, SOON.replace(tzinfo=None)]}, "starts_at", r"^starts_at\[1\]: must be timezone-aware"),
    ({"starts_at": [SOON, SOON.date()]}, "starts_at", r"starts_at\[1\]: must be a datetime \(got date\)"),
    ({"starts_at": SOON}, "starts_at", r"starts_at: must be a list \(got datetime\)"),
    ({"starts_at": "2098-01-04"}, "starts_at", r"starts_at: must be a list \(got str\)"),
    ({"starts_at": None}, "starts_at", r"starts_at: must be a list \(got NoneType\)"),
    ({"status": "cancelled"}, "status", r"^status: must be draft or active \(got cancelled\)"),
    ({"status": "open"}, "status", r'^status: must be one of the values of EventStatus \(got "open"\)'),
    ({"status": True}, "'status'", r"must be an EventStatus \(got bool\)"),
    ({"event_id": "1"}, "'event_id'", "str"),
    ({"actor": "club"}, "'actor'", r"must be a Principal \(got str\)"),
]
WRONG_DATES = [
    ({"until": START.date()}, "until", r"^until: must leave a date after that of the event \(got 2098-01-03\)"),
    ({"until": date(2099, 1, 5)}, "until", "^until: must give at most 366 dates"),
    ({"until": START}, "'until'", r"must be a date \(got datetime\)"),
    ({"until": "2098-12-31"}, "'until'", r"must be a date \(got str\)"),
    ({"until": None}, "'until'", r"must be a date \(got NoneType\)"),
    ({"on": ["mon", "Friday"]}, "on", r'^on\[1\]: must be mon, tue, wed, thu, fri, sat or sun \(got "Friday"\)'),
    ({"on": [4]}, "on", r"on\[0\]: must be a str \(got int\)"),
    ({"on": "fri"}, "on", r"on: must be a list \(got str\)"),
    ({"on": None}, "on", r"on: must be a list \(got NoneType\)"),
    ({"event": "1"}, "'event'", "str"),
]


@pytest.mark.parametrize(
    ("call", "wrong", "name", "message"),
    [("copy_event", *case) for case in WRONG_COPIES] + [("dates_of", *case) for case in WRONG_DATES],
    ids=lambda value: str(value)[:40],
)
async def test_a_wrong_value_names_its_argument(
    small: Shop, call: str, wrong: dict[str, Any], name: str, message: str
) -> None:
    event = jam(small)
    given: dict[str, Any] = {"actor": CLUB, "event_id": event.id, "starts_at": [SOON]}
    if call == "dates_of":
        given = {"event": event, "until": date(2098, 12, 31)}
    with pytest.raises((TypeError, t.InvalidRequest), match=message) as sync:
        getattr(small.sync, call)(**{**given, **wrong})
    assert name in named(sync.value)
    with pytest.raises((TypeError, t.InvalidRequest), match=message) as aio:
        await getattr(small.aio, call)(**{**given, **wrong})
    assert type(sync.value) is type(aio.value) and named(sync.value) == named(aio.value)
    if isinstance(sync.value, t.InvalidRequest):
        assert str(sync.value).startswith(f"{sync.value.fields[0].field}: ")
    assert small.sync.event(event.id) == event and len(small.sync.events(with_drafts=True)) == 2


def test_the_keys_of_copies_are_reserved(small: Shop) -> None:
    event = jam(small)
    with pytest.raises(t.InvalidRequest) as caught:
        small.sync.create_event(
            organizer=ADA.who,
            title="Other",
            starts_at=SOON,
            location="Lagos",
            price=t.Money(0, "NGN"),
            key=f"series-{event.id}-{round(SOON.timestamp()) * 10**6}",
        )
    assert [fault.field for fault in caught.value.fields] == ["key"]
    assert len(small.sync.copy_event(actor=CLUB, event_id=event.id, starts_at=[SOON, SOON + HOUR])) == 2


def test_a_series_of_another_type_names_its_argument(small: Shop) -> None:
    find: Any = small.sync.events
    with pytest.raises(TypeError) as caught:
        find(series="1")
    assert "'series'" in named(caught.value)


def test_a_time_that_the_clocks_skip_is_an_error(storage: object) -> None:
    tickets = t.Ticketing(storage, clock=ManualClock(datetime(2026, 1, 1, tzinfo=timezone.utc)))  # type: ignore[arg-type]
    night = tickets.create_event(
        organizer=CLUB,
        title="Night",
        starts_at=datetime(2026, 3, 1, 2, 30, tzinfo=BERLIN),
        location="Berlin",
        time_zone="Europe/Berlin",
        price=t.Money(0, "EUR"),
    )
    with pytest.raises(t.InvalidRequest, match="2026-03-29: 2026-03-29T02:30:00 does not exist in Europe/Berlin"):
        tickets.dates_of(night, until=date(2026, 4, 30), on=["sun"])
    assert len(tickets.dates_of(night, until=date(2026, 4, 30), on=["sat"])) == 8
    tickets.close()
