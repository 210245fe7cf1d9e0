"""Transfers of tickets to somebody else, and swaps for another ticket type."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._values import Word
from .events import Event
from .payments import Refund
from .tickets import Ticket


class TransferStatus(Word):
    """The status of a transfer."""

    OFFERED = "offered"
    """It can be taken until it expires, unless the ticket is not valid any more."""
    TAKEN = "taken"
    WITHDRAWN = "withdrawn"
    """The holder took it back, or offered the ticket to somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """An offer of a ticket to somebody else."""

    id: int
    reference: str = field(repr=False)
    """Takes the ticket: see ``take_transfer``. Give the recipient the key, which stands for it: see ``transfer_key``."""
    ticket_id: int
    """The ticket that is offered."""
    order_id: int
    from_email: str | None = field(repr=False)
    """The address of who offers it, who is told when it is taken."""
    to_email: str = field(repr=False)
    """The address that it is offered to."""
    status: TransferStatus
    new_ticket_id: int | None
    """The ticket that the recipient has got, once it is taken."""
    expires_at: datetime
    """Until when it can be taken."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTransfer:
    """A transfer, with what it is about."""

    transfer: Transfer
    ticket: Ticket
    """The ticket that is offered. Do not show its code to the recipient."""
    new_ticket: Ticket | None
    """The ticket that the recipient has got."""
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenTransfer:
    """A ticket that was taken."""

    transfer: Transfer
    ticket: Ticket
    """The new ticket, with another code."""
    first: bool
    """Whether this call took it."""


class PriceDifference(Word):
    """What happens to the money if a ticket is swapped for a cheaper one."""

    REFUND = "refund"
    """The difference is refunded."""
    KEEP = "keep"
    """It is kept. The new ticket counts as paid with the price of the old one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """A ticket that was swapped."""

    ticket: Ticket
    """The new ticket."""
    refund: Refund | None
    """The refund of the difference, if there is one."""
    first: bool
    """Whether this call swapped it."""
