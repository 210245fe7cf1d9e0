"""Exceptions. Each is a `TicketingError` with a ``code`` for programs, ``facts``, and whether it is ``retryable``.

>>> from ticketing_py import SoldOut, TicketingError
>>> try:
...     await tickets.hold(buyer=ada, event_id=event.id, quantity=99)
... except SoldOut as error:
...     print(error.code, error.available, error.retryable, isinstance(error, TicketingError))
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
    "AccountUnknown",
    "AnnulTooLate",
    "AnswersRequired",
    "ApiKeyUnknown",
    "AttemptUnknown",
    "BadSignature",
    "Busy",
    "BuyerLimit",
    "BuyerUnnamed",
    "CapacityTooLow",
    "CategoryTaken",
    "CategoryUnknown",
    "Closed",
    "CodeLimit",
    "CodeTaken",
    "CodeUnknown",
    "CodeUsedUp",
    "ConfigurationError",
    "CurrencyUnsupported",
    "EmailTaken",
    "EmailUnverified",
    "ErasureBlocked",
    "EventCancelled",
    "EventDraft",
    "EventOver",
    "EventPast",
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
    "GatewayUnreadable",
    "GatewayUnsupported",
    "HasOrders",
    "HoldExpired",
    "Invalid",
    "InvalidRequest",
    "InvitationUnknown",
    "KeyReused",
    "LastAdmin",
    "LastOwner",
    "LastType",
    "MailCodeWrong",
    "MailError",
    "MailRefused",
    "MailSent",
    "MessageUnknown",
    "NoValidTickets",
    "NonceReused",
    "NotFound",
    "NotGranted",
    "NotInReview",
    "NotOnSale",
    "NothingToRefund",
    "OrderCancelled",
    "OrderPaid",
    "OrderUnknown",
    "OrganisationUnknown",
    "PaymentInProgress",
    "PriceChanged",
    "PriceHigher",
    "ProofUnknown",
    "RefundExceedsPaid",
    "RefundInProgress",
    "RefundUnknown",
    "Refused",
    "ReturnNotOpen",
    "SalesPaused",
    "ScanAnnulled",
    "ScanUnknown",
    "SecondFactorClosed",
    "SecondFactorOff",
    "SecondFactorOn",
    "SecondFactorRequired",
    "SecondFactorWanted",
    "SecondFactorWrong",
    "SoldOut",
    "Stale",
    "StorageError",
    "StorageUnavailable",
    "TicketCancelled",
    "TicketForeign",
    "TicketNotInOrder",
    "TicketNotValid",
    "TicketRefunded",
    "TicketTransferred",
    "TicketTypeNeeded",
    "TicketTypeUnknown",
    "TicketUnknown",
    "TicketUsed",
    "TicketingError",
    "TooFew",
    "TooMany",
    "TooManyApiKeys",
    "TooManyHolds",
    "TooManyInvitations",
    "TooManyMembers",
    "TooManyMessages",
    "TooManyOrganisations",
    "TooManyProofs",
    "TooManyResends",
    "TooManyTransfers",
    "TotalTooLarge",
    "TransferClosed",
    "TransferUnknown",
    "Unauthenticated",
    "UnreadableWebhook",
    "UsernameTaken",
    "WebhookError",
    "WrongEvent",
]

_BY_CODE: dict[str, type[Refused]] = {}
_BY_KIND: dict[str, type[GatewayError]] = {}


class TicketingError(Exception):
    """Why a call failed. Nothing is half-done."""

    code: str = "internal"
    """The error's stable name, for programs."""
    facts: Mapping[str, object]
    """Details: numbers, times, ids."""
    retry_after: float | None
    """After how many seconds a retry may succeed; ``None`` if it cannot."""

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
        """Whether a retry may succeed later."""
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
    """The rules refused the call. Expected in normal use; there is one subclass for each reason."""

    code = "refused"

    def __init_subclass__(cls) -> None:
        _BY_CODE[cls.code] = cls


