"""Upkeep: the background work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepReport:
    """What one pass of upkeep did."""

    webhooks: int
    """Applied webhooks."""
    expired: int
    """Expired holds."""
    undone: int
    """Orders of cancelled events that were cancelled or refunded."""
    notices: int
    """Notices of changed events for which mails were queued."""
    messages: int
    """Messages to attendees for which mails were queued."""
    polled: int
    """Open attempts whose status was fetched."""
    refunds: int
    """Refunds that were sent or looked up."""
    mails: int
    """Mails that the mailer was asked to send."""
    erased: int
    """Rows whose personal data was erased: accounts, buyers, recipients of mails, bodies of webhooks."""
    failed: int
    """Failures; each is retried later."""
