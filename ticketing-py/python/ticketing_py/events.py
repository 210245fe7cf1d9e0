"""Events, what is sold for them, and how many places are left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._values import Money, Word
from .people import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A heading to list events under."""

    id: int
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """How many places there are, and where they went. ``held + sold`` never exceeds ``capacity``."""

    capacity: int | None
    """All places; ``None`` means unlimited."""
    held: int
    """Places of unpaid orders."""
    sold: int
    """Places of valid tickets."""
    available: int | None
    """How many can still be taken; ``None`` means unlimited."""


class EventStatus(Word):
    """Whether an event is on."""

    ACTIVE = "active"
    CANCELLED = "cancelled"


class EventSort(Word):
    """In which order events are listed. Equal ones are listed by id."""

    ID = "id"
    DATE = "date"
    DATE_DESCENDING = "date_descending"
    TITLE = "title"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketType:
    """A price and a number of places within an event."""

    id: int
    event_id: int
    name: str
    price: Money
    stock: Stock
    """Its own places; it also takes from the event's."""
    available: int | None
    """How many more can be sold: the smaller of its own places and the event's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicketType:
    """A ticket type to be made."""

    name: str
    """1 to 100 characters, unique within the event."""
    price: Money
    """In the event's currency. Nothing means free."""
    capacity: int | None = None
    """Its own places; ``None`` means only the event's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something people can get in to with a ticket."""

    id: int
    key: str | None
    """The key it was made under, where its maker gave one."""
    organizer: Principal
    """Who runs it: only they check in, change it and see its orders."""
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
    """The places that all its ticket types share."""
    status: EventStatus
    ticket_types: tuple[TicketType, ...]
    """What is sold: at least one, in the organiser's order."""
    lowest_price: Money
    available: int | None
    """How many more tickets can be sold over all types; ``None`` means unlimited."""
    created_at: datetime
    updated_at: datetime
