"""Orders and holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._values import Money, Word
from .people import Buyer


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
    created_at: datetime
    updated_at: datetime
