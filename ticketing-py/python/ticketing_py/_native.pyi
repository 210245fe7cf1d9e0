import os
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, final
from zoneinfo import ZoneInfo

from typing_extensions import Self

from ._values import CursorPage, Money, Page
from .account_data import AccountData
from .api_keys import ApiKey, Caller, NewApiKey
from .events import Category, Event, EventPhase, EventSort, EventStatus, EventTerms, NewTicketType, SalesRules, Weekday
from .exports import Cell, ExportKind
from .gateways import Charge, Gateway, RefundCall
from .mailers import Mailer
from .mails import Mail, OutboxMail
from .messages import Message, Presence
from .orders import (
    Imported,
    IssueLine,
    IssuePayment,
    Issued,
    Line,
    Order,
    OrderDetails,
    OrderEntry,
    OrderStatus,
    PaymentMethod,
    Quote,
)
from .payments import (
    Attempt,
    AuditLine,
    Mode,
    Payment,
    Refund,
    RefundStatus,
    ReturnQuote,
    Settlement,
    Started,
    StoredWebhook,
    Verdict,
)
from .organisations import Invitation, Member, MemberRole, Membership, Organisation, Permission
from .people import (
    Account,
    Authenticated,
    Buyer,
    CodeChallenge,
    Erasure,
    NewSecondFactor,
    Principal,
    ProofState,
    Role,
    SecondFactorState,
    Session,
    StoredSession,
)
from .promo_codes import PromoCode
from .storages import Storage
from .tickets import Attendee, AttendeeEntry, CheckIn, Ticket, TicketStatus
from .transfers import FoundTransfer, PriceDifference, Swapped, TakenTransfer, Transfer
from .upkeep import UpkeepReport
from .errors import GatewayError, MailError, Refused

__all__ = [
    "AsyncEngine",
    "Engine",
    "Export",
    "FakeGateway",
    "FileMailer",
    "Job",
    "ManualClock",
    "MemoryMailer",
    "MemoryStorage",
    "PaystackGateway",
    "SmtpMailer",
    "__version__",
    "_every_refusal",
    "_shutdown",
    "_tasks",
    "money",
    "percent",
    "qr_png",
    "qr_svg",
    "utc_offset",
]

__version__: str

def money(amount: str, currency: str) -> str: ...
def percent(text: str) -> str: ...
def qr_png(code: str) -> bytes: ...
def qr_svg(code: str) -> str: ...
def utc_offset(time_zone: str, at: datetime) -> int: ...
def _every_refusal() -> list[Refused]: ...
def _shutdown() -> None: ...
def _tasks() -> int: ...
@final
class MemoryStorage:
    """Keeps everything in memory: it is gone when the process ends. Engines that are given the same object share it."""

    def __new__(cls) -> MemoryStorage: ...

@final
class ManualClock:
    """A clock that only moves when you set it."""

    def __new__(cls, now: datetime) -> ManualClock: ...
    def now(self) -> datetime:
        """The current time."""
    def set(self, now: datetime) -> None:
        """Sets the time, forwards or back."""
    def advance(self, by: timedelta) -> None:
        """Moves the time forwards."""

@final
class Export:
    """An export that is being read."""

@final
class PaystackGateway:
    """A gateway that takes money through Paystack."""

    def __new__(
        cls,
        secret_key: str,
        *,
        base_url: str | None = None,
        webhook_keys: Sequence[str] = ...,
        timeout: timedelta | None = None,
        refund_timeout: timedelta | None = None,
        pays_within: timedelta | None = ...,
    ) -> PaystackGateway: ...
    @property
    def name(self) -> str: ...
    @property
    def mode(self) -> Mode: ...

@final
class FakeGateway:
    """A scripted payment gateway in memory, for tests. It records which money moved."""

    def __new__(cls) -> FakeGateway: ...
    @property
    def name(self) -> str: ...
    @property
    def mode(self) -> Mode: ...
    @property
    def signature(self) -> tuple[str, bytes]:
        """The header, name and value, that signs a webhook of this gateway."""
    def pay(self, reference: str) -> None:
        """The buyer pays the requested amount."""
    def pay_amount(self, reference: str, amount: Money) -> None:
        """The buyer pays another amount than requested."""
    def decline(self, reference: str) -> None:
        """The payment is declined."""
    def processing(self, reference: str) -> None:
        """The payment is in progress."""
    def reverse(self, reference: str) -> None:
        """The money is taken back from the seller."""
    def fail_next_open(self, error: GatewayError) -> None:
        """The next ``open_checkout`` fails and opens no checkout."""
    def lose_next_open(self) -> None:
        """The next ``open_checkout`` opens a checkout, but the answer is lost."""
    def fail_next_fetch(self, error: GatewayError) -> None:
        """The next ``fetch`` fails."""
    def refund_elsewhere(self, reference: str, amount: Money) -> None:
        """Somebody refunds a part of a payment in the gateway's dashboard."""
    def fail_next_refund(self, error: GatewayError) -> None:
        """The next ``refund`` fails and sends no money back."""
    def lose_next_refund(self) -> None:
        """The next ``refund`` sends the money back, but the answer is lost."""
    def refunds_take_time(self) -> None:
        """From now on, refunds stay pending until ``finish_refunds`` is called."""
    def finish_refunds(self, status: RefundStatus) -> None:
        """Finishes all pending refunds with this status."""
    def charge(self, reference: str) -> Charge | None:
        """The charge of a reference, if a checkout was opened for it."""
    def refunds(self) -> tuple[RefundCall, ...]:
        """Every refund that was made."""
    def calls(self) -> dict[str, int]:
        """The number of calls of each method."""

