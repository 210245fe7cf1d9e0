"""API keys: tokens for programs, and for scanners at the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .organisations import Permission
from .people import Account, Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key. It can do what it was given, and what its maker may do at that moment."""

    id: int
    """A part of the token, and not secret."""
    maker_id: int
    """The account that made it, or has taken it over."""
    organisation_id: int | None
    """The organisation whose events it is for. ``None``: the events that its maker runs alone."""
    name: str
    permissions: tuple[Permission, ...]
    event_ids: tuple[int, ...] | None
    """The events that it is for; ``None`` for all."""
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    """When it was last used, to the hour."""
    revoked_at: datetime | None

    @property
    def principal(self) -> Principal:
        """The key as the actor of calls."""
        return Principal(api_key_id=self.id, maker_id=self.maker_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A new API key with its token, which is shown only once."""

    key: ApiKey
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who has sent a bearer token: a person who is logged in, or a program with an API key."""

    who: Principal
    """The actor for other calls."""
    account: Account
    """The account of the person, or of the key's maker."""
    session_id: int | None
    """The session of a person."""
    key: ApiKey | None
    """The key of a program. A person has none."""
