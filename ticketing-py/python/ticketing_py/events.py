"""Events, ticket types and stock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import _native
from ._values import UNSET, Money, Unset, Word
from .people import Principal

_A_DAY = timedelta(hours=24)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
"""A day of the week."""


def _local(at: datetime, time_zone: str) -> datetime:
    try:
        return at.astimezone(ZoneInfo(time_zone))
    except ZoneInfoNotFoundError:
        # This Python has no database of time zones, or an older one than the engine.
        return at.astimezone(timezone(timedelta(seconds=_native.utc_offset(time_zone, at))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category of events."""

    id: int
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The stock of tickets. ``held + sold`` never exceeds ``capacity``."""

    capacity: int | None
    """The total; ``None`` means unlimited."""
    held: int
    """Tickets held for unpaid orders."""
    sold: int
    """Valid tickets."""
    available: int | None
    """How many are left; ``None`` means unlimited."""


class EventStatus(Word):
    """The status of an event: what its organiser decided."""

    DRAFT = "draft"
    """In preparation: not listed and not on sale."""
    ACTIVE = "active"
    """Published: listed, and on sale as far as its rules allow."""
    CANCELLED = "cancelled"


class EventPhase(Word):
    """Where an event is in its life at one moment."""

    DRAFT = "draft"
    UPCOMING = "upcoming"
    """Published, and not started."""
    RUNNING = "running"
    ENDED = "ended"
    """An event without an end ends 24 hours after its start."""
    CANCELLED = "cancelled"


class EventSort(Word):
    """The sort order of a list of events. Ties are sorted by id."""

    ID = "id"
    DATE = "date"
    DATE_DESCENDING = "date_descending"
    TITLE = "title"


class Visibility(Word):
    """Who sees a ticket type."""

    PUBLIC = "public"
    SECRET = "secret"
    """Nobody but the organiser. Holding it is refused as if it did not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesRules:
    """When tickets are sold, and how many to whom: of an event over all its types, or of one type. Both apply.

    A new hold must meet the rules. Holds that exist are not touched by a change. ``None`` means no limit.
    """

    sales_from: datetime | None = None
    """From when on tickets are sold, inclusive."""
    sales_until: datetime | None = None
    """Until when tickets are sold, exclusive. They are never sold after the event."""
    paused: bool = False
    """Whether sales are paused. The event stays listed."""
    min_per_order: int | None = None
    """The fewest tickets in one order. Those of a type apply only to an order that has tickets of it."""
    max_per_order: int | None = None
    """The most tickets in one order."""
    max_per_buyer: int | None = None
    """The most tickets of one buyer: held, or issued and not void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesRulesEdit:
    """Changes of `SalesRules`: what is not given stays as it is, and ``None`` removes a limit."""

    sales_from: datetime | None | Unset = UNSET
    sales_until: datetime | None | Unset = UNSET
    paused: bool | Unset = UNSET
    min_per_order: int | None | Unset = UNSET
    max_per_order: int | None | Unset = UNSET
    max_per_buyer: int | None | Unset = UNSET


class TransferRule(Word):
    """How often a ticket can be transferred to somebody else."""

    FREE = "free"
    """As often as its holders like."""
    ONCE = "once"
    """Once: who got it by a transfer cannot transfer it."""
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPolicy:
    """Whether holders can transfer their tickets to somebody else."""

    rule: TransferRule = TransferRule.FREE
    until: datetime | None = None
    """Until when. Default: until the event starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPolicy:
    """Whether buyers can return unused tickets for money, without asking anybody."""

    until: datetime | None = None
    """Until when. Default: never."""
    keep_percent: int = 0
    """How much of the price is kept, in percent: 0–100."""


class AnswerKind(Word):
    """What an answer to a question is."""

    TEXT = "text"
    YES_NO = "yes_no"
    """``yes`` or ``no``."""
    CHOICE = "choice"
    """One of the options."""


class RequiredWhen(Word):
    """When a question must be answered."""

    NEVER = "never"
    BEFORE_PAYING = "before_paying"
    """Before the order is paid. Does not bind those who issue orders without a checkout."""
    BEFORE_ENTRY = "before_entry"
    """Before the ticket lets somebody in."""