@final
class SmtpMailer:
    """Sends mail through a mail server."""

    def __new__(
        cls,
        host: str,
        *,
        sender: str,
        port: int | None = None,
        security: Literal["starttls", "tls", "plain"] = "starttls",
        user: str | None = None,
        password: str | None = None,
        pool_size: int = 4,
        send_timeout: timedelta | None = None,
        extra_root_pem: str | None = None,
    ) -> SmtpMailer: ...

@final
class FileMailer:
    """Writes every mail to a file of its own."""

    def __new__(cls, directory: str | os.PathLike[str], *, sender: str) -> FileMailer: ...
    def path(self, message_id: str) -> os.PathLike[str]:
        """The path of the file for the mail with this Message-ID."""

@final
class MemoryMailer:
    """Keeps every mail in memory. For tests: it can be told to fail."""

    def __new__(cls) -> MemoryMailer: ...
    def sent(self) -> tuple[Mail, ...]:
        """Every mail that was accepted, oldest first."""
    def sent_to(self, to: str) -> tuple[Mail, ...]:
        """Every mail that was accepted for one address, oldest first."""
    def fail_next(self, error: MailError) -> None:
        """Makes the next mail fail with this error."""
    def lose_next_answer(self) -> None:
        """Accepts the next mail, but loses the answer."""
    def clear(self) -> None:
        """Forgets every mail and every scripted failure."""

@final
class Job:
    """One call of a method, as `_callbacks.py` sees it."""

    @property
    def name(self) -> str: ...
    def begin(self) -> tuple[Callable[[Any], Any], Any] | None: ...
    def finish(self, answer: object) -> BaseException | None: ...
    def fail(self, error: BaseException) -> BaseException | None: ...
    def on_loop(self, loop_: AbstractEventLoop) -> None: ...
    def loop(self) -> AbstractEventLoop | None: ...

