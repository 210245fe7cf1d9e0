"""Mails and the outbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._values import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file in a mail."""

    file_name: str
    content_type: str
    content: bytes = field(repr=False)
    content_id: str | None = None
    """The id by which the HTML shows it inline; ``None`` for an ordinary attachment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to one recipient."""

    message_id: str
    """The same for every retry, without angle brackets."""
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    """Refers to inline attachments as ``cid:`` and their ``content_id``."""
    attachments: tuple[Attachment, ...] = ()


class MailKind(Word):
    """The kind of a mail."""

    TICKETS = "tickets"
    REFUND = "refund"
    EVENT_CHANGED = "event_changed"
    """The date or the place of the event changed."""
    EVENT_CANCELLED = "event_cancelled"
    TICKETS_RESTORED = "tickets_restored"
    """The tickets are valid again, with new codes, since a dispute was won."""
    TICKETS_AGAIN = "tickets_again"
    """The tickets, sent again because somebody asked for it."""
    TICKET = "ticket"
    """One ticket, to who comes with it: the ticket is new, or the address is."""
    TRANSFER_OFFERED = "transfer_offered"
    """A ticket is offered, to whom it is offered."""
    TRANSFER_TAKEN = "transfer_taken"
    """A ticket was taken, to who has offered it."""
    MESSAGE = "message"
    """A message of the organiser's."""
    PROOF = "proof"
    """A token for an account: to verify an address, or for a new password or address."""
    PASSWORD_CHANGED = "password_changed"
    """The password of an account was changed."""
    FACTOR_ADDED = "factor_added"
    """A second factor was added to an account."""
    FACTOR_REMOVED = "factor_removed"
    """The second factor of an account was removed."""
    RECOVERY_CODE_USED = "recovery_code_used"
    """A recovery code of an account was used."""
    ERASURE_REQUESTED = "erasure_requested"
    """The erasure of an account was asked for."""


class MailStatus(Word):
    """The status of a mail."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """Given up after retries, or refused for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMail:
    """A mail in the outbox."""

    id: int
    order_id: int | None
    kind: MailKind
    refund_id: int | None
    """The refund that it is about, if any."""
    to: str = field(repr=False)
    status: MailStatus
    tries: int
    due_at: datetime
    last_error: str | None
    created_at: datetime
    updated_at: datetime
