"""Principals and buyers: Ticketing's own accounts, or the users of your application."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._values import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The acting person: a Ticketing account, a guest, or a user of your own application.

    An organisation runs events; an API key acts on them.

    The engine trusts you: authenticate them first.

    >>> from ticketing_py import Principal
    >>> Principal.external("member-7")
    Principal(account_id=None, external_id='member-7', organisation_id=None, api_key_id=None, maker_id=None, guest_of=None)
    """

    account_id: int | None = None
    """The id of a Ticketing account."""
    external_id: str | None = None
    """The id of a user of your application: 1–200 characters."""
    organisation_id: int | None = None
    """The id of an organisation. It runs events; it neither buys nor scans."""
    api_key_id: int | None = None
    """The id of an API key. It acts on events; it neither buys nor runs them."""
    maker_id: int | None = None
    """The account that answers for the API key."""
    guest_of: str | None = None
    """The reference of the order that a guest buys, without an account."""

    def __post_init__(self) -> None:
        kinds = (self.account_id, self.external_id, self.organisation_id, self.api_key_id, self.guest_of)
        if sum(one is not None for one in kinds) != 1:
            raise TypeError("either account_id, external_id, organisation_id, api_key_id or guest_of must be given")
        if (self.api_key_id is None) != (self.maker_id is None):
            raise TypeError("api_key_id and maker_id belong together")

    @classmethod
    def account(cls, account_id: int) -> Principal:
        """A Ticketing account."""
        return cls(account_id=account_id)

    @classmethod
    def external(cls, external_id: str) -> Principal:
        """A user of your application."""
        return cls(external_id=external_id)

    @classmethod
    def organisation(cls, organisation_id: int) -> Principal:
        """An organisation."""
        return cls(organisation_id=organisation_id)

    @classmethod
    def guest(cls, order: str) -> Principal:
        """The guest who buys the order with this reference."""
        return cls(guest_of=order)

    def __str__(self) -> str:
        if self.guest_of is not None:
            return f"guest {self.guest_of}"
        if self.organisation_id is not None:
            return f"organisation {self.organisation_id}"
        if self.api_key_id is not None:
            return f"api key {self.api_key_id} of account {self.maker_id}"
        return f"external {self.external_id}" if self.account_id is None else f"account {self.account_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """A buyer and their email address."""

    who: Principal
    """Owns the tickets."""
    email: str | None = field(repr=False)
    """Where the tickets are mailed. Not in the ``repr``, so that addresses stay out of logs. ``None`` for a guest who has not given an
    address yet."""


class Role(Word):
    """What an account may do beyond buying and organising."""

    MEMBER = "member"
    """Buys, and organises their own events."""
    ADMIN = "admin"
    """Runs the installation: may see and manage the events of every organiser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A registered account."""

    id: int
    email: str = field(repr=False)
    """Unique, ignoring case."""
    name: str = field(repr=False)
    username: str | None = field(repr=False)
    """A second name to log in with."""
    phone: str | None = field(repr=False)
    role: Role
    is_active: bool
    """Inactive accounts cannot log in, and their tokens are refused."""
    disabled_reason: str | None = field(repr=False)
    """Why it is inactive, for administrators."""
    is_verified: bool
    """Whether the email address was verified."""
    has_second_factor: bool
    """Whether a code is asked for after the password."""
    erase_at: datetime | None
    """When it is to be erased."""
    erased_at: datetime | None
    """When it was erased: nothing but its id is left."""
    created_at: datetime
    updated_at: datetime

    @property
    def principal(self) -> Principal:
        """The account as a principal."""
        return Principal(account_id=self.id)

    @property
    def buyer(self) -> Buyer:
        """The account as a buyer."""
        return Buyer(who=self.principal, email=self.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Whether and when an account is erased."""

    at: datetime | None
    """When it is erased. ``None``: nobody has asked for it."""
    blocked_by: tuple[str, ...]
    """What stands in the way now: ``events``, ``payments``, ``refunds``, ``disputes``, ``organisations``, ``last_admin``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A logged-in session."""

    account: Account
    token: str = field(repr=False)
    """The session token, sent as ``Authorization: Bearer``."""
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """The sender of a session token."""

    account: Account
    session_id: int | None
    """The session. ``None`` for a token of an older version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session, as its account's owner sees it."""

    id: int
    account_id: int
    client: str | None
    """The program that has logged in: ``Firefox on Windows``."""
    created_at: datetime
    last_used_at: datetime
    """To the hour."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorState:
    """The second factor of an account."""

    since: datetime | None
    """Since when a code is asked for. ``None``: there is no second factor."""
    recovery_codes_left: int
    closed_until: datetime | None
    """Until when no code is taken, since there were too many wrong ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecondFactor:
    """A second factor that was begun, to be put into an authenticator app."""

    secret: str = field(repr=False)
    """In base 32, to be typed."""
    uri: str = field(repr=False)
    """The same as an ``otpauth://`` URI, for a link on a phone or a QR image."""


class ProofPurpose(Word):
    """What a token that was mailed is for."""

    VERIFY_EMAIL = "verify_email"
    """The address of an account belongs to its owner: ``verify_email``."""
    RESET_PASSWORD = "reset_password"
    """The account gets a new password: ``reset_password``."""
    CHANGE_EMAIL = "change_email"
    """The account gets a new address: ``confirm_email``."""
    UNDO_EMAIL = "undo_email"
    """The account gets its old address back: ``undo_email_change``."""
    JOIN_ORGANISATION = "join_organisation"
    """The account with the address becomes a member of an organisation: ``join_organisation``."""
    CODE = "code"
    """A mail of six digits. It has no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofState:
    """What a token that was mailed is for, and whether it can be used."""

    purpose: ProofPurpose
    is_open: bool
    """Whether it can be used now. Not if it was used or replaced, has expired, or its account does not allow it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChallenge:
    """What who has asked for a code keeps until the code is typed."""

    challenge: str = field(repr=False)
    """The secret that goes with the code. The code is of no use without it."""
    expires_at: datetime
    """Until when the code can be used."""
