"""Organisations, which run events, and their members."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._values import Word
from .people import Principal


class Permission(Word):
    """What a role or an API key allows. There are no others."""

    VIEW = "view"
    """See events that are not public, and how many tickets are sold."""
    EDIT = "edit"
    """Create and change events, their ticket types and promo codes; publish and pause them."""
    ATTENDEES = "attendees"
    """See and export the personal data of attendees."""
    ORDERS = "orders"
    """See payments, refund them, decide reviews, send mails again."""
    MONEY = "money"
    """See revenue and payouts."""
    DOOR = "door"
    """Check tickets in, and undo scans."""
    MANAGE = "manage"
    """Cancel events and move them to another organiser; the members and API keys of an organisation."""


class MemberRole(Word):
    """A name for a set of permissions."""

    OWNER = "owner"
    """May do everything. An organisation always has an owner."""
    MANAGER = "manager"
    """Everything but money."""
    BOX_OFFICE = "box_office"
    """Sells and refunds, and checks tickets in."""
    DOOR = "door"
    """Checks tickets in."""
    FINANCE = "finance"
    """Refunds, reviews and revenue."""
    VIEWER = "viewer"
    """Only looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation. Its members run its events together."""

    id: int
    name: str
    """1–200 characters. Several may have the same."""
    founder_id: int
    """The account that founded it. Gives no rights."""
    requires_second_factor: bool
    """Whether its members can only act for it with a second factor."""
    created_at: datetime
    updated_at: datetime

    @property
    def principal(self) -> Principal:
        """The organisation as the organiser of events."""
        return Principal(organisation_id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """An organisation that an account is a member of."""

    organisation: Organisation
    role: MemberRole
    permissions: tuple[Permission, ...]
    """What the role allows."""
    event_ids: tuple[int, ...] | None
    """The events that the role is for; ``None`` for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an organisation."""

    organisation_id: int
    account_id: int
    email: str = field(repr=False)
    name: str = field(repr=False)
    role: MemberRole
    permissions: tuple[Permission, ...]
    """What the role allows."""
    event_ids: tuple[int, ...] | None
    """The events that the role is for; ``None`` for all."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An open invitation to an organisation."""

    id: int
    organisation_id: int
    email: str = field(repr=False)
    """The address that is invited."""
    role: MemberRole
    permissions: tuple[Permission, ...]
    """What the role allows."""
    event_ids: tuple[int, ...] | None
    """The events that the role is for; ``None`` for all."""
    inviter_id: int | None
    """The account that invites; ``None`` if the operator or the organisation itself does."""
    created_at: datetime
    expires_at: datetime
