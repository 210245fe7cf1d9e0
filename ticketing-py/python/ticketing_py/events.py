"""Events, ticket types and stock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._values import Money, Word
from .people import Principal


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
    """The status of an event."""

    ACTIVE = "active"
    CANCELLED = "cancelled"


class EventSort(Word):
    """The sort order of a list of events. Ties are sorted by id."""

    ID = "id"
    DATE = "date"
    DATE_DESCENDING = "date_descending"
    TITLE = "title"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicketType:
    """A ticket type to create."""

    name: str
    """1–100 characters, unique within the event."""
    price: Money
    """In the event's currency. Zero means free."""
    capacity: int | None = None
    """Its own capacity; ``None`` means only the event's."""


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
    location: str
    address: str | None
    image_url: str | None
    category: Category | None
    currency: str
    stock: Stock
    """The stock that all its ticket types share."""
    status: EventStatus
    ticket_types: tuple[TicketType, ...]
    """At least one, in the organiser's order."""
    lowest_price: Money
    available: int | None
    """How many tickets of all types can still be sold; ``None`` means unlimited."""
    created_at: datetime
    updated_at: datetime
