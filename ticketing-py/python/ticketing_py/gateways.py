"""Payment gateways: Paystack, and what one is that you write yourself."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from ._native import FakeGateway, PaystackGateway
from ._values import Money, Word
from .payments import Captured, Checkout, Mode, RefundStatus

__all__ = [
    "AsyncPaymentGateway",
    "Charge",
    "Fetched",
    "FetchedRefund",
    "Gateway",
    "Observation",
    "PaymentGateway",
    "PaystackGateway",
    "RefundCall",
    "Webhook",
    "WebhookEvent",
    "WebhookSubject",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What the buyer is to pay."""

    reference: str
    """The attempt's reference."""
    amount: Money
    email: str = field(repr=False)
    return_url: str | None
    """Where the buyer is sent afterwards. A hint to look, never a proof of payment."""
    order: str
    """The order's own reference, for people who look at the gateway's dashboard."""


class Observation(Word):
    """What a gateway says of an attempt."""

    SUCCESS = "success"
    """Paid. Needs ``captured``."""
    MISMATCHED = "mismatched"
    """Money came, but for another payment than the one that was asked about. Needs ``captured``."""
    OPEN = "open"
    """The payer has not acted, or has walked away. Not a failure."""
    PROCESSING = "processing"
    FAILED = "failed"
    """This try failed; may still become a success."""
    REVERSED = "reversed"
    """Paid, and taken back since."""
    DISPUTED = "disputed"
    """Paid, and disputed by the payer since."""
    NOT_FOUND = "not_found"
    UNRECOGNISED = "unrecognised"
    """A word that you do not know. It is kept, and asked about again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a gateway says of an attempt."""

    observation: Observation
    raw_status: str
    """In the gateway's own word."""
    captured: Captured | None = None
    """What was paid, where money came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCall:
    """Money to be sent back."""

    key: str
    """Our own name for the refund, which the gateway keeps so that we can find it again."""
    attempt: str
    """The reference of the attempt whose money it is."""
    amount: Money
    gateway_id: str | None
    """The gateway's own id of the refund, where we know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedRefund:
    """What a gateway says of a refund."""

    status: RefundStatus
    raw_status: str
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as it came in."""

    headers: tuple[tuple[str, bytes], ...] = field(repr=False)
    """Every header as it came, in order; a repeated header is there twice."""
    body: bytes = field(repr=False)
    """Byte for byte."""
    received_at: datetime


class WebhookSubject(Word):
    """What a webhook is about."""

    CHARGE = "charge"
    """Money came, or is said to have come: tell what in ``said``."""
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A webhook that is certainly the gateway's."""

    dedupe_key: str
    """The same for every delivery of one event, different for different events."""
    kind: str
    """In the gateway's own word, such as ``charge.success``."""
    about: WebhookSubject
    reference: str | None = None
    """The attempt it is about, if it is about one."""
    said: Fetched | None = None
    """What it says of a charge. Only a hint: the engine asks ``fetch``."""


class PaymentGateway(Protocol):
    """Takes money. Write your own: any class with these methods is one. Each method may be ``async`` instead.

    - **Reference**: every call names the attempt by our reference. Never take money twice for one.
    - **Truth**: only ``fetch`` tells whether money came.
    - **Errors say whether a retry is safe**: raise `GatewayNotSent` or `GatewayRejected` only where it is certain that nothing
      was done. Every other exception counts as `GatewayOutcomeUnknown`.
    - **Time**: a plain method runs on one of a few threads, an ``async`` one on the loop of whoever called the engine. Either is
      given up after ``gateway_timeout``, and the engine goes on.
    """

    @property
    def name(self) -> str:
        """The gateway's short name, stored with every attempt: lower-case letters."""
        ...

    @property
    def mode(self) -> Mode:
        """Whether real money moves."""
        ...

    def open_checkout(self, charge: Charge, /) -> Checkout:
        """Opens a checkout. Not repeatable: a used reference is `GatewayDuplicateReference`."""
        ...

    def fetch(self, reference: str, /) -> Fetched | None:
        """What the gateway knows of an attempt; ``None`` where it has no record of it."""
        ...

    def refund(self, refund: RefundCall, /) -> FetchedRefund:
        """Sends money back. Never repeated blindly."""
        ...

    def find_refund(self, refund: RefundCall, /) -> FetchedRefund | None:
        """Looks for a refund that was, or may have been, asked for."""
        ...

    def read_webhook(self, webhook: Webhook, /) -> WebhookEvent:
        """Checks the signature, or raises `BadSignature`, and only then reads. Never ``async``: it must not wait."""
        ...


class AsyncPaymentGateway(Protocol):
    """The same with ``async`` methods. They run on the event loop of whoever called the engine."""

    @property
    def name(self) -> str:
        """See `PaymentGateway`."""
        ...

    @property
    def mode(self) -> Mode:
        """See `PaymentGateway`."""
        ...

    def open_checkout(self, charge: Charge, /) -> Awaitable[Checkout]:
        """See `PaymentGateway`."""
        ...

    def fetch(self, reference: str, /) -> Awaitable[Fetched | None]:
        """See `PaymentGateway`."""
        ...

    def refund(self, refund: RefundCall, /) -> Awaitable[FetchedRefund]:
        """See `PaymentGateway`."""
        ...

    def find_refund(self, refund: RefundCall, /) -> Awaitable[FetchedRefund | None]:
        """See `PaymentGateway`."""
        ...

    def read_webhook(self, webhook: Webhook, /) -> WebhookEvent:
        """See `PaymentGateway`."""
        ...


Gateway: TypeAlias = PaystackGateway | FakeGateway | PaymentGateway | AsyncPaymentGateway
"""What takes the money."""
