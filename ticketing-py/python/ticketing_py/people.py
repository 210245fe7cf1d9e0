"""Who acts and who buys: accounts of ours, or the people whom your application knows already."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._values import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts: buys, organises, scans. An account of ours, or an identity of your own application.

    The engine believes you: make sure that they are who they say.

    >>> from ticketing_py import Principal
    >>> Principal.external("member-7")
    Principal(account_id=None, external_id='member-7')
    """

    account_id: int | None = None
    """The account's id, where it is an account of ours."""
    external_id: str | None = None
    """Your own id of them (1 to 200 characters), where it is one of yours."""

    def __post_init__(self) -> None:
        if (self.account_id is None) == (self.external_id is None):
            raise TypeError("a principal is either an account or external")

    @classmethod
    def account(cls, account_id: int) -> Principal:
        """An account of ours, by its id."""
        return cls(account_id=account_id)

    @classmethod
    def external(cls, external_id: str) -> Principal:
        """Somebody whom your application knows, by the id that it gives them."""
        return cls(external_id=external_id)

    def __str__(self) -> str:
        return f"external {self.external_id}" if self.account_id is None else f"account {self.account_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who buys, and where the tickets are mailed to."""

    who: Principal
    """The tickets are theirs."""
    email: str = field(repr=False)
    """Where the tickets go. Not in the ``repr``: addresses of people stay out of logs."""


class Role(Word):
    """What an account may do beyond buying and organising."""

    MEMBER = "member"
    """Buys, and organises events of their own."""
    ADMIN = "admin"
    """Runs the installation: may see and repair what belongs to any organiser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who registered with us."""

    id: int
    email: str = field(repr=False)
    """Unique without regard to case."""
    name: str = field(repr=False)
    username: str | None = field(repr=False)
    """A second name to log in with."""
    phone: str | None = field(repr=False)
    role: Role
    is_active: bool
    """Switched-off accounts cannot log in, and their tokens are refused."""
    is_verified: bool
    """Whether the address was proved to be theirs."""
    created_at: datetime
    updated_at: datetime

    @property
    def principal(self) -> Principal:
        """The account as somebody who acts."""
        return Principal(account_id=self.id)

    @property
    def buyer(self) -> Buyer:
        """The account as somebody who buys."""
        return Buyer(who=self.principal, email=self.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is logged in."""

    account: Account
    token: str = field(repr=False)
    """What proves it: sent as ``Authorization: Bearer``."""
    ends_at: datetime
