"""Basics of all value types. They are frozen, have slots, and compare, hash, copy and pickle by their fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Final, Generic, TypeVar

from . import _native

T_co = TypeVar("T_co", covariant=True)


class Word(str, Enum):
    """An enum whose values are the engine's own names. They compare and serialise as strings.

    >>> from ticketing_py import OrderStatus
    >>> OrderStatus.PAID == "paid", str(OrderStatus.PAID)
    (True, 'paid')
    """

    def __str__(self) -> str:
        return str(self.value)


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return self.name


UNSET: Final = Unset.UNSET
"""An argument that was not given: what it would change stays as it is. ``None`` empties it."""


@dataclass(frozen=True, slots=True, init=False)
class Money:
    """An amount of money: exact, never negative, with the decimals of its currency.

    >>> from ticketing_py import Money
    >>> Money("5000", "NGN")
    Money(amount=Decimal('5000.00'), currency='NGN')
    >>> Money("0.001", "NGN")
    Traceback (most recent call last):
    ...
    ticketing_py.errors.InvalidRequest: money: must have at most 2 decimals in NGN
    """

    amount: Decimal
    """In the currency's main unit."""
    currency: str
    """The three letters of ISO 4217."""

    def __init__(self, amount: Decimal | str | int, currency: str) -> None:
        # Checked at run time too: not everyone uses a type checker, and a float would lose money.
        if isinstance(amount, bool) or not isinstance(amount, Decimal | str | int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"amount must be a Decimal, a str or an int (got {type(amount).__name__})")
        text = format(amount, "f") if isinstance(amount, Decimal) else str(amount)
        object.__setattr__(self, "amount", Decimal(_native.money(text, currency)))
        object.__setattr__(self, "currency", currency)

    @classmethod
    def _of(cls, amount: Decimal, currency: str) -> Money:
        """An amount that the engine has already checked."""
        money = object.__new__(cls)
        object.__setattr__(money, "amount", amount)
        object.__setattr__(money, "currency", currency)
        return money

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorPage(Generic[T_co]):
    """One page of a list with cursors. Iterate over it, or use ``items``.

    Rows that are added meanwhile move nothing to another page.

    >>> page = await tickets.orders_of_event(actor=club, event_id=event.id, limit=10)
    >>> [entry.order.buyer.email for entry in page], page.next is None
    (['grace@example.com'], True)
    """

    items: tuple[T_co, ...]
    """The items of this page."""
    next: str | None
    """Pass it as ``after`` to get the next page. ``None``: this is the last one. A page may be short although it is not."""

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T_co]):
    """One page of a list. Iterate over it, or use ``items``.

    >>> page = await tickets.events(limit=10)
    >>> [event.title for event in page], len(page), page.more
    (['Jazz night'], 1, False)
    """

    items: tuple[T_co, ...]
    """The items of this page."""
    more: bool
    """Whether there are further pages."""
    total: int | None = field(default=None)
    """The total number of items, if requested with ``count=True``."""

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
