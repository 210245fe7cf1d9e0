"""What is kept of a person."""

from __future__ import annotations

from dataclasses import dataclass

from .api_keys import ApiKey
from .orders import Order
from .organisations import Membership
from .payments import AuditLine
from .people import Account, StoredSession
from .tickets import Ticket


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
    audit: tuple[AuditLine, ...]
    """What was decided about the account."""