class AskedPer(Word):
    """How often a question is asked."""

    TICKET = "ticket"
    """For every ticket: see ``edit_attendee``."""
    ORDER = "order"
    """Once for an order: see ``edit_order_details``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to attendees, or to buyers."""

    key: str
    """Its name for programs, under which answers are kept: 1–40 lower-case letters, digits and ``_``."""
    text: str
    """The question: 1–300 characters."""
    kind: AnswerKind = AnswerKind.TEXT
    options: Sequence[str] = ()
    """The answers to choose from, for `AnswerKind.CHOICE`."""
    required: RequiredWhen = RequiredWhen.NEVER
    per: AskedPer = AskedPer.TICKET
    ticket_types: Sequence[int] = ()
    """The ids of the ticket types that it is asked for. Default: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTerms:
    """Whether tickets of an event can be transferred and returned, and what its attendees are asked."""

    transfers: TransferPolicy = TransferPolicy()
    returns: ReturnPolicy = ReturnPolicy()
    questions: Sequence[Question] = ()
    """At most 20, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTermsEdit:
    """Changes of `EventTerms`: what is not given stays as it is."""

    transfers: TransferPolicy | Unset = UNSET
    returns: ReturnPolicy | Unset = UNSET
    questions: Sequence[Question] | Unset = UNSET
    """All questions, in their order. Answers to one that is left out stay where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketType:
    """A price and a capacity within an event."""

    id: int
    event_id: int
    name: str
    price: Money
    stock: Stock
    """Its own stock. It also counts against the event's."""
    available: int | None
    """How many can still be sold: the smaller of its own stock and the event's."""
    rules: SalesRules
    """The event's rules apply as well."""
    visibility: Visibility
    removed_at: datetime | None
    """Since when it is removed, if it is: not offered any more. Orders that hold tickets of it can still be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicketType:
    """A ticket type to create."""

    name: str
    """1–100 characters, unique within the event."""
    price: Money
    """In the event's currency. Zero means free."""
    capacity: int | None = None
    """Its own capacity; ``None`` means only the event's."""
    rules: SalesRules = SalesRules()
    """The event's rules apply as well."""
    visibility: Visibility = Visibility.PUBLIC


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTypeEdit:
    """A ticket type in the list that `edit_event` takes: what is not given stays as it is.

    Without an ``id``, it is the type with this name, or a new one, which needs a name and a price.
    """

    id: int | None = None
    name: str | Unset = UNSET
    price: Money | Unset = UNSET
    """For new orders: others keep the price that they were made with."""
    capacity: int | None | Unset = UNSET
    """Its own capacity, not less than what is held and sold; ``None`` means only the event's."""
    rules: SalesRules | SalesRulesEdit | Unset = UNSET
    visibility: Visibility | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event."""

    id: int
    key: str | None
    """The idempotency key it was created with, if any."""
    organizer: Principal
    """The organiser: checks tickets in, changes the event and sees its orders."""
    title: str
    description: str | None
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    """Where its clocks are: an IANA name. ``starts_at_local`` and ``ends_at_local`` are in this zone."""
    location: str
    address: str | None
    image_url: str | None
    category: Category | None
    currency: str
    stock: Stock
    """The stock that all its ticket types share."""
    status: EventStatus
    rules: SalesRules
    """They apply to all its ticket types together."""
    terms: EventTerms
    """Whether its tickets can be transferred and returned, and what its attendees are asked."""
    version: int
    """1 for a new event, and one more for every edit that changed something. Sales do not count."""
    series_id: int | None
    """The series that it is a date of: the id of its first event. ``None`` if it is in no series."""
    ticket_types: tuple[TicketType, ...]
    """At least one, in the organiser's order. Secret and removed ones are included; removed ones are last."""
    lowest_price: Money
    """Of the ticket types that everybody sees."""
    available: int | None
    """How many tickets of all types that everybody sees can still be sold; ``None`` means unlimited."""
    created_at: datetime
    updated_at: datetime

    @property
    def starts_at_local(self) -> datetime:
        """When it starts, by the clocks where it takes place.

        Its ``tzinfo`` is a `zoneinfo.ZoneInfo`. If this Python does not know the zone, it is a fixed offset: the one at this time.
        """
        return _local(self.starts_at, self.time_zone)

    @property
    def ends_at_local(self) -> datetime | None:
        """When it ends, like ``starts_at_local``."""
        return None if self.ends_at is None else _local(self.ends_at, self.time_zone)

    def phase(self, now: datetime) -> EventPhase:
        """Where it is in its life at this time.

        >>> event.phase(event.starts_at).value
        'running'
        """
        if self.status is not EventStatus.ACTIVE:
            return EventPhase(self.status.value)
        if now < self.starts_at:
            return EventPhase.UPCOMING
        is_running = now - self.starts_at < _A_DAY if self.ends_at is None else now < self.ends_at
        return EventPhase.RUNNING if is_running else EventPhase.ENDED
