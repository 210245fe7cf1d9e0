"""What is kept of a person."""

from __future__ import annotations

from dataclasses import dataclass

from .api_keys import ApiKey
from .mails import OutboxMail
from .orders import Order, OrderDetails
from .organisations import Membership
from .payments import Attempt, AuditLine, Refund
from .people import Account, StoredSession
from .tickets import Attendee, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountData:
    """What is kept of a person, for the person. Each list is whole."""

    account: Account
    organisations: tuple[Membership, ...]
    sessions: tuple[StoredSession, ...]
    """The open ones."""
    api_keys: tuple[ApiKey, ...]
    """Those that were not revoked. Their tokens are not kept."""
    orders: tuple[Order, ...]
    tickets: tuple[Ticket, ...]
    attendees: tuple[Attendee, ...]
    """Who comes with these tickets, but for the notes of organisers."""
    order_details: tuple[OrderDetails, ...]
    """What is known about its orders, but for the notes of organisers."""
    payments: tuple[Attempt, ...]
    """The attempts to pay its orders."""
    refunds: tuple[Refund, ...]
    mails: tuple[OutboxMail, ...]
    """The mails about it and its orders. Their texts are not kept."""
    audit: tuple[AuditLine, ...]
    """What was decided about the account."""
