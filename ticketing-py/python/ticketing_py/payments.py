"""Payments: attempts to pay an order, what became of them, and money on its way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from ._values import Money, Word
from .orders import Order
from .tickets import Ticket


class Mode(Word):
    """Whether real money moves."""

    TEST = "test"
    LIVE = "live"


class AttemptStatus(Word):
    """How an attempt stands."""

    CREATED = "created"
    UNKNOWN = "unknown"
    OPEN = "open"
    PROCESSING = "processing"
    FAILED = "failed"
    DROPPED = "dropped"
    LAPSED = "lapsed"
    FULFILLED = "fulfilled"
    REFUND_DUE = "refund_due"
    REVIEW = "review"
    REVERSED = "reversed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Where the buyer pays."""

    url: str
    """The page to send the buyer to."""
    access_code: str | None = None
    """For gateways with a pop-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Money that a gateway has taken from a buyer."""

    amount: Money
    """What was paid."""
    mode: Mode
    """Whether it was real money."""
    requested: Money | None = None
    """What had been asked for, where the gateway says so: payers may bear the fees."""
    paid_at: datetime | None = None
    gateway_id: str | None = None
    """The gateway's own id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to pay an order: one reference at one gateway."""

    reference: str
    """What the gateway knows it by, and what to ``verify``."""
    order_id: int
    gateway: str
    amount: Money
    mode: Mode
    status: AttemptStatus
    checkout: Checkout | None
    last_seen: str | None
    """What the gateway last said, in its own word."""
    captured: Captured | None
    """What was paid, once something was."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A payment that has begun."""

    order: Order
    attempt: Attempt
    checkout: Checkout | None
    """Where the buyer pays. ``None`` for a free order, whose tickets are issued already."""


class RefundReason(Word):
    """Why money goes back."""

    LATE = "late"
    DUPLICATE = "duplicate"
    EVENT_CANCELLED = "event_cancelled"
    REQUESTED = "requested"
    REVIEW = "review"


class RefundStatus(Word):
    """How a refund stands."""

    DUE = "due"
    UNKNOWN = "unknown"
    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"
    NEEDS_ATTENTION = "needs_attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back."""

    id: int
    key: str
    order_id: int
    attempt: str
    """The reference of the attempt whose money it is."""
    amount: Money
    reason: RefundReason
    note: str | None
    tickets: tuple[int, ...]
    """The ids of the tickets that it voided."""
    status: RefundStatus
    gateway_id: str | None
    last_seen: str | None
    tries: int
    next_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilled:
    """The order is paid and has its tickets."""

    order: Order
    tickets: tuple[Ticket, ...]
    first: bool
    """Whether this very call issued them: true in exactly one call for the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOpen:
    """Nothing is decided: the buyer may still pay."""

    order: Order
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed:
    """The gateway says that this try failed."""

    order: Order
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDue:
    """Money came that buys nothing (too late, or a second time), and goes back by itself."""

    order: Order
    refund: Refund


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentInReview:
    """Money came, but not what was asked for. A person decides."""

    order: Order
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReversed:
    """The money was taken back at the gateway, or is disputed there; the tickets are void."""

    order: Order


Settlement: TypeAlias = Fulfilled | PaymentOpen | PaymentFailed | RefundDue | PaymentInReview | PaymentReversed
"""What came of a payment: made for ``match``."""


class Verdict(Word):
    """What a person decides about a payment in review."""

    ACCEPT = "accept"
    """What came is enough: issue the tickets."""
    REFUND = "refund"
    """Send back what came."""


class WebhookStatus(Word):
    """What became of a webhook."""

    WAITING = "waiting"
    UNCONFIRMED = "unconfirmed"
    APPLIED = "applied"
    QUARANTINED = "quarantined"
    IGNORED = "ignored"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWebhook:
    """A webhook whose signature was good: kept byte for byte, applied by upkeep."""

    id: int
    gateway: str
    dedupe_key: str
    kind: str
    """In the gateway's own word, such as ``charge.success``."""
    reference: str | None
    """The attempt it is about."""
    body: bytes = field(repr=False)
    status: WebhookStatus
    tries: int
    note: str | None
    received_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One decision."""

    id: int
    at: datetime
    order_id: int
    actor: str
    """Who decided: ``system``, ``gateway paystack``, ``account 7``, ``external member-7``."""
    action: str
    """What was done, in a stable word such as ``order.expired``."""
    subject: str | None
    before: str | None
    after: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The whole story of an order's money, the oldest first."""

    order: Order
    attempts: tuple[Attempt, ...]
    refunds: tuple[Refund, ...]
    tickets: tuple[Ticket, ...]
    webhooks: tuple[StoredWebhook, ...]
    audit: tuple[AuditLine, ...]
