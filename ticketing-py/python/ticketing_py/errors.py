"""What can go wrong: everything is a `TicketingError`, with a ``code`` for programs, ``facts``, and whether it is ``retryable``.

>>> from ticketing_py import SoldOut, TicketingError
>>> try:
...     await tickets.hold(buyer=ada, event_id=event.id, quantity=99)
... except SoldOut as no:
...     print(no.code, no.available, no.retryable, isinstance(no, TicketingError))
sold_out 3 False True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, TypeVar, cast

from ._values import Money

__all__ = [
    "AttemptUnknown",
    "BadSignature",
    "Busy",
    "CategoryTaken",
    "CategoryUnknown",
    "Closed",
    "ConfigurationError",
    "EmailTaken",
    "EventCancelled",
    "EventOver",
    "EventUnknown",
    "Forbidden",
    "Forked",
    "GatewayAuth",
    "GatewayCircuitOpen",
    "GatewayDuplicateReference",
    "GatewayError",
    "GatewayMalformed",
    "GatewayNotSent",
    "GatewayOutcomeUnknown",
    "GatewayRateLimited",
    "GatewayRejected",
    "GatewayUnavailable",
    "GatewayUnsupported",
    "HoldExpired",
    "Invalid",
    "InvalidRequest",
    "KeyReused",
    "MailError",
    "MailRefused",
    "NonceReused",
    "NotFound",
    "NotInReview",
    "NothingToRefund",
    "OrderCancelled",
    "OrderPaid",
    "OrderUnknown",
    "PaymentInProgress",
    "RefundExceedsPaid",
    "RefundUnknown",
    "Refused",
    "SoldOut",
    "StorageError",
    "StorageUnavailable",
    "TicketCancelled",
    "TicketForeign",
    "TicketRefunded",
    "TicketTransferred",
    "TicketTypeUnknown",
    "TicketUnknown",
    "TicketUsed",
    "TicketingError",
    "TotalTooLarge",
    "Unauthenticated",
    "UnreadableWebhook",
    "UsernameTaken",
    "WebhookError",
]

_BY_CODE: dict[str, type[Refused]] = {}
_BY_KIND: dict[str, type[GatewayError]] = {}


class TicketingError(Exception):
    """Why a call did not do what was wanted. Nothing is half-done."""

    code: str = "internal"
    """The error's stable name, for programs."""
    facts: Mapping[str, object]
    """What there is to know beside it: numbers, times, ids."""
    retry_after: float | None
    """In how many seconds the same call may work, if it may."""

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        facts: Mapping[str, object] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.facts = MappingProxyType(dict(facts or {}))
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether the same call may work later."""
        return self.retry_after is not None

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.code, dict(self.facts), self.retry_after)


E_co = TypeVar("E_co", bound=TicketingError)


def _rebuild(
    kind: type[E_co], message: str, code: str, facts: Mapping[str, object], retry_after: float | None
) -> E_co:
    error = kind.__new__(kind, message)
    TicketingError.__init__(error, message, code=code, facts=facts, retry_after=retry_after)
    return error


class Refused(TicketingError):
    """The rules say no. A caller plans for it; there is one class for each reason."""

    code = "refused"

    def __init_subclass__(cls) -> None:
        _BY_CODE[cls.code] = cls


class EmailTaken(Refused):
    """Somebody has an account with this address."""

    code = "email_taken"


class UsernameTaken(Refused):
    """Somebody has this user name."""

    code = "username_taken"


class CategoryTaken(Refused):
    """There is a category with this name."""

    code = "category_taken"


class CategoryUnknown(Refused):
    """There is no such category."""

    code = "category_unknown"


class EventUnknown(Refused):
    """There is no such event."""

    code = "event_unknown"

    @property
    def event_id(self) -> int:
        """What was asked for."""
        return cast(int, self.facts["event_id"])


class EventCancelled(Refused):
    """The event was called off."""

    code = "event_cancelled"


class EventOver(Refused):
    """The event has ended."""

    code = "event_over"

    @property
    def ended_at(self) -> datetime:
        """When it ended."""
        return cast(datetime, self.facts["ended_at"])


class TicketTypeUnknown(Refused):
    """The event has no such ticket type."""

    code = "ticket_type_unknown"

    @property
    def ticket_type_id(self) -> int:
        """What was asked for."""
        return cast(int, self.facts["ticket_type_id"])


class SoldOut(Refused):
    """There are fewer places than wanted."""

    code = "sold_out"

    @property
    def ticket_type_id(self) -> int:
        """Of which type."""
        return cast(int, self.facts["ticket_type_id"])

    @property
    def available(self) -> int:
        """How many there are."""
        return cast(int, self.facts["available"])


class TotalTooLarge(Refused):
    """The order would cost more than can be counted."""

    code = "total_too_large"


class KeyReused(Refused):
    """The same key was used before, for something else."""

    code = "key_reused"


class OrderUnknown(Refused):
    """There is no such order."""

    code = "order_unknown"


class HoldExpired(Refused):
    """The hold ran out."""

    code = "hold_expired"


class OrderCancelled(Refused):
    """The order was given up."""

    code = "order_cancelled"


class OrderPaid(Refused):
    """The order is paid already."""

    code = "order_paid"


class PaymentInProgress(Refused):
    """A payment of the order is in progress, so it cannot be given up."""

    code = "payment_in_progress"


class AttemptUnknown(Refused):
    """There is no such payment attempt."""

    code = "attempt_unknown"


class NotInReview(Refused):
    """The attempt is not waiting for a decision."""

    code = "not_in_review"


class TicketUnknown(Refused):
    """Nobody has such a ticket."""

    code = "ticket_unknown"


class TicketForeign(Refused):
    """The ticket is for an event of somebody else."""

    code = "ticket_foreign"


class TicketUsed(Refused):
    """The ticket has let somebody in."""

    code = "ticket_used"

    @property
    def used_at(self) -> datetime:
        """When."""
        return cast(datetime, self.facts["used_at"])

    @property
    def gate(self) -> str | None:
        """Where, if the scanner said."""
        return cast("str | None", self.facts["gate"])


class TicketRefunded(Refused):
    """The ticket's money goes back, or went."""

    code = "ticket_refunded"


