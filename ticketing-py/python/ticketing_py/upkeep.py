"""Upkeep: what must happen without anybody asking."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepReport:
    """What a pass of upkeep did."""

    webhooks: int
    """Webhooks that were applied."""
    expired: int
    """Holds that had run out."""
    undone: int
    """Orders of called-off events that were undone."""
    polled: int
    """Open attempts that were asked about."""
    refunds: int
    """Refunds that were sent or asked about."""
    mails: int
    """Mails that were tried."""
    failed: int
    """Work that failed and is tried again later."""
