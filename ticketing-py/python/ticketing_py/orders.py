"""Orders: what a buyer wants, and the places kept for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._values import Money, Word
from .people import Buyer


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """So many tickets of one type, as somebody wants them."""

    quantity: int
    ticket_type_id: int | None = None
    """May be left out where the event has only one type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """So many tickets of one type, as they were ordered."""

    ticket_type_id: int
    quantity: int
    unit_price: Money
    """What one cost when the order was made."""


class OrderStatus(Word):
    """How an order stands."""

    HELD = "held"
    """Places are kept until ``hold_until``."""
    PAID = "paid"
    """Its tickets exist."""
    EXPIRED = "expired"
    """The hold ran out: the places are free again."""
    CANCELLED = "cancelled"
    """Given up: the places are free again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to buy."""

    id: int
    reference: str
    """Its public name."""
    event_id: int
    buyer: Buyer
    lines: tuple[OrderLine, ...]
    quantity: int
    """How many tickets it is for."""
    total: Money
    status: OrderStatus
    hold_until: datetime | None
    """Until when places are kept, while it is held."""
    hold_extended: bool
    """Whether the hold was extended for a payment in progress, which is done once."""
    created_at: datetime
    updated_at: datetime