class EmailTaken(Refused):
    """There is already an account with this address."""

    code = "email_taken"


class UsernameTaken(Refused):
    """This user name is taken."""

    code = "username_taken"


class CategoryTaken(Refused):
    """There is already a category with this name."""

    code = "category_taken"


class CategoryUnknown(Refused):
    """There is no such category."""

    code = "category_unknown"


class EventUnknown(Refused):
    """There is no such event."""

    code = "event_unknown"

    @property
    def event_id(self) -> int:
        """The id that was given."""
        return cast(int, self.facts["event_id"])


class EventDraft(Refused):
    """The event is a draft. Publish it first."""

    code = "event_draft"


class EventCancelled(Refused):
    """The event was cancelled."""

    code = "event_cancelled"


class EventPast(Refused):
    """The event would be in the past. `create_event` raises `InvalidRequest` instead."""

    code = "event_past"


class EventOver(Refused):
    """Ticket sales have ended: the event is over, or it has no end and began more than 24 hours ago."""

    code = "event_over"

    @property
    def ended_at(self) -> datetime:
        """When sales ended."""
        return cast(datetime, self.facts["ended_at"])


class TicketTypeNeeded(Refused):
    """The event has several ticket types, and none was chosen. `hold` and `buy` raise `InvalidRequest` instead."""

    code = "ticket_type_needed"


class TicketTypeUnknown(Refused):
    """The event has no such ticket type."""

    code = "ticket_type_unknown"

    @property
    def ticket_type_id(self) -> int:
        """The id that was given."""
        return cast(int, self.facts["ticket_type_id"])


class SoldOut(Refused):
    """There are fewer tickets left than requested."""

    code = "sold_out"

    @property
    def ticket_type_id(self) -> int:
        """The ticket type."""
        return cast(int, self.facts["ticket_type_id"])

    @property
    def available(self) -> int:
        """How many are left."""
        return cast(int, self.facts["available"])


class TooManyHolds(Refused):
    """The buyer already has as many unpaid orders for this event as one buyer may have."""

    code = "too_many_holds"

    @property
    def limit(self) -> int:
        """How many a buyer may have."""
        return cast(int, self.facts["limit"])


class BuyerLimit(Refused):
    """The buyer would have more tickets than one buyer may have: of the event, of a type, or of what is free."""

    code = "buyer_limit"

    @property
    def left(self) -> int:
        """How many the buyer may still have."""
        return cast(int, self.facts["left"])


class SalesPaused(Refused):
    """Sales are paused, of the event or of the ticket type."""

    code = "sales_paused"


class NotOnSale(Refused):
    """Tickets are not sold at this time: of the event, or of the ticket type."""

    code = "not_on_sale"

    @property
    def sales_from(self) -> datetime | None:
        """From when on they are sold, if that was set."""
        return cast("datetime | None", self.facts.get("from"))

    @property
    def sales_until(self) -> datetime | None:
        """Until when they are sold, if that was set."""
        return cast("datetime | None", self.facts.get("until"))


class TooFew(Refused):
    """The order has fewer tickets than one order must have."""

    code = "too_few"

    @property
    def min(self) -> int:
        """The fewest tickets."""
        return cast(int, self.facts["min"])


class TooMany(Refused):
    """The order has more tickets than one order may have."""

    code = "too_many"

    @property
    def max(self) -> int:
        """The most tickets."""
        return cast(int, self.facts["max"])


class CodeUnknown(Refused):
    """There is no such promo code, or it is not good now, or not for these tickets."""

    code = "code_unknown"


class CodeUsedUp(Refused):
    """The promo code was used as often as it may be."""

    code = "code_used_up"

    @property
    def left(self) -> int:
        """How many tickets can still be bought with it."""
        return cast(int, self.facts["left"])


class CodeLimit(Refused):
    """The order or the buyer would have more tickets with the promo code than allowed."""

    code = "code_limit"

    @property
    def left(self) -> int:
        """How many tickets can still be bought with it."""
        return cast(int, self.facts["left"])


