"""Mails: what is sent, and what is owed."""

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
    """Where it stands within the HTML; ``None`` for one that only comes along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to one recipient."""

    message_id: str
    """The same at every try, without angle brackets."""
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    """Refers to inline attachments as ``cid:`` and their ``content_id``."""
    attachments: tuple[Attachment, ...] = ()


class MailKind(Word):
    """What a mail tells."""

    TICKETS = "tickets"
    REFUND = "refund"
    EVENT_CANCELLED = "event_cancelled"


class MailStatus(Word):
    """How a mail stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """Given up, or refused for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMail:
    """A mail that is owed, or was."""

    id: int
    order_id: int
    kind: MailKind
    refund_id: int | None
    """Which refund it tells of, if it tells of one."""
    to: str = field(repr=False)
    status: MailStatus
    tries: int
    due_at: datetime
    last_error: str | None
    created_at: datetime
    updated_at: datetime
