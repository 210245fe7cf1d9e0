"""Tickets, QR codes and check-ins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from . import _native
from ._values import Money, Word
from .people import Principal


class TicketStatus(Word):
    """The status of a ticket."""

    ACTIVE = "active"
    """Valid for one admission."""
    USED = "used"
    """Checked in."""
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    """Void: the event was cancelled, or the payment was reversed."""
    TRANSFERRED = "transferred"
    """Void: transferred to somebody else, or swapped for another type. The ticket in its place has a new code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One admission."""

    id: int
    code: str = field(repr=False)
    """The secret that admits its holder. Not in the ``repr``; keep it out of your logs."""
    order_id: int
    line: int
    ordinal: int
    event_id: int
    ticket_type_id: int
    holder: Principal
    price: Money
    status: TicketStatus
    keeps_place: bool
    """Whether it is void and still takes a place: its holder went in before. A used place is not sold again."""
    replaces: int | None
    """The id of the ticket that it came in place of: one that was transferred, or swapped for another type."""
    issued_at: datetime
    updated_at: datetime

    def qr_png(self) -> bytes:
        """The code as a PNG."""
        return _native.qr_png(self.code)

    def qr_svg(self) -> str:
        """The code as a self-contained SVG document."""
        return _native.qr_svg(self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """Who comes with a ticket."""

    ticket_id: int
    name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    """The address, if it is another one than the buyer's."""
    note: str | None = field(repr=False)
    """The organiser's. ``None`` for the holder."""
    answers: dict[str, str] = field(repr=False, hash=False)
    """The answers to the event's questions, by their keys."""
    version: int
    """0 until something is said, and one more for every edit."""
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendeeEntry:
    """A ticket in the list of an event's attendees. Its code is not in it: lists are printed, mailed and lost."""

    ticket_id: int
    code_suffix: str
    """The last six symbols of the code."""
    ticket_type_id: int
    price: Money
    status: TicketStatus
    """Who is in has a used ticket, who has not come yet an active one."""
    issued_at: datetime
    order: str
    """The reference of its order."""
    ordered_at: datetime
    buyer_email: str | None = field(repr=False)
    """``None`` if the buyer has given none, or was erased."""
    paid_with: str | None
    """The gateway, or ``cash``, ``transfer`` or ``free``."""
    promo_code_id: int | None
    name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    """The attendee's address, if it is another one than the buyer's."""
    note: str | None = field(repr=False)
    """The organiser's."""
    answers: dict[str, str] = field(repr=False, hash=False)
    """The answers to the event's questions, by their keys."""
    version: int
    """Of name, address, note and answers."""
    checked_in_at: datetime | None
    gate: str | None
    """At which entrance, if the scanner said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """A successful scan. A ticket has at most one that was not undone."""

    ticket_id: int
    event_id: int
    nonce: str
    """The idempotency key of the scan."""
    gate: str | None
    by: Principal
    at: datetime
    annulled_at: datetime | None
    """When it was undone, if it was."""


def qr_png(code: str) -> bytes:
    """A ticket code as a PNG.

    >>> from ticketing_py import qr_png
    >>> qr_png("7gq4m-00000-00000-00000-000000")[:4]
    b'\\x89PNG'
    """
    return _native.qr_png(code)


def qr_svg(code: str) -> str:
    """A ticket code as an SVG document."""
    return _native.qr_svg(code)