class PriceChanged(Refused):
    """The order would cost something else than ``expect_total``."""

    code = "price_changed"

    @property
    def total(self) -> Money:
        """What it costs now."""
        return cast(Money, self.facts["total"])


class CodeTaken(Refused):
    """The event has a promo code with this text, with other settings."""

    code = "code_taken"


class Stale(Refused):
    """The event or the promo code changed since the caller read it."""

    code = "stale"

    @property
    def current(self) -> int:
        """Its current version."""
        return cast(int, self.facts["current"])


class CapacityTooLow(Refused):
    """The capacity, or the uses of a promo code, would be less than what is held and sold."""

    code = "capacity_too_low"

    @property
    def taken(self) -> int:
        """How many tickets are held and sold."""
        return cast(int, self.facts["taken"])

    @property
    def ticket_type_id(self) -> int | None:
        """The ticket type; ``None`` if it is the event's own capacity."""
        return cast("int | None", self.facts.get("ticket_type_id"))


class HasOrders(Refused):
    """There are orders, so this cannot change any more."""

    code = "has_orders"


class LastAdmin(Refused):
    """The account is the last active administrator, who can be neither demoted nor disabled."""

    code = "last_admin"


class ErasureBlocked(Refused):
    """The account cannot be erased yet: it is still needed."""

    code = "erasure_blocked"

    @property
    def by(self) -> str:
        """What stands in the way: ``events``, ``payments``, ``refunds``, ``disputes``, ``organisations`` or ``last_admin``."""
        return cast("str", self.facts["by"])


class LastOwner(Refused):
    """The account is the organisation's last active owner, who can neither leave nor get another role."""

    code = "last_owner"


class NotGranted(Refused):
    """The actor may not give or take away permissions that they do not have."""

    code = "not_granted"


class OrganisationUnknown(Refused):
    """There is no such organisation."""

    code = "organisation_unknown"


class AccountUnknown(Refused):
    """There is no account that can be a member, or it is no member."""

    code = "account_unknown"


class SecondFactorRequired(Refused):
    """The organisation requires a second factor of its members, and the account has none."""

    code = "second_factor_required"


class ApiKeyUnknown(Refused):
    """There is no API key that the actor may manage, or it does not work any more."""

    code = "api_key_unknown"


class TooManyApiKeys(Refused):
    """The account has as many API keys as it may have."""

    code = "too_many_api_keys"

    @property
    def limit(self) -> int:
        """How many it may have."""
        return cast(int, self.facts["limit"])


class TooManyInvitations(Refused):
    """The organisation has as many open invitations as it may have."""

    code = "too_many_invitations"

    @property
    def limit(self) -> int:
        """How many it may have."""
        return cast(int, self.facts["limit"])


class InvitationUnknown(Refused):
    """The organisation has no such invitation, or it was accepted."""

    code = "invitation_unknown"


class TooManyMembers(Refused):
    """The organisation has as many members as it may have."""

    code = "too_many_members"

    @property
    def limit(self) -> int:
        """How many it may have."""
        return cast(int, self.facts["limit"])


class TooManyOrganisations(Refused):
    """The account is in as many organisations as it may be, or has founded as many as it may."""

    code = "too_many_organisations"

    @property
    def limit(self) -> int:
        """How many it may have."""
        return cast(int, self.facts["limit"])


class EmailUnverified(Refused):
    """The account's e-mail address must be verified first."""

    code = "email_unverified"


class BuyerUnnamed(Refused):
    """The guest who bought the order has not given an address yet."""

    code = "buyer_unnamed"


class LastType(Refused):
    """A published event must keep a ticket type that everybody sees."""

    code = "last_type"


class TotalTooLarge(Refused):
    """The total of the order is too large."""

    code = "total_too_large"


class KeyReused(Refused):
    """The same key was used before, for a different request."""

    code = "key_reused"


class OrderUnknown(Refused):
    """There is no such order."""

    code = "order_unknown"