@final
class Engine:
    def __new__(
        cls,
        storage: Storage,
        *,
        gateway: Gateway | None,
        mailer: Mailer | None,
        hold_for: float,
        naming_for: float,
        max_open_holds: int | None,
        max_free_tickets: int | None,
        mail_domain: str,
        public_url: str | None,
        proof_url: str | None,
        token_secret: bytes | None,
        token_lifetime: float,
        session_idle: float | None,
        hashing_threads: int | None,
        refuse_common_passwords: bool,
        test_keys: bool,
        verified_organizers: bool,
        unproved_members: bool,
        keep_webhooks: float | None,
        keep_mails: float | None,
        keep_buyers: float | None,
        clock: ManualClock | None,
        circuit_breaker: bool,
        gateway_timeout: float,
        mailer_timeout: float,
        upkeep_every: float,
    ) -> Self: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def start_upkeep(self) -> None: ...
    def stop_upkeep(self) -> None: ...
    def run_upkeep(self, limit: int, at_once: int) -> UpkeepReport: ...
    def register(
        self,
        email: str,
        name: str,
        password: str,
        username: str | None,
        phone: str | None,
    ) -> Account: ...
    def login(self, name: str, password: str, client: str | None) -> Session: ...
    def login_with_code(self, ticket: str, code: str, client: str | None) -> Session: ...
    def authenticate(self, token: str) -> Account: ...
    def authenticate_session(self, token: str) -> Authenticated: ...
    def sessions(self, account_id: int, skip: int, limit: int, count: bool) -> Page[StoredSession]: ...
    def end_session(self, account_id: int, session_id: int) -> None: ...
    def end_other_sessions(self, account_id: int, keep: int | None) -> int: ...
    def second_factor(self, account_id: int) -> SecondFactorState: ...
    def begin_second_factor(self, account_id: int, password: str, issuer: str) -> NewSecondFactor: ...
    def confirm_second_factor(self, account_id: int, code: str) -> tuple[str, ...]: ...
    def renew_recovery_codes(self, account_id: int, password: str, code: str) -> tuple[str, ...]: ...
    def remove_second_factor(self, account_id: int, password: str, code: str) -> Account: ...
    def check_second_factor(self, account_id: int, code: str) -> None: ...
    def reset_second_factor(self, account_id: int) -> Account: ...
    def end_sessions(self, account_id: int) -> Account: ...
    def set_active(self, account_id: int, active: bool) -> Account: ...
    def set_password(self, account_id: int, password: str) -> Account: ...
    def set_role(self, account_id: int, role: Role) -> Account: ...
    def mark_verified(self, account_id: int) -> Account: ...
    def send_verification(self, account_id: int) -> None: ...
    def verify_email(self, token: str) -> Account: ...
    def send_code(self, account_id: int) -> CodeChallenge | None: ...
    def verify_email_by_code(self, challenge: str, code: str) -> Account: ...
    def forgot_password(self, email: str) -> None: ...
    def reset_password(self, token: str, password: str) -> Account: ...
    def change_password(
        self, account_id: int, current: str, new: str, code: str | None, client: str | None
    ) -> Session: ...
    def change_email(
        self, account_id: int, password: str, email: str, code: str | None
    ) -> None: ...
    def confirm_email(self, token: str) -> Account: ...
    def undo_email_change(self, token: str) -> Account: ...
    def proof(self, token: str) -> ProofState | None: ...
    def accounts(
        self,
        actor: Principal | None,
        text: str | None,
        role: Role | None,
        is_active: bool | None,
        skip: int,
        limit: int,
        count: bool,
    ) -> Page[Account]: ...
    def account(self, actor: Principal | None, account_id: int) -> Account: ...
    def administer_account(
        self,
        actor: Principal | None,
        account_id: int,
        role: Role | None,
        is_active: bool | None,
        sets_reason: bool,
        reason: str | None,
        ends_sessions: bool,
        removes_second_factor: bool,
    ) -> Account: ...
    def audit_of_account(
        self, actor: Principal | None, account_id: int, skip: int, limit: int, count: bool
    ) -> Page[AuditLine]: ...
    def request_erasure(self, account_id: int, password: str, code: str | None) -> Erasure: ...
    def cancel_erasure(self, account_id: int) -> None: ...
    def erasure(self, account_id: int) -> Erasure: ...
    def erase_account(self, actor: Principal | None, account_id: int) -> None: ...
    def erase_buyer(self, who: Principal) -> int: ...
    def account_data(self, account_id: int) -> AccountData: ...
    def event_audit(
        self, actor: Principal, event_id: int, skip: int, limit: int, count: bool
    ) -> Page[AuditLine]: ...
    def found_organisation(self, founder_id: int, name: str, key: str | None) -> Organisation: ...
    def organisations(self, account_id: int) -> tuple[Membership, ...]: ...
    def organisation(self, actor: Principal, organisation_id: int) -> Organisation: ...
    def edit_organisation(
        self, actor: Principal, organisation_id: int, name: str | None, requires_second_factor: bool | None
    ) -> Organisation: ...
    def members(self, actor: Principal, organisation_id: int) -> tuple[Member, ...]: ...
    def add_member(
        self,
        actor: Principal,
        organisation_id: int,
        email: str,
        role: MemberRole,
        event_ids: list[int] | None,
    ) -> Member: ...
    def change_member(
        self,
        actor: Principal,
        organisation_id: int,
        account_id: int,
        role: MemberRole | None,
        sets_events: bool,
        event_ids: list[int] | None,
    ) -> Member: ...
    def remove_member(self, actor: Principal, organisation_id: int, account_id: int) -> None: ...
    def invite_member(
        self,
        actor: Principal,
        organisation_id: int,
        email: str,
        role: MemberRole,
        event_ids: list[int] | None,
    ) -> Invitation: ...
    def invitations(self, actor: Principal, organisation_id: int) -> tuple[Invitation, ...]: ...
    def withdraw_invitation(self, actor: Principal, organisation_id: int, invitation_id: int) -> None: ...
    def join_organisation(self, account_id: int, token: str) -> Membership: ...
    def organisation_audit(
        self, actor: Principal, organisation_id: int, skip: int, limit: int, count: bool
    ) -> Page[AuditLine]: ...
    def authenticate_caller(self, token: str) -> Caller: ...
    def make_api_key(
        self,
        maker_id: int,
        password: str,
        name: str,
        permissions: list[Permission],
        organisation_id: int | None,
        event_ids: list[int] | None,
        expires_at: datetime | None,
        code: str | None,
    ) -> NewApiKey: ...
    def api_keys(self, account_id: int, skip: int, limit: int, count: bool) -> Page[ApiKey]: ...
    def api_keys_of(
        self, actor: Principal, organisation_id: int, skip: int, limit: int, count: bool
    ) -> Page[ApiKey]: ...
    def revoke_api_key(self, actor: Principal, key_id: int) -> ApiKey: ...
    def take_over_api_key(self, account_id: int, password: str, key_id: int, code: str | None) -> ApiKey: ...
    def create_event(
        self,
        organizer: Principal,
        title: str,
        starts_at: datetime,
        location: str,
        price: Money | None,
        capacity: int | None,
        ticket_types: Sequence[NewTicketType],
        ends_at: datetime | None,
        description: str | None,
        address: str | None,
        image_url: str | None,
        category: str | None,
        category_id: int | None,
        time_zone: str | ZoneInfo,
        draft: bool,
        rules: SalesRules,
        terms: EventTerms,
        key: str | None,
        organisation_id: int | None,
    ) -> Event: ...
    def create_category(self, name: str, description: str | None) -> Category: ...
    def categories(self, skip: int, limit: int, count: bool) -> Page[Category]: ...
    def event(self, event_id: int) -> Event: ...
    def events(
        self,
        category: str | None,
        text: str | None,
        starts_from: datetime | None,
        starts_before: datetime | None,
        organizer: Principal | None,
        with_cancelled: bool,
        with_drafts: bool,
        phase: EventPhase | None,
        series: int | None,
        sort: EventSort,
        skip: int,
        limit: int,
        count: bool,
    ) -> Page[Event]: ...
    def edit_event(
        self, actor: Principal, event_id: int, seen: int | None, wants: SimpleNamespace
    ) -> Event: ...
    def managed_event(self, actor: Principal, event_id: int) -> Event: ...
    def publish_event(self, actor: Principal, event_id: int) -> Event: ...
    def unpublish_event(self, actor: Principal, event_id: int) -> Event: ...
    def pause_sales(self, actor: Principal, event_id: int) -> Event: ...
    def resume_sales(self, actor: Principal, event_id: int) -> Event: ...
    def dates_of(self, event: int, until: date, on: Sequence[Weekday]) -> tuple[datetime, ...]: ...
    def copy_event(
        self,
        actor: Principal,
        event_id: int,
        starts_at: Sequence[datetime],
        status: EventStatus | Literal["draft", "active"],
    ) -> tuple[Event, ...]: ...
    def cancel_event(self, actor: Principal, event_id: int) -> Event: ...
    def create_promo_code(
        self, actor: Principal, event_id: int, wants: SimpleNamespace
    ) -> PromoCode: ...
    def create_promo_codes(
        self, actor: Principal, event_id: int, wants: SimpleNamespace, count: int, key: str | None
    ) -> tuple[PromoCode, ...]: ...
    def edit_promo_code(
        self, actor: Principal, code_id: int, seen: int | None, wants: SimpleNamespace
    ) -> PromoCode: ...
    def promo_code(self, actor: Principal, code_id: int) -> PromoCode: ...
    def promo_codes(
        self, actor: Principal, event_id: int, skip: int, limit: int, count: bool
    ) -> Page[PromoCode]: ...
    def quote(
        self,
        buyer: Buyer,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        promo_code: str | None,
    ) -> Quote: ...
    def hold(
        self,
        buyer: Buyer,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        reference: str | None,
        promo_code: str | None,
        expect_total: Money | None,
    ) -> Order: ...
    def quote_as_guest(
        self, event_id: int, quantity: int | None, lines: Sequence[Line] | None, promo_code: str | None
    ) -> Quote: ...
    def hold_as_guest(
        self,
        email: str | None,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        reference: str | None,
        promo_code: str | None,
        expect_total: Money | None,
    ) -> Order: ...
    def name_buyer(self, actor: Principal, reference: str, email: str) -> Order: ...
    def guest_key(self, reference: str) -> str | None: ...
    def guest(self, key: str) -> Principal: ...
    def claim_orders(self, account_id: int) -> tuple[Order, ...]: ...
    def order(self, actor: Principal, reference: str) -> Order: ...
    def orders(self, actor: Principal, skip: int, limit: int, count: bool) -> Page[Order]: ...
    def cancel_order(self, actor: Principal, reference: str) -> Order: ...
    def buy(
        self,
        buyer: Buyer,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        reference: str | None,
        return_url: str | None,
        email: str | None,
        attempt_reference: str | None,
        promo_code: str | None,
        expect_total: Money | None,
    ) -> Started: ...
    def pay(
        self,
        actor: Principal,
        order: str,
        return_url: str | None,
        email: str | None,
        reference: str | None,
    ) -> Started: ...
    def verify(self, actor: Principal, reference: str) -> Settlement: ...
    def payment(self, actor: Principal, reference: str) -> Payment: ...
    def receive_webhook(
        self,
        gateway: str,
        headers: Iterable[tuple[str, str | bytes]],
        body: bytes,
    ) -> StoredWebhook: ...
    def refund(
        self,
        actor: Principal,
        reference: str,
        tickets: Sequence[int] | None,
        amount: Money | None,
        note: str | None,
        key: str | None,
    ) -> Refund: ...
    def return_tickets(
        self, actor: Principal, reference: str, tickets: Sequence[int] | None, key: str | None
    ) -> Refund: ...
    def return_quote(self, actor: Principal, reference: str) -> ReturnQuote: ...
    def retry_refund(self, actor: Principal, payment: str, refund_id: int) -> Refund: ...
    def reviews(self, actor: Principal, skip: int, limit: int, count: bool) -> Page[Attempt]: ...
    def resolve_review(
        self, actor: Principal, reference: str, verdict: Verdict, note: str, tickets: Sequence[int]
    ) -> Attempt: ...
    def webhooks_for_review(
        self, actor: Principal, skip: int, limit: int, count: bool
    ) -> Page[StoredWebhook]: ...
    def ticket_by_code(self, code: str) -> Ticket: ...
    def ticket(self, actor: Principal, ticket_id: int) -> Ticket: ...
    def tickets(self, actor: Principal, skip: int, limit: int, count: bool) -> Page[Ticket]: ...
    def tickets_mailed(self, actor: Principal, reference: str) -> bool: ...
    def check_in(
        self, by: Principal, code: str, nonce: str | None, gate: str | None, event_id: int | None
    ) -> CheckIn: ...
    def annul_scan(self, actor: Principal, nonce: str) -> CheckIn: ...
    def dead_mails(self, actor: Principal, skip: int, limit: int, count: bool) -> Page[OutboxMail]: ...
    def attendees(
        self,
        actor: Principal,
        event_id: int,
        text: str | None,
        ticket_type_id: int | None,
        status: TicketStatus | None,
        paid_with: str | None,
        promo_code_id: int | None,
        ordered_from: datetime | None,
        ordered_until: datetime | None,
        after: str | None,
        limit: int,
    ) -> CursorPage[AttendeeEntry]: ...
    def orders_of_event(
        self,
        actor: Principal,
        event_id: int,
        text: str | None,
        status: OrderStatus | None,
        paid_with: str | None,
        promo_code_id: int | None,
        ordered_from: datetime | None,
        ordered_until: datetime | None,
        after: str | None,
        limit: int,
    ) -> CursorPage[OrderEntry]: ...
    def attendee(self, actor: Principal, ticket_id: int) -> Attendee: ...
    def edit_attendee(
        self, actor: Principal, ticket_id: int, seen: int | None, wants: SimpleNamespace
    ) -> Attendee: ...
    def issue_order(
        self,
        actor: Principal,
        event_id: int,
        lines: Sequence[IssueLine],
        payment: IssuePayment,
        pay_until: datetime | None,
        buyer: Principal | None,
        email: str | None,
        note: str | None,
        reference: str | None,
    ) -> Issued: ...
    def import_orders(
        self,
        actor: Principal,
        event_id: int,
        file: bytes,
        paid: PaymentMethod | None,
        note: str | None,
        mail: bool,
        dry_run: bool,
    ) -> Imported: ...
    def begin_export(
        self,
        actor: Principal | None,
        event_id: int,
        kind: ExportKind | Literal["attendees", "orders", "refunds", "check-ins"],
    ) -> Export: ...
    def next_rows(self, export: Export) -> list[dict[str, Cell]] | None: ...
    def order_details(self, actor: Principal, reference: str) -> OrderDetails: ...
    def edit_order_details(
        self, actor: Principal, reference: str, seen: int | None, wants: SimpleNamespace
    ) -> OrderDetails: ...
    def send_message(
        self,
        actor: Principal,
        event_id: int,
        subject: str,
        text: str,
        ticket_type_id: int | None,
        who: Presence,
        key: str | None,
    ) -> Message: ...
    def count_recipients(
        self, actor: Principal, event_id: int, ticket_type_id: int | None, who: Presence
    ) -> int: ...
    def messages(self, actor: Principal, event_id: int) -> tuple[Message, ...]: ...
    def stop_message(self, actor: Principal, event_id: int, message_id: int) -> Message: ...
    def offer_transfer(self, actor: Principal, ticket_id: int, to: str) -> Transfer: ...
    def withdraw_transfer(self, actor: Principal, ticket_id: int) -> bool: ...
    def transfers(self, actor: Principal, ticket_id: int) -> tuple[Transfer, ...]: ...
    def transfer(self, reference: str) -> FoundTransfer: ...
    def take_transfer(
        self, reference: str, holder: Principal | None, name: str | None
    ) -> TakenTransfer: ...
    def transfer_key(self, reference: str) -> str: ...
    def transfer_of_key(self, key: str) -> str: ...
    def swap_ticket(
        self, actor: Principal, ticket_id: int, ticket_type_id: int, difference: PriceDifference
    ) -> Swapped: ...
    def record_payment(
        self,
        actor: Principal,
        order: str,
        method: PaymentMethod,
        amount: Money,
        note: str | None,
        reference: str | None,
    ) -> Settlement: ...
    def record_refund(self, actor: Principal, payment: str, refund_id: int) -> Refund: ...
    def resend_tickets(self, actor: Principal, order: str, to: str | None) -> OutboxMail: ...
    def resend_mail(self, actor: Principal, mail_id: int) -> OutboxMail: ...

