"""Tickets, their QR codes, and the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from . import _native
from ._values import Money, Word
from .people import Principal


class TicketStatus(Word):
    """How a ticket stands."""

    ACTIVE = "active"
    """Lets one person in."""
    USED = "used"
    """Has let one person in."""
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    """Void: the event was called off, or the payment was reversed."""
    TRANSFERRED = "transferred"
    """Somebody else has it now, under another code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One admission."""

    id: int
    code: str = field(repr=False)
    """The secret that gets its holder in. Not in the ``repr``, and best not in your logs."""
    order_id: int
    line: int
    ordinal: int
    event_id: int
    ticket_type_id: int
    holder: Principal
    price: Money
    status: TicketStatus
    issued_at: datetime
    updated_at: datetime

    def qr_png(self, *, small: bool = False) -> bytes:
        """The code as a PNG; ``small`` packs it tighter for twice the time, for mails."""
        return _native.qr_png(self.code, small)

    def qr_svg(self) -> str:
        """The code as an SVG document that refers to nothing outside."""
        return _native.qr_svg(self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """A scan that let somebody in. There is at most one of a ticket."""

    ticket_id: int
    event_id: int
    nonce: str
    """The scan's own name."""
    gate: str | None
    by: Principal
    at: datetime


def qr_png(code: str, *, small: bool = False) -> bytes:
    """A ticket code as a PNG.

    >>> from ticketing_py import qr_png
    >>> qr_png("7gq4m-00000-00000-00000-000000")[:4]
    b'\\x89PNG'
    """
    return _native.qr_png(code, small)


def qr_svg(code: str) -> str:
    """A ticket code as an SVG document."""
    return _native.qr_svg(code)