class HoldExpired(Refused):
    """The hold ran out."""

    code = "hold_expired"


class OrderCancelled(Refused):
    """The order was cancelled."""

    code = "order_cancelled"


class OrderPaid(Refused):
    """The order is already paid."""

    code = "order_paid"


class PaymentInProgress(Refused):
    """A payment of the order is in progress, so it cannot be cancelled."""

    code = "payment_in_progress"


class AttemptUnknown(Refused):
    """There is no such payment attempt."""

    code = "attempt_unknown"


class NotInReview(Refused):
    """The attempt is not waiting for a decision."""

    code = "not_in_review"


class TicketUnknown(Refused):
    """There is no such ticket."""

    code = "ticket_unknown"


class TicketForeign(Refused):
    """The ticket is for an event of another organiser."""

    code = "ticket_foreign"


class TicketUsed(Refused):
    """The ticket was already used."""

    code = "ticket_used"

    @property
    def used_at(self) -> datetime:
        """When it was used."""
        return cast(datetime, self.facts["used_at"])

    @property
    def gate(self) -> str | None:
        """The gate, if the scanner named one."""
        return cast("str | None", self.facts["gate"])


class TicketRefunded(Refused):
    """The ticket was refunded, or is being refunded."""

    code = "ticket_refunded"


class TicketCancelled(Refused):
    """The ticket is void."""

    code = "ticket_cancelled"


class TicketTransferred(Refused):
    """The ticket was transferred and has a new code."""

    code = "ticket_transferred"


class WrongEvent(Refused):
    """The ticket is for another event than the entrance. It stays unused."""

    code = "wrong_event"

    @property
    def event_id(self) -> int:
        """The ticket's event."""
        return cast(int, self.facts["event_id"])


class NonceReused(Refused):
    """The nonce was used before, for another ticket or entrance."""

    code = "nonce_reused"


class ScanAnnulled(Refused):
    """The scan was undone. It admits nobody; a new scan does."""

    code = "scan_annulled"

    @property
    def annulled_at(self) -> datetime:
        """When it was undone."""
        return cast(datetime, self.facts["annulled_at"])


class ScanUnknown(Refused):
    """There is no such scan."""

    code = "scan_unknown"


class AnnulTooLate(Refused):
    """The scan is too old to be undone."""

    code = "annul_too_late"

    @property
    def until(self) -> datetime:
        """Until when it could be undone."""
        return cast(datetime, self.facts["until"])


class ReturnNotOpen(Refused):
    """The buyer cannot return tickets of this order: the event does not allow it, or the time for it is over."""

    code = "return_not_open"

    @property
    def until(self) -> datetime | None:
        """Until when they could be returned, if they ever could."""
        return cast("datetime | None", self.facts.get("until"))


class TicketNotInOrder(Refused):
    """The ticket does not belong to this order."""

    code = "ticket_not_in_order"

    @property
    def ticket_id(self) -> int:
        """The requested id."""
        return cast(int, self.facts["ticket_id"])


class TicketNotValid(Refused):
    """The ticket is not valid any more, so it cannot be refunded or made void."""

    code = "ticket_not_valid"

    @property
    def ticket_id(self) -> int:
        """The ticket."""
        return cast(int, self.facts["ticket_id"])

    @property
    def ticket_status(self) -> str:
        """Its status."""
        return cast(str, self.facts["ticket_status"])


class CurrencyUnsupported(Refused):
    """The payment gateway cannot charge the currency."""

    code = "currency_unsupported"

    @property
    def currency(self) -> str:
        """The currency."""
        return cast(str, self.facts["currency"])


class MailSent(Refused):
    """The mail was sent not long ago."""

    code = "mail_sent"

    @property
    def again_at(self) -> datetime:
        """From when it may be sent again."""
        return cast(datetime, self.facts["again_at"])


class ProofUnknown(Refused):
    """There is no such token, it is for something else, it was used or replaced, or it has expired."""

    code = "proof_unknown"