@final
class AsyncEngine:
    def __new__(
        cls,
        storage: Storage,
        *,
        gateway: Gateway | None,
        mailer: Mailer | None,
        hold_for: float,
        naming_for: float,
        max_open_holds: int | None,
        max_free_tickets: int | None,
        mail_domain: str,
        public_url: str | None,
        proof_url: str | None,
        token_secret: bytes | None,
        token_lifetime: float,
        session_idle: float | None,
        hashing_threads: int | None,
        refuse_common_passwords: bool,
        test_keys: bool,
        verified_organizers: bool,
        unproved_members: bool,
        keep_webhooks: float | None,
        keep_mails: float | None,
        keep_buyers: float | None,
        clock: ManualClock | None,
        circuit_breaker: bool,
        gateway_timeout: float,
        mailer_timeout: float,
        upkeep_every: float,
    ) -> Self: ...
    def open(self) -> Awaitable[None]: ...
    def close(self) -> Awaitable[None]: ...
    def start_upkeep(self) -> Awaitable[None]: ...
    def stop_upkeep(self) -> Awaitable[None]: ...
    def run_upkeep(self, limit: int, at_once: int) -> Awaitable[UpkeepReport]: ...
    def register(
        self,
        email: str,
        name: str,
        password: str,
        username: str | None,
        phone: str | None,
    ) -> Awaitable[Account]: ...
    def login(self, name: str, password: str, client: str | None) -> Awaitable[Session]: ...
    def login_with_code(self, ticket: str, code: str, client: str | None) -> Awaitable[Session]: ...
    def authenticate(self, token: str) -> Awaitable[Account]: ...
    def authenticate_session(self, token: str) -> Awaitable[Authenticated]: ...
    def sessions(self, account_id: int, skip: int, limit: int, count: bool) -> Awaitable[Page[StoredSession]]: ...
    def end_session(self, account_id: int, session_id: int) -> Awaitable[None]: ...
    def end_other_sessions(self, account_id: int, keep: int | None) -> Awaitable[int]: ...
    def second_factor(self, account_id: int) -> Awaitable[SecondFactorState]: ...
    def begin_second_factor(self, account_id: int, password: str, issuer: str) -> Awaitable[NewSecondFactor]: ...
    def confirm_second_factor(self, account_id: int, code: str) -> Awaitable[tuple[str, ...]]: ...
    def renew_recovery_codes(self, account_id: int, password: str, code: str) -> Awaitable[tuple[str, ...]]: ...
    def remove_second_factor(self, account_id: int, password: str, code: str) -> Awaitable[Account]: ...
    def check_second_factor(self, account_id: int, code: str) -> Awaitable[None]: ...
    def reset_second_factor(self, account_id: int) -> Awaitable[Account]: ...
    def end_sessions(self, account_id: int) -> Awaitable[Account]: ...
    def set_active(self, account_id: int, active: bool) -> Awaitable[Account]: ...
    def set_password(self, account_id: int, password: str) -> Awaitable[Account]: ...
    def set_role(self, account_id: int, role: Role) -> Awaitable[Account]: ...
    def mark_verified(self, account_id: int) -> Awaitable[Account]: ...
    def send_verification(self, account_id: int) -> Awaitable[None]: ...
    def verify_email(self, token: str) -> Awaitable[Account]: ...
    def send_code(self, account_id: int) -> Awaitable[CodeChallenge | None]: ...
    def verify_email_by_code(self, challenge: str, code: str) -> Awaitable[Account]: ...
    def forgot_password(self, email: str) -> Awaitable[None]: ...
    def reset_password(self, token: str, password: str) -> Awaitable[Account]: ...
    def change_password(
        self, account_id: int, current: str, new: str, code: str | None, client: str | None
    ) -> Awaitable[Session]: ...
    def change_email(
        self, account_id: int, password: str, email: str, code: str | None
    ) -> Awaitable[None]: ...
    def confirm_email(self, token: str) -> Awaitable[Account]: ...
    def undo_email_change(self, token: str) -> Awaitable[Account]: ...
    def proof(self, token: str) -> Awaitable[ProofState | None]: ...
    def accounts(
        self,
        actor: Principal | None,
        text: str | None,
        role: Role | None,
        is_active: bool | None,
        skip: int,
        limit: int,
        count: bool,
    ) -> Awaitable[Page[Account]]: ...
    def account(self, actor: Principal | None, account_id: int) -> Awaitable[Account]: ...
    def administer_account(
        self,
        actor: Principal | None,
        account_id: int,
        role: Role | None,
        is_active: bool | None,
        sets_reason: bool,
        reason: str | None,
        ends_sessions: bool,
        removes_second_factor: bool,
    ) -> Awaitable[Account]: ...
    def audit_of_account(
        self, actor: Principal | None, account_id: int, skip: int, limit: int, count: bool
    ) -> Awaitable[Page[AuditLine]]: ...
    def request_erasure(self, account_id: int, password: str, code: str | None) -> Awaitable[Erasure]: ...
    def cancel_erasure(self, account_id: int) -> Awaitable[None]: ...
    def erasure(self, account_id: int) -> Awaitable[Erasure]: ...
    def erase_account(self, actor: Principal | None, account_id: int) -> Awaitable[None]: ...
    def erase_buyer(self, who: Principal) -> Awaitable[int]: ...
    def account_data(self, account_id: int) -> Awaitable[AccountData]: ...
    def event_audit(
        self, actor: Principal, event_id: int, skip: int, limit: int, count: bool
    ) -> Awaitable[Page[AuditLine]]: ...
    def found_organisation(self, founder_id: int, name: str, key: str | None) -> Awaitable[Organisation]: ...
    def organisations(self, account_id: int) -> Awaitable[tuple[Membership, ...]]: ...
    def organisation(self, actor: Principal, organisation_id: int) -> Awaitable[Organisation]: ...
    def edit_organisation(
        self, actor: Principal, organisation_id: int, name: str | None, requires_second_factor: bool | None
    ) -> Awaitable[Organisation]: ...
    def members(self, actor: Principal, organisation_id: int) -> Awaitable[tuple[Member, ...]]: ...
    def add_member(
        self,
        actor: Principal,
        organisation_id: int,
        email: str,
        role: MemberRole,
        event_ids: list[int] | None,
    ) -> Awaitable[Member]: ...
    def change_member(
        self,
        actor: Principal,
        organisation_id: int,
        account_id: int,
        role: MemberRole | None,
        sets_events: bool,
        event_ids: list[int] | None,
    ) -> Awaitable[Member]: ...
    def remove_member(self, actor: Principal, organisation_id: int, account_id: int) -> Awaitable[None]: ...
    def invite_member(
        self,
        actor: Principal,
        organisation_id: int,
        email: str,
        role: MemberRole,
        event_ids: list[int] | None,
    ) -> Awaitable[Invitation]: ...
    def invitations(self, actor: Principal, organisation_id: int) -> Awaitable[tuple[Invitation, ...]]: ...
    def withdraw_invitation(self, actor: Principal, organisation_id: int, invitation_id: int) -> Awaitable[None]: ...
    def join_organisation(self, account_id: int, token: str) -> Awaitable[Membership]: ...
    def organisation_audit(
        self, actor: Principal, organisation_id: int, skip: int, limit: int, count: bool
    ) -> Awaitable[Page[AuditLine]]: ...
    def authenticate_caller(self, token: str) -> Awaitable[Caller]: ...
    def make_api_key(
        self,
        maker_id: int,
        password: str,
        name: str,
        permissions: list[Permission],
        organisation_id: int | None,
        event_ids: list[int] | None,
        expires_at: datetime | None,
        code: str | None,
    ) -> Awaitable[NewApiKey]: ...
    def api_keys(self, account_id: int, skip: int, limit: int, count: bool) -> Awaitable[Page[ApiKey]]: ...
    def api_keys_of(
        self, actor: Principal, organisation_id: int, skip: int, limit: int, count: bool
    ) -> Awaitable[Page[ApiKey]]: ...
    def revoke_api_key(self, actor: Principal, key_id: int) -> Awaitable[ApiKey]: ...
    def take_over_api_key(self, account_id: int, password: str, key_id: int, code: str | None) -> Awaitable[ApiKey]: ...
    def create_event(
        self,
        organizer: Principal,
        title: str,
        starts_at: datetime,
        location: str,
        price: Money | None,
        capacity: int | None,
        ticket_types: Sequence[NewTicketType],
        ends_at: datetime | None,
        description: str | None,
        address: str | None,
        image_url: str | None,
        category: str | None,
        category_id: int | None,
        time_zone: str | ZoneInfo,
        draft: bool,
        rules: SalesRules,
        terms: EventTerms,
        key: str | None,
        organisation_id: int | None,
    ) -> Awaitable[Event]: ...
    def create_category(self, name: str, description: str | None) -> Awaitable[Category]: ...
    def categories(self, skip: int, limit: int, count: bool) -> Awaitable[Page[Category]]: ...
    def event(self, event_id: int) -> Awaitable[Event]: ...
    def events(
        self,
        category: str | None,
        text: str | None,
        starts_from: datetime | None,
        starts_before: datetime | None,
        organizer: Principal | None,
        with_cancelled: bool,
        with_drafts: bool,
        phase: EventPhase | None,
        series: int | None,
        sort: EventSort,
        skip: int,
        limit: int,
        count: bool,
    ) -> Awaitable[Page[Event]]: ...
    def edit_event(
        self, actor: Principal, event_id: int, seen: int | None, wants: SimpleNamespace
    ) -> Awaitable[Event]: ...
    def managed_event(self, actor: Principal, event_id: int) -> Awaitable[Event]: ...
    def publish_event(self, actor: Principal, event_id: int) -> Awaitable[Event]: ...
    def unpublish_event(self, actor: Principal, event_id: int) -> Awaitable[Event]: ...
    def pause_sales(self, actor: Principal, event_id: int) -> Awaitable[Event]: ...
    def resume_sales(self, actor: Principal, event_id: int) -> Awaitable[Event]: ...
    def dates_of(self, event: int, until: date, on: Sequence[Weekday]) -> Awaitable[tuple[datetime, ...]]: ...
    def copy_event(
        self,
        actor: Principal,
        event_id: int,
        starts_at: Sequence[datetime],
        status: EventStatus | Literal["draft", "active"],
    ) -> Awaitable[tuple[Event, ...]]: ...
    def cancel_event(self, actor: Principal, event_id: int) -> Awaitable[Event]: ...
    def create_promo_code(
        self, actor: Principal, event_id: int, wants: SimpleNamespace
    ) -> Awaitable[PromoCode]: ...
    def create_promo_codes(
        self, actor: Principal, event_id: int, wants: SimpleNamespace, count: int, key: str | None
    ) -> Awaitable[tuple[PromoCode, ...]]: ...
    def edit_promo_code(
        self, actor: Principal, code_id: int, seen: int | None, wants: SimpleNamespace
    ) -> Awaitable[PromoCode]: ...
    def promo_code(self, actor: Principal, code_id: int) -> Awaitable[PromoCode]: ...
    def promo_codes(
        self, actor: Principal, event_id: int, skip: int, limit: int, count: bool
    ) -> Awaitable[Page[PromoCode]]: ...
    def quote(
        self,
        buyer: Buyer,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        promo_code: str | None,
    ) -> Awaitable[Quote]: ...
    def hold(
        self,
        buyer: Buyer,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        reference: str | None,
        promo_code: str | None,
        expect_total: Money | None,
    ) -> Awaitable[Order]: ...
    def quote_as_guest(
        self, event_id: int, quantity: int | None, lines: Sequence[Line] | None, promo_code: str | None
    ) -> Awaitable[Quote]: ...
    def hold_as_guest(
        self,
        email: str | None,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        reference: str | None,
        promo_code: str | None,
        expect_total: Money | None,
    ) -> Awaitable[Order]: ...
    def name_buyer(self, actor: Principal, reference: str, email: str) -> Awaitable[Order]: ...
    def guest_key(self, reference: str) -> Awaitable[str | None]: ...
    def guest(self, key: str) -> Awaitable[Principal]: ...
    def claim_orders(self, account_id: int) -> Awaitable[tuple[Order, ...]]: ...
    def order(self, actor: Principal, reference: str) -> Awaitable[Order]: ...
    def orders(self, actor: Principal, skip: int, limit: int, count: bool) -> Awaitable[Page[Order]]: ...
    def cancel_order(self, actor: Principal, reference: str) -> Awaitable[Order]: ...
    def buy(
        self,
        buyer: Buyer,
        event_id: int,
        quantity: int | None,
        lines: Sequence[Line] | None,
        reference: str | None,
        return_url: str | None,
        email: str | None,
        attempt_reference: str | None,
        promo_code: str | None,
        expect_total: Money | None,
    ) -> Awaitable[Started]: ...
    def pay(
        self,
        actor: Principal,
        order: str,
        return_url: str | None,
        email: str | None,
        reference: str | None,
    ) -> Awaitable[Started]: ...
    def verify(self, actor: Principal, reference: str) -> Awaitable[Settlement]: ...
    def payment(self, actor: Principal, reference: str) -> Awaitable[Payment]: ...
    def receive_webhook(
        self,
        gateway: str,
        headers: Iterable[tuple[str, str | bytes]],
        body: bytes,
    ) -> Awaitable[StoredWebhook]: ...
    def refund(
        self,
        actor: Principal,
        reference: str,
        tickets: Sequence[int] | None,
        amount: Money | None,
        note: str | None,
        key: str | None,
    ) -> Awaitable[Refund]: ...
    def return_tickets(
        self, actor: Principal, reference: str, tickets: Sequence[int] | None, key: str | None
    ) -> Awaitable[Refund]: ...
    def return_quote(self, actor: Principal, reference: str) -> Awaitable[ReturnQuote]: ...
    def retry_refund(self, actor: Principal, payment: str, refund_id: int) -> Awaitable[Refund]: ...
    def reviews(self, actor: Principal, skip: int, limit: int, count: bool) -> Awaitable[Page[Attempt]]: ...
    def resolve_review(
        self, actor: Principal, reference: str, verdict: Verdict, note: str, tickets: Sequence[int]
    ) -> Awaitable[Attempt]: ...
    def webhooks_for_review(
        self, actor: Principal, skip: int, limit: int, count: bool
    ) -> Awaitable[Page[StoredWebhook]]: ...
    def ticket_by_code(self, code: str) -> Awaitable[Ticket]: ...
    def ticket(self, actor: Principal, ticket_id: int) -> Awaitable[Ticket]: ...
    def tickets(self, actor: Principal, skip: int, limit: int, count: bool) -> Awaitable[Page[Ticket]]: ...
    def tickets_mailed(self, actor: Principal, reference: str) -> Awaitable[bool]: ...
    def check_in(
        self, by: Principal, code: str, nonce: str | None, gate: str | None, event_id: int | None
    ) -> Awaitable[CheckIn]: ...
    def annul_scan(self, actor: Principal, nonce: str) -> Awaitable[CheckIn]: ...
    def dead_mails(self, actor: Principal, skip: int, limit: int, count: bool) -> Awaitable[Page[OutboxMail]]: ...
    def attendees(
        self,
        actor: Principal,
        event_id: int,
        text: str | None,
        ticket_type_id: int | None,
        status: TicketStatus | None,
        paid_with: str | None,
        promo_code_id: int | None,
        ordered_from: datetime | None,
        ordered_until: datetime | None,
        after: str | None,
        limit: int,
    ) -> Awaitable[CursorPage[AttendeeEntry]]: ...
    def orders_of_event(
        self,
        actor: Principal,
        event_id: int,
        text: str | None,
        status: OrderStatus | None,
        paid_with: str | None,
        promo_code_id: int | None,
        ordered_from: datetime | None,
        ordered_until: datetime | None,
        after: str | None,
        limit: int,
    ) -> Awaitable[CursorPage[OrderEntry]]: ...
    def attendee(self, actor: Principal, ticket_id: int) -> Awaitable[Attendee]: ...
    def edit_attendee(
        self, actor: Principal, ticket_id: int, seen: int | None, wants: SimpleNamespace
    ) -> Awaitable[Attendee]: ...
    def issue_order(
        self,
        actor: Principal,
        event_id: int,
        lines: Sequence[IssueLine],
        payment: IssuePayment,
        pay_until: datetime | None,
        buyer: Principal | None,
        email: str | None,
        note: str | None,
        reference: str | None,
    ) -> Awaitable[Issued]: ...
    def import_orders(
        self,
        actor: Principal,
        event_id: int,
        file: bytes,
        paid: PaymentMethod | None,
        note: str | None,
        mail: bool,
        dry_run: bool,
    ) -> Awaitable[Imported]: ...
    def begin_export(
        self,
        actor: Principal | None,
        event_id: int,
        kind: ExportKind | Literal["attendees", "orders", "refunds", "check-ins"],
    ) -> Awaitable[Export]: ...
    def next_rows(self, export: Export) -> Awaitable[list[dict[str, Cell]] | None]: ...
    def order_details(self, actor: Principal, reference: str) -> Awaitable[OrderDetails]: ...
    def edit_order_details(
        self, actor: Principal, reference: str, seen: int | None, wants: SimpleNamespace
    ) -> Awaitable[OrderDetails]: ...
    def send_message(
        self,
        actor: Principal,
        event_id: int,
        subject: str,
        text: str,
        ticket_type_id: int | None,
        who: Presence,
        key: str | None,
    ) -> Awaitable[Message]: ...
    def count_recipients(
        self, actor: Principal, event_id: int, ticket_type_id: int | None, who: Presence
    ) -> Awaitable[int]: ...
    def messages(self, actor: Principal, event_id: int) -> Awaitable[tuple[Message, ...]]: ...
    def stop_message(self, actor: Principal, event_id: int, message_id: int) -> Awaitable[Message]: ...
    def offer_transfer(self, actor: Principal, ticket_id: int, to: str) -> Awaitable[Transfer]: ...
    def withdraw_transfer(self, actor: Principal, ticket_id: int) -> Awaitable[bool]: ...
    def transfers(self, actor: Principal, ticket_id: int) -> Awaitable[tuple[Transfer, ...]]: ...
    def transfer(self, reference: str) -> Awaitable[FoundTransfer]: ...
    def take_transfer(
        self, reference: str, holder: Principal | None, name: str | None
    ) -> Awaitable[TakenTransfer]: ...
    def transfer_key(self, reference: str) -> Awaitable[str]: ...
    def transfer_of_key(self, key: str) -> Awaitable[str]: ...
    def swap_ticket(
        self, actor: Principal, ticket_id: int, ticket_type_id: int, difference: PriceDifference
    ) -> Awaitable[Swapped]: ...
    def record_payment(
        self,
        actor: Principal,
        order: str,
        method: PaymentMethod,
        amount: Money,
        note: str | None,
        reference: str | None,
    ) -> Awaitable[Settlement]: ...
    def record_refund(self, actor: Principal, payment: str, refund_id: int) -> Awaitable[Refund]: ...
    def resend_tickets(self, actor: Principal, order: str, to: str | None) -> Awaitable[OutboxMail]: ...
    def resend_mail(self, actor: Principal, mail_id: int) -> Awaitable[OutboxMail]: ...

# End of the engines.
