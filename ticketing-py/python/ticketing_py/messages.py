"""Messages to the attendees of an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._values import Word


class Presence(Word):
    """Which holders of valid tickets get a message."""

    EVERYBODY = "everybody"
    IN = "in"
    """Who was let in."""
    NOT_IN = "not_in"
    """Who has not come yet."""


class MessageStatus(Word):
    """The status of a message."""

    SENDING = "sending"
    """Not everybody has a mail yet."""
    SENT = "sent"
    """Everybody has a mail."""
    STOPPED = "stopped"
    """Nobody else gets a mail. Those that were queued before are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to the attendees of an event."""

    id: int
    key: str
    """The idempotency key."""
    event_id: int
    subject: str
    text: str
    ticket_type_id: int | None
    """Only to those with a ticket of this type. ``None``: of any."""
    who: Presence
    sent_by: str
    """Who has sent it: ``account 7``, ``external member-7``."""
    mails: int
    """How many mails were queued so far."""
    status: MessageStatus
    created_at: datetime
    updated_at: datetime