class MailCodeWrong(Refused):
    """The code that was mailed is another one."""

    code = "mail_code_wrong"

    @property
    def left(self) -> int:
        """How many more wrong codes there may be until this one is of no use any more."""
        return cast(int, self.facts["left"])


class TooManyResends(Refused):
    """The tickets of the order were sent again too often."""

    code = "too_many_resends"

    @property
    def again_at(self) -> datetime:
        """From when they may be sent again."""
        return cast(datetime, self.facts["again_at"])


class NoValidTickets(Refused):
    """The order has no valid ticket."""

    code = "no_valid_tickets"


class RefundInProgress(Refused):
    """The gateway has not answered about the refund for good."""

    code = "refund_in_progress"


class TooManyProofs(Refused):
    """Too many mails of one purpose were requested for the address."""

    code = "too_many_proofs"

    @property
    def again_at(self) -> datetime:
        """When the next is allowed."""
        return cast(datetime, self.facts["again_at"])


class SecondFactorWanted(Refused):
    """The password is right, and a code of the second factor is needed too."""

    code = "second_factor_wanted"

    @property
    def ticket(self) -> str:
        """What ``login_with_code`` takes. It is no session."""
        return cast(str, self.facts["ticket"])

    @property
    def until(self) -> datetime:
        """Until when it is good."""
        return cast(datetime, self.facts["until"])


class SecondFactorWrong(Refused):
    """The code is wrong, or was used before."""

    code = "second_factor_wrong"

    @property
    def left(self) -> int:
        """How many more wrong codes there may be until no code is taken for a while."""
        return cast(int, self.facts["left"])


class SecondFactorClosed(Refused):
    """There were too many wrong codes, so no code is taken for a while."""

    code = "second_factor_closed"

    @property
    def again_at(self) -> datetime:
        """From when on codes are taken again."""
        return cast(datetime, self.facts["again_at"])


class SecondFactorOn(Refused):
    """The account has a second factor already."""

    code = "second_factor_on"


class SecondFactorOff(Refused):
    """The account has no second factor, or none that waits for its first code."""

    code = "second_factor_off"


class PriceHigher(Refused):
    """The other ticket type costs more than the ticket did."""

    code = "price_higher"

    @property
    def difference(self) -> Money:
        """How much more it costs."""
        return cast(Money, self.facts["difference"])


class TransferUnknown(Refused):
    """There is no such transfer, or it was withdrawn or has expired. `take_transfer` raises `NotFound` instead."""

    code = "transfer_unknown"


class TransferClosed(Refused):
    """The ticket cannot be transferred: the event does not allow it, or not any more."""

    code = "transfer_closed"


class TooManyTransfers(Refused):
    """The ticket was offered too often."""

    code = "too_many_transfers"

    @property
    def again_at(self) -> datetime:
        """From when on it may be offered again."""
        return cast(datetime, self.facts["again_at"])


class AnswersRequired(Refused):
    """Some questions of the event must be answered first."""

    code = "answers_required"

    @property
    def questions(self) -> str:
        """The keys of the questions, separated by commas."""
        return cast(str, self.facts["questions"])


class MessageUnknown(Refused):
    """There is no such message. `stop_message` raises `NotFound` instead."""

    code = "message_unknown"


class TooManyMessages(Refused):
    """Too many messages were sent to the attendees of the event."""

    code = "too_many_messages"

    @property
    def again_at(self) -> datetime:
        """From when on the next may be sent."""
        return cast(datetime, self.facts["again_at"])


class RefundUnknown(Refused):
    """There is no such refund."""

    code = "refund_unknown"


class NothingToRefund(Refused):
    """Nothing is left to refund."""

    code = "nothing_to_refund"


