"""Payments: attempts to pay an order, their outcomes, and refunds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from ._values import Money, Word
from .orders import Order
from .people import Principal
from .tickets import Ticket


class Mode(Word):
    """Whether real money moves."""

    TEST = "test"
    LIVE = "live"


class AttemptStatus(Word):
    """The status of an attempt."""

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
    """For gateways with a pop-up checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Money that a gateway has captured."""

    amount: Money
    """What was paid."""
    mode: Mode
    """Whether it is real money."""
    requested: Money | None = None
    """The requested amount, if the gateway reports it: the payer may bear the fees."""
    paid_at: datetime | None = None
    gateway_id: str | None = None
    """The gateway's own id."""


class DisputeStage(Word):
    """How far a dispute is."""

    OPEN = "open"
    WON = "won"
    """The merchant keeps the money."""
    LOST = "lost"
    """The payer gets the money back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeNews:
    """What a gateway reports about a dispute."""

    id: str
    """The gateway's id of the dispute, the same in all reports about it."""
    stage: DisputeStage
    amount: Money | None = None
    """The disputed amount. ``None`` means all of what was paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute over a payment."""

    id: str
    """The gateway's id of the dispute."""
    stage: DisputeStage
    amount: Money | None
    """The disputed amount. ``None`` means all of what was paid."""
    voided: tuple[int, ...]
    """The ids of the tickets that are void because of it."""
    opened_at: datetime


class Attention(Word):
    """Why a person should look at a payment, beyond what its status says."""

    UNREADABLE = "unreadable"
    """The gateway's answer about it cannot be read."""
    CONTRADICTED = "contradicted"
    """A signed webhook and the gateway's own answer contradict each other."""
    PARTIAL_DISPUTE = "partial_dispute"
    """The payer disputes a part of it."""
    DISPUTE_WON = "dispute_won"
    """A dispute was won, and the places of its tickets are gone."""
    REFUNDED_ELSEWHERE = "refunded_elsewhere"
    """A part of it was refunded at the gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to pay an order: one reference at one gateway."""

    reference: str
    """Identifies the attempt at the gateway. Pass it to ``verify``."""
    order_id: int
    gateway: str
    amount: Money
    mode: Mode
    status: AttemptStatus
    checkout: Checkout | None
    last_seen: str | None
    """The status that the gateway last reported, in its own words."""
    captured: Captured | None
    """The captured money, once there is any."""
    note: str | None = field(repr=False)
    """What the person wrote who decided about it last."""
    recorded_by: Principal | None
    """Who has recorded it, if a person has: for cash, bank transfers and tickets that were given away."""
    disputes: tuple[Dispute, ...]
    """The payer's disputes, oldest first."""
    attention: tuple[Attention, ...]
    """Why a person should look at it. Often empty."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A started payment."""

    order: Order
    attempt: Attempt
    checkout: Checkout | None
    """Where the buyer pays. ``None`` for a free order, whose tickets are already issued."""


class RefundReason(Word):
    """Why money is refunded."""

    LATE = "late"
    DUPLICATE = "duplicate"
    EVENT_CANCELLED = "event_cancelled"
    EVENT_CHANGED = "event_changed"
    """The date or the place of the event changed, and the buyer returned tickets."""
    RETURNED = "returned"
    """The buyer returned tickets, as the event allows."""
    SWAPPED = "swapped"
    """A ticket was swapped for one of a cheaper type."""
    REQUESTED = "requested"
    REVIEW = "review"
    ELSEWHERE = "elsewhere"
    """Made at the gateway, not by the engine."""


class RefundStatus(Word):
    """The status of a refund."""

    DUE = "due"
    UNKNOWN = "unknown"
    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"
    NEEDS_ATTENTION = "needs_attention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund."""

    id: int
    key: str
    order_id: int
    attempt: str
    """The reference of the attempt that is refunded."""
    amount: Money
    reason: RefundReason
    note: str | None
    tickets: tuple[int, ...]
    """The ids of the tickets that the refund voided."""
    status: RefundStatus
    gateway_id: str | None
    last_seen: str | None
    tries: int
    next_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnQuote:
    """Whether tickets of an order can be returned, and how much that would refund."""

    order: Order
    until: datetime | None
    """Until when they can be returned, or could be. ``None``: never."""
    reason: RefundReason | None
    """Why they can be returned now. ``None`` if they cannot."""
    keep_percent: int
    """How much of their price is kept, in percent."""
    tickets: tuple[tuple[int, Money], ...]
    """The ids of the tickets that can be returned, each with what goes back for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilled:
    """The order is paid and has its tickets."""

    order: Order
    tickets: tuple[Ticket, ...]
    first: bool
    """Whether this call issued the tickets: true for exactly one call per order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOpen:
    """The buyer has not paid yet, and still can."""

    order: Order
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed:
    """The gateway reports that the attempt failed."""

    order: Order
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDue:
    """Money came too late or a second time. It is refunded automatically."""

    order: Order
    refund: Refund


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentInReview:
    """Money came, but not what was requested. A person decides."""

    order: Order
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReversed:
    """The payment was reversed or is disputed at the gateway. The tickets are void."""

    order: Order


Settlement: TypeAlias = Fulfilled | PaymentOpen | PaymentFailed | RefundDue | PaymentInReview | PaymentReversed
"""The outcome of a payment. Use it with ``match``."""


class Verdict(Word):
    """The decision on a payment that is in review or needs attention."""

    ACCEPT = "accept"
    """Accept the money and issue the tickets, or make them valid again; otherwise leave everything as it is."""
    REFUND = "refund"
    """Refund the money, or what is left of it."""
    VOID = "void"
    """Make some tickets void without sending money."""


class WebhookStatus(Word):
    """The status of a webhook."""

    WAITING = "waiting"
    UNCONFIRMED = "unconfirmed"
    APPLIED = "applied"
    QUARANTINED = "quarantined"
    IGNORED = "ignored"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWebhook:
    """A webhook with a valid signature. It is stored byte for byte and applied by upkeep."""

    id: int
    gateway: str
    dedupe_key: str
    kind: str
    """The gateway's own name for the event, such as ``charge.success``."""
    reference: str | None
    """The reference of the attempt."""
    body: bytes = field(repr=False)
    status: WebhookStatus
    tries: int
    note: str | None
    received_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One entry of the audit log."""

    id: int
    at: datetime
    order_id: int | None
    """The order that it is about, if any."""
    account_id: int | None
    """The account that it is about, if any."""
    organisation_id: int | None
    """The organisation that it happened to, if any."""
    actor: str
    """Who decided: ``system``, ``gateway paystack``, ``account 7``, ``external member-7``, ``operator``."""
    action: str
    """A stable name such as ``order.expired``."""
    subject: str | None
    """What of the order was decided: an attempt's reference, a refund's key."""
    before: str | None
    after: str | None
    reason: str
    """For people to read. Empty for what was decided about an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The payment history of an order, oldest entries first."""

    order: Order
    attempts: tuple[Attempt, ...]
    refunds: tuple[Refund, ...]
    tickets: tuple[Ticket, ...]
    webhooks: tuple[StoredWebhook, ...]
    audit: tuple[AuditLine, ...]