class TicketCancelled(Refused):
    """The ticket is void."""

    code = "ticket_cancelled"


class TicketTransferred(Refused):
    """Somebody else has the ticket now, under another code."""

    code = "ticket_transferred"


class NonceReused(Refused):
    """The scan's name was used before, for another ticket."""

    code = "nonce_reused"


class RefundUnknown(Refused):
    """There is no such refund."""

    code = "refund_unknown"


class NothingToRefund(Refused):
    """Nothing is left that could be refunded."""

    code = "nothing_to_refund"


class RefundExceedsPaid(Refused):
    """More than was paid would go back."""

    code = "refund_exceeds_paid"

    @property
    def refundable(self) -> Money:
        """What may still go back."""
        return cast(Money, self.facts["refundable"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """A field that is not what is wanted."""

    field: str
    message: str


class InvalidRequest(TicketingError, ValueError):
    """What was given is not what is wanted. All faults of a request are found at once."""

    code = "invalid"

    @property
    def fields(self) -> tuple[Invalid, ...]:
        """What is wrong with which field."""
        return cast("tuple[Invalid, ...]", self.facts["fields"])


class NotFound(TicketingError):
    """There is no such thing, or it is somebody else's."""

    code = "not_found"


class Forbidden(TicketingError):
    """Who asks may not do this."""

    code = "forbidden"


class Unauthenticated(TicketingError):
    """Who asks did not prove who they are."""

    code = "unauthenticated"


class Busy(TicketingError):
    """Too much at once."""

    code = "busy"


class StorageError(TicketingError):
    """The storage is in trouble."""


class StorageUnavailable(StorageError):
    """The storage cannot be reached, or did not answer."""

    code = "storage_unavailable"


class ConfigurationError(TicketingError, ValueError):
    """The engine is put together in a way that cannot work."""

    code = "configuration"


class Closed(TicketingError):
    """It was closed, or Python is shutting down."""

    code = "closed"


class Forked(TicketingError):
    """It was in use when the process forked. Make a new one in the child, or use it there first."""

    code = "forked"


class GatewayError(TicketingError):
    """The payment gateway did not do what was wanted. A gateway written in Python raises the ones below.

    Anything else that it raises counts as `GatewayOutcomeUnknown`: money hangs on this.
    """

    code = "gateway_unavailable"
    kind: ClassVar[str] = ""
    """Which of them, in the engine's own word."""

    def __init_subclass__(cls) -> None:
        _BY_KIND[cls.kind] = cls


class GatewayNotSent(GatewayError):
    """Nothing reached the gateway: no connection could be made."""

    kind = "not_sent"


class GatewayCircuitOpen(GatewayError):
    """The breaker is open: nothing was sent."""

    code = "gateway_circuit_open"
    kind = "circuit_open"


class GatewayOutcomeUnknown(GatewayError):
    """Something was sent and no usable answer came back: done or not done, nobody knows."""

    kind = "outcome_unknown"


class GatewayUnavailable(GatewayError):
    """The gateway answered that it is out of order."""

    kind = "unavailable"


class GatewayRejected(GatewayError):
    """The gateway does not want this. ``GatewayRejected(facts={"gateway_code": "…"})`` tells its own code."""

    code = "gateway_rejected"
    kind = "rejected"


class GatewayDuplicateReference(GatewayError):
    """The reference was used before."""

    code = "gateway_rejected"
    kind = "duplicate_reference"


class GatewayAuth(GatewayError):
    """The key is wrong, or may not do this."""

    code = "gateway_misconfigured"
    kind = "auth"


class GatewayRateLimited(GatewayError):
    """Too many calls. ``GatewayRateLimited(retry_after=30)`` tells when to come again."""

    code = "gateway_busy"
    kind = "rate_limited"


class GatewayMalformed(GatewayError):
    """The answer cannot be read."""

    kind = "malformed"


class GatewayUnsupported(GatewayError):
    """The gateway cannot do this at all."""

    code = "gateway_misconfigured"
    kind = "unsupported"


class WebhookError(TicketingError):
    """A webhook was not read."""


class BadSignature(WebhookError):
    """The signature is missing, repeated, malformed or wrong."""

    code = "bad_signature"


class UnreadableWebhook(WebhookError):
    """The signature is good, but the body is not what the gateway documents."""

    code = "unreadable_webhook"


class MailError(TicketingError):
    """A mail was not delivered this time, and is tried again. So is whatever else a mailer raises."""

    code = "mail_later"


class MailRefused(MailError):
    """It will never work: the recipient or the mail itself was refused."""

    code = "mail_refused"


_OTHERS: dict[str, Callable[..., TicketingError]] = {
    error.code: error
    for error in (
        InvalidRequest,
        NotFound,
        Forbidden,
        Unauthenticated,
        Busy,
        StorageUnavailable,
        ConfigurationError,
        Closed,
        Forked,
        BadSignature,
        UnreadableWebhook,
    )
}


def _make(  # pyright: ignore[reportUnusedFunction]
    family: str, code: str, message: str, facts: Mapping[str, object], retry_after: float | None
) -> TicketingError:
    """The exception for what the engine says."""
    kind: Callable[..., TicketingError]
    if family == "refused":
        kind = _BY_CODE.get(code, Refused)
    elif family == "gateway":
        kind = _BY_KIND.get(cast(str, facts.get("kind")), GatewayError)
    elif family == "storage":
        kind = _OTHERS.get(code, StorageError)
    else:
        kind = _OTHERS.get(code, TicketingError)
    return kind(message, code=code, facts=facts, retry_after=retry_after)
