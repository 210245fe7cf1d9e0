"""Orders and holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ._values import Money, Word
from .people import Buyer
from .tickets import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A requested number of tickets of one type."""

    quantity: int
    ticket_type_id: int | None = None
    """Default: the only type of the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """An ordered number of tickets of one type."""

    ticket_type_id: int
    quantity: int
    unit_price: Money
    """The price of one ticket when the order was made."""
    face_price: Money
    """The same without the discount of a promo code."""
    discount: Money
    """What the promo code takes off the price of one ticket."""
    promo_code_id: int | None
    """The promo code that these tickets are bought with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order would cost."""

    lines: tuple[OrderLine, ...]
    """As those of the order. A type has two lines if only some of its tickets get the promo code."""
    total: Money


class OrderStatus(Word):
    """The status of an order."""

    HELD = "held"
    """Its tickets are held until ``hold_until``."""
    PAID = "paid"
    """Paid, and its tickets are issued."""
    EXPIRED = "expired"
    """The hold ran out and its tickets were released."""
    CANCELLED = "cancelled"
    """Cancelled, and its tickets were released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order."""

    id: int
    reference: str
    """The public identifier."""
    event_id: int
    buyer: Buyer
    lines: tuple[OrderLine, ...]
    quantity: int
    """The number of tickets."""
    total: Money
    status: OrderStatus
    hold_until: datetime | None
    """When the hold runs out, while the order is held."""
    promo_code_id: int | None
    """The promo code that the buyer gave."""
    hold_extended: bool
    """Whether the hold was extended for a payment in progress. This happens once."""
    has_details: bool
    """Whether something is known about it: see ``order_details``."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttendee:
    """Who comes with a ticket that is issued, or of an order that is not paid yet."""

    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    """The address, if it is another one than the buyer's. The ticket is mailed there too."""
    answers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, hash=False)
    """Answers to the questions that the event asks for every ticket, by their keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDetails:
    """What is known about an order besides its tickets and its money."""

    order_id: int
    answers: dict[str, str] = field(repr=False, hash=False)
    """The answers to the questions that are asked once for an order, by their keys."""
    attendees: tuple[NewAttendee, ...] = field(repr=False)
    """Who will come with its tickets, in the order of its lines. Once it is paid, see ``attendee``."""
    note: str | None = field(repr=False)
    """The organiser's. ``None`` for the buyer."""
    version: int
    """0 until something is said, and one more for every edit."""
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueLine:
    """A number of tickets of one type to issue without a checkout."""

    quantity: int
    ticket_type_id: int | None = None
    """Default: the only type of the event."""
    unit_price: Money | None = None
    """What one of them costs. Default: the price of its type; nothing, if the order is free."""
    attendees: Sequence[NewAttendee] = ()
    """Who comes with them, for the first of the tickets."""


class IssuePayment(Word):
    """How an order without a checkout is paid."""

    FREE = "free"
    """Not at all."""
    CASH = "cash"
    """In cash, which was received."""
    TRANSFER = "transfer"
    """By a bank transfer, which was received."""
    LATER = "later"
    """Later: its places are kept until then."""


class PaymentMethod(Word):
    """How a person has received money."""

    CASH = "cash"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """An order that was made without a checkout."""

    order: Order
    tickets: tuple[Ticket, ...]
    """None, if it is paid later."""
    first: bool
    """Whether this call made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The outcome of an import."""

    rows: int
    """How many rows it has."""
    tickets: int
    """How many tickets these are."""
    orders: tuple[Issued, ...]
    """The orders, in the order of the rows. None in a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEntry:
    """An order in the list of an event's orders."""

    order: Order
    paid_with: str | None
    """The gateway, or ``cash``, ``transfer`` or ``free``. ``None`` until it is paid."""
    paid: Money | None
    """What was paid for its tickets."""
    refunded: Money | None
    """How much of that goes back or went back, in the same currency."""
    valid_tickets: int
    """How many of its tickets are valid."""