class RefundExceedsPaid(Refused):
    """The refund exceeds what was paid."""

    code = "refund_exceeds_paid"

    @property
    def refundable(self) -> Money:
        """What can still be refunded."""
        return cast(Money, self.facts["refundable"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """An invalid field."""

    field: str
    message: str


class InvalidRequest(TicketingError, ValueError):
    """The arguments are invalid. All invalid fields are reported at once."""

    code = "invalid"

    @property
    def fields(self) -> tuple[Invalid, ...]:
        """The invalid fields."""
        return cast("tuple[Invalid, ...]", self.facts["fields"])


class NotFound(TicketingError):
    """It does not exist, or belongs to somebody else."""

    code = "not_found"


class Forbidden(TicketingError):
    """The caller may not do this."""

    code = "forbidden"


class Unauthenticated(TicketingError):
    """The caller is not authenticated."""

    code = "unauthenticated"


class Busy(TicketingError):
    """Too many calls at once."""

    code = "busy"


class StorageError(TicketingError):
    """The storage failed."""


class StorageUnavailable(StorageError):
    """The storage cannot be reached or did not answer."""

    code = "storage_unavailable"


class ConfigurationError(TicketingError, ValueError):
    """The configuration of the engine is invalid."""

    code = "configuration"


class Closed(TicketingError):
    """The engine was closed, or Python is shutting down."""

    code = "closed"


class Forked(TicketingError):
    """The engine was in use when the process forked. Make a new one in the child."""

    code = "forked"


class GatewayError(TicketingError):
    """A call of the payment gateway failed. A gateway that is written in Python raises the subclasses.

    Any other exception counts as `GatewayOutcomeUnknown`, because the money may have moved.
    """

    code = "gateway_unavailable"
    kind: ClassVar[str] = ""
    """The engine's own name for the error."""

    def __init_subclass__(cls) -> None:
        _BY_KIND[cls.kind] = cls


class GatewayNotSent(GatewayError):
    """Nothing reached the gateway: no connection could be made."""

    kind = "not_sent"


class GatewayCircuitOpen(GatewayError):
    """The circuit breaker is open: nothing was sent."""

    code = "gateway_circuit_open"
    kind = "circuit_open"


class GatewayOutcomeUnknown(GatewayError):
    """The request was sent, but no usable answer came back: the outcome is unknown."""

    kind = "outcome_unknown"


class GatewayUnavailable(GatewayError):
    """The gateway answered that it is unavailable."""

    kind = "unavailable"


class GatewayRejected(GatewayError):
    """The gateway rejected the request. ``GatewayRejected(facts={"gateway_code": "…"})`` passes its own code on."""

    code = "gateway_rejected"
    kind = "rejected"


class GatewayDuplicateReference(GatewayError):
    """The reference was used before."""

    code = "gateway_rejected"
    kind = "duplicate_reference"


class GatewayAuth(GatewayError):
    """The API key is wrong or lacks a permission."""

    code = "gateway_misconfigured"
    kind = "auth"


class GatewayRateLimited(GatewayError):
    """Too many calls. ``GatewayRateLimited(retry_after=30)`` says when to retry, in seconds."""

    code = "gateway_busy"
    kind = "rate_limited"


class GatewayUnreadable(GatewayError):
    """The gateway answered, and what it says about this payment cannot be read. Says nothing about other payments."""

    kind = "unreadable"


class GatewayMalformed(GatewayError):
    """The answer is not the gateway's own: a proxy's page, for example. Counts as the gateway being unavailable."""

    kind = "malformed"


class GatewayUnsupported(GatewayError):
    """The gateway does not support this."""

    code = "gateway_misconfigured"
    kind = "unsupported"


class WebhookError(TicketingError):
    """A webhook was rejected."""


class BadSignature(WebhookError):
    """The signature is missing, repeated, malformed or wrong."""

    code = "bad_signature"


class UnreadableWebhook(WebhookError):
    """The signature is valid, but the body is not what the gateway documents."""

    code = "unreadable_webhook"


class MailError(TicketingError):
    """A mail was not delivered this time and is retried, as after any other exception of a mailer."""

    code = "mail_later"


class MailRefused(MailError):
    """The recipient or the mail was refused for good: no retry."""

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
    """The exception for an error of the engine."""
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
