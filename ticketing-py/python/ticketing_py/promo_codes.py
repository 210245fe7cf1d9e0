"""Promo codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from . import _native
from ._values import Money
from .events import Stock


@dataclass(frozen=True, slots=True, init=False)
class Discount:
    """What a promo code takes off the price of each ticket: a percentage or an amount. Neither is nothing.

    A percentage is rounded half up, once per ticket. No ticket costs less than nothing.

    >>> from ticketing_py import Discount, Money
    >>> Discount(percent="12.5").percent
    Decimal('12.50')
    >>> Discount(each=Money(500, "NGN")).each
    Money(amount=Decimal('500.00'), currency='NGN')
    """

    percent: Decimal | None
    """0 to 100, with two decimals."""
    each: Money | None
    """In the event's currency."""

    def __init__(self, *, percent: Decimal | str | int | None = None, each: Money | None = None) -> None:
        if percent is not None and each is not None:
            raise TypeError("percent must not be given together with each")
        exact: Decimal | None = None
        if percent is not None:
            # Checked at run time too: a float is not exact.
            if isinstance(percent, bool) or not isinstance(percent, Decimal | str | int):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"percent must be a Decimal, a str or an int (got {type(percent).__name__})")
            text = format(percent, "f") if isinstance(percent, Decimal) else str(percent)
            exact = Decimal(_native.percent(text))
        object.__setattr__(self, "percent", exact)
        object.__setattr__(self, "each", each)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoCode:
    """A promo code of one event."""

    id: int
    event_id: int
    text: str
    """What buyers type, in capitals. They may type it in any case."""
    discount: Discount
    ticket_types: tuple[int, ...]
    """The ticket types that it is for. Empty: all that everybody sees, and those that it unlocks."""
    unlocks: tuple[int, ...]
    """The secret ticket types that it gives access to."""
    valid_from: datetime | None
    """From when on it is good, inclusive."""
    valid_until: datetime | None
    """Until when it is good, exclusive."""
    max_per_order: int | None
    """The most tickets with it in one order."""
    max_per_buyer: int | None
    """The most tickets with it of one buyer."""
    uses: Stock
    """How many tickets may be bought with it, and how many are held and sold."""
    paused: bool
    """Whether it is not good for the time being."""
    note: str | None
    """For the organiser's people."""
    version: int
    """1 for a new code, and one more for every edit that changed something. Uses do not count."""
    created_at: datetime
    updated_at: datetime
