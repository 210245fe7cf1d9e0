"""Payment gateways: Paystack, and the protocol for one of your own."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from ._native import FakeGateway, PaystackGateway
from ._values import Money, Word
from .payments import Captured, Checkout, DisputeNews, Mode, RefundStatus

__all__ = [
    "AsyncPaymentGateway",
    "Charge",
    "Fetched",
    "FetchedRefund",
    "Gateway",
    "ListedRefund",
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
    """A payment to collect from the buyer."""

    reference: str
    """The attempt's reference."""
    amount: Money
    email: str = field(repr=False)
    return_url: str | None
    """Where the buyer returns afterwards. A return is never a proof of payment."""
    order: str
    """The reference of the order, for the gateway's dashboard."""


class Observation(Word):
    """The state of an attempt at the gateway."""

    SUCCESS = "success"
    """Paid. Requires ``captured``."""
    MISMATCHED = "mismatched"
    """Money came, but for another payment than the requested one. Requires ``captured``."""
    OPEN = "open"
    """The payer has not acted or has left the page. Not a failure."""
    PROCESSING = "processing"
    FAILED = "failed"
    """The attempt failed; it may still become a success."""
    REVERSED = "reversed"
    """Paid, and reversed since."""
    DISPUTED = "disputed"
    """Paid, and disputed by the payer since."""
    NOT_FOUND = "not_found"
    UNRECOGNISED = "unrecognised"
    """A status that your code does not know. The engine stores it and asks again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The gateway's report on an attempt."""

    observation: Observation
    raw_status: str
    """The gateway's own status."""
    captured: Captured | None = None
    """The captured money, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCall:
    """A refund to send."""

    key: str
    """Our idempotency key. Store it at the gateway, so that ``find_refund`` finds the refund."""
    attempt: str
    """The reference of the attempt to refund."""
    amount: Money
    gateway_id: str | None
    """The gateway's own id of the refund, if known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedRefund:
    """The gateway's report on a refund."""

    status: RefundStatus
    raw_status: str
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRefund:
    """A refund as the gateway lists it."""

    gateway_id: str
    """The gateway's own id of the refund. It never changes."""
    amount: Money
    status: RefundStatus
    raw_status: str
    key: str | None = None
    """Our idempotency key, if the engine asked for this refund."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as received."""

    headers: tuple[tuple[str, bytes], ...] = field(repr=False)
    """Every header in order; a repeated header appears twice."""
    body: bytes = field(repr=False)
    """Byte for byte."""
    received_at: datetime


class WebhookSubject(Word):
    """The subject of a webhook."""

    CHARGE = "charge"
    """A payment. Pass its state in ``reported``."""
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A webhook with a verified signature."""

    dedupe_key: str
    """Identical for every delivery of one event, different for different events."""
    kind: str
    """The gateway's own name for the event, such as ``charge.success``."""
    about: WebhookSubject
    reference: str | None = None
    """The reference of the attempt, if any."""
    reported: Fetched | None = None
    """The reported state of a charge. Only a hint: the engine calls ``fetch``."""
    dispute: DisputeNews | None = None
    """What is reported about a dispute. Default: one over the whole payment was opened."""


class PaymentGateway(Protocol):
    """Collects money. Any class with these methods is a gateway. Each method except ``read_webhook`` may be ``async``.

    - **Reference**: every call identifies the attempt by our reference. Never collect money twice for one reference.
    - **Truth**: only ``fetch`` decides whether money came.
    - **Errors say whether a retry is safe**: raise `GatewayNotSent` or `GatewayRejected` only if it is certain that nothing
      was done. Every other exception counts as `GatewayOutcomeUnknown`.
    - **Optional attributes**: ``currencies`` (a sequence of codes; default: all) are the currencies that the gateway charges.
      ``pays_within`` (a ``timedelta``) is how long a buyer may take to pay; the hold is extended to it once. A method
      ``refunds_of(reference)`` returns a sequence of `ListedRefund`, also of refunds made in the gateway's dashboard.
    - **Timeout**: a plain method runs on one of a few threads, an ``async`` one on the caller's event loop. After
      ``gateway_timeout`` the engine stops waiting.
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
        """Opens a checkout. For a used reference, raise `GatewayDuplicateReference`."""
        ...

    def fetch(self, reference: str, /) -> Fetched | None:
        """The state of an attempt; ``None`` if the gateway has no record of it."""
        ...

    def refund(self, refund: RefundCall, /) -> FetchedRefund:
        """Sends a refund. The engine never retries it blindly."""
        ...

    def find_refund(self, refund: RefundCall, /) -> FetchedRefund | None:
        """Looks up a refund that was, or may have been, sent."""
        ...

    def read_webhook(self, webhook: Webhook, /) -> WebhookEvent:
        """Verifies the signature, or raises `BadSignature`, and only then parses. Never ``async``: it must not block."""
        ...


class AsyncPaymentGateway(Protocol):
    """The same with ``async`` methods. They run on the caller's event loop."""

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
"""Any payment gateway."""
