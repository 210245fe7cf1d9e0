"""The facade for asyncio. `_sync.py` is made from this file by `tests/unasync.py`: edit this one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import TracebackType

from . import _native
from ._values import Money, Page
from .events import Category, Event, EventSort, NewTicketType
from .gateways import Gateway
from .mailers import Mailer
from .mails import OutboxMail
from .orders import Line, Order
from .payments import Attempt, Payment, Refund, Settlement, Started, StoredWebhook, Verdict
from .people import Account, Buyer, Principal, Role, Session
from .storages import Storage
from .tickets import CheckIn, Ticket
from .upkeep import UpkeepReport


class AsyncTicketing:
    """Sells tickets and lets people in, for asyncio.

    Making one opens nothing: the storage is opened by the first call, by ``open()`` or by ``async with``, which also runs
    upkeep: expired holds, open payments, refunds and mails. Leaving the block lets upkeep finish and does what is left to do
    once more.

    It may be used from many tasks, threads and event loops at once. A task that is cancelled while it waits drops the call,
    which is then done or not done, never half.

    Who acts is an argument: make sure that they are who they say. What belongs to somebody else is `NotFound`.

    Args:
        storage: `MemoryStorage`, `SqliteStorage`, `PostgresStorage`, or a text: a path, or ``postgres://…``.
        gateway: Who takes the money. Without one, only free tickets can be had.
        mailer: Who delivers mail. Without one, mails stay in the outbox.
        hold_for: How long places are kept for an unpaid order: a minute to 24 hours.
        mail_domain: The domain in the Message-ID of mails. Should be one of yours.
        public_url: Where a buyer finds their tickets on the web, linked from mails.
        token_secret: What session tokens are signed with, 32 bytes or more. Without it there are no accounts.
        token_lifetime: How long a session lasts: a minute to 30 days.
        hashing_threads: How many passwords are hashed at once. Defaults to the number of cores.
        clock: A `ManualClock`, for tests.
        circuit_breaker: Whether a gateway that is out of order is left alone for a while. A `FakeGateway` has no breaker.
        gateway_timeout: After so long a gateway that is written in Python is given up.
        mailer_timeout: The same for a mailer: at most a minute.
        upkeep_every: How often upkeep looks for work. It is also told of work at once.

    >>> (await tickets.event(event.id)).title
    'Jazz night'
    """

    __slots__ = ("__weakref__", "_engine")

    def __init__(
        self,
        storage: Storage,
        *,
        gateway: Gateway | None = None,
        mailer: Mailer | None = None,
        hold_for: timedelta = timedelta(minutes=15),
        mail_domain: str = "localhost.localdomain",
        public_url: str | None = None,
        token_secret: bytes | str | None = None,
        token_lifetime: timedelta = timedelta(hours=24),
        hashing_threads: int | None = None,
        clock: _native.ManualClock | None = None,
        circuit_breaker: bool = True,
        gateway_timeout: timedelta = timedelta(seconds=30),
        mailer_timeout: timedelta = timedelta(seconds=55),
        upkeep_every: timedelta = timedelta(seconds=1),
    ) -> None:
        self._engine = _native.AsyncEngine(
            storage,
            gateway=gateway,
            mailer=mailer,
            hold_for=hold_for.total_seconds(),
            mail_domain=mail_domain,
            public_url=public_url,
            token_secret=token_secret.encode() if isinstance(token_secret, str) else token_secret,
            token_lifetime=token_lifetime.total_seconds(),
            hashing_threads=hashing_threads,
            clock=clock,
            circuit_breaker=circuit_breaker,
            gateway_timeout=gateway_timeout.total_seconds(),
            mailer_timeout=mailer_timeout.total_seconds(),
            upkeep_every=upkeep_every.total_seconds(),
        )

    # Life

    async def open(self) -> None:
        """Opens the storage, if no call has done so. Migrations are applied here."""
        await self._engine.open()

    async def close(self) -> None:
        """Stops upkeep and closes the storage. Every later call is `Closed`. On repeat, nothing more happens."""
        await self._engine.close()

    async def __aenter__(self) -> AsyncTicketing:
        await self._engine.start_upkeep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._engine.stop_upkeep()

    async def run_upkeep(self, *, limit: int = 100, at_once: int = 8) -> UpkeepReport:
        """One pass of upkeep, for a scheduler of your own instead of the context manager. May run anywhere, at once with itself.

        >>> (await tickets.run_upkeep()).expired
        0
        """
        return await self._engine.run_upkeep(limit, at_once)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._engine!r})"

    # Accounts

    async def register(
        self, *, email: str, name: str, password: str, username: str | None = None, phone: str | None = None
    ) -> Account:
        """Makes an account. Raises `EmailTaken`, `UsernameTaken`.

        >>> account = await tickets.register(email="bob@example.com", name="Bob", password="correct horse battery")
        >>> account.role
        <Role.MEMBER: 'member'>
        """
        return await self._engine.register(email, name, password, username, phone)

    async def login(self, *, name: str, password: str) -> Session:
        """Logs somebody in, by address or user name. Raises `Unauthenticated`, the same for whatever is wrong.

        Slow down who tries often: this does not.
        """
        return await self._engine.login(name, password)

    async def authenticate(self, token: str) -> Account:
        """Whose session token this is. Raises `Unauthenticated`.

        >>> account = await tickets.register(email="eve@example.com", name="Eve", password="correct horse battery")
        >>> session = await tickets.login(name="eve@example.com", password="correct horse battery")
        >>> account == await tickets.authenticate(session.token)
        True
        """
        return await self._engine.authenticate(token)

    async def end_sessions(self, account_id: int) -> Account:
        """Ends all sessions of an account, in every process, from the next request on."""
        return await self._engine.end_sessions(account_id)

    async def set_active(self, account_id: int, *, active: bool) -> Account:
        """Switches an account on or off."""
        return await self._engine.set_active(account_id, active)

    async def set_password(self, account_id: int, *, password: str) -> Account:
        """Gives an account a new password, and ends all its sessions. Ask for the old one first, by ``login``."""
        return await self._engine.set_password(account_id, password)

    async def set_role(self, account_id: int, *, role: Role) -> Account:
        """Makes somebody an administrator, or an ordinary member again. Meant for the operator's own tools."""
        return await self._engine.set_role(account_id, role)

    # Events

    async def create_event(
        self,
        *,
        organizer: Principal,
        title: str,
        starts_at: datetime,
        location: str,
        price: Money | None = None,
        capacity: int | None = None,
        ticket_types: Sequence[NewTicketType] = (),
        ends_at: datetime | None = None,
        description: str | None = None,
        address: str | None = None,
        image_url: str | None = None,
        category: str | None = None,
        category_id: int | None = None,
        key: str | None = None,
    ) -> Event:
        """Makes an event that ``organizer`` runs: with a ``price`` for its one ticket type, or with ``ticket_types``.

        ``capacity`` is of all types together; ``None`` means unlimited. A ``category`` that nobody has made yet is made first.
        With a ``key`` a repeat finds the same event. Raises `CategoryUnknown`, `KeyReused`.

        >>> opera = await tickets.create_event(
        ...     organizer=club, title="Opera", starts_at=next_year, location="Lagos", capacity=500,
        ...     ticket_types=[NewTicketType(name="Stalls", price=Money("9000", "NGN"), capacity=50)],
        ... )
        >>> opera.ticket_types[0].price
        Money(amount=Decimal('9000.00'), currency='NGN')
        """
        return await self._engine.create_event(
            organizer,
            title,
            starts_at,
            location,
            price,
            capacity,
            ticket_types,
            ends_at,
            description,
            address,
            image_url,
            category,
            category_id,
            key,
        )

    async def create_category(self, *, name: str, description: str | None = None) -> Category:
        """Makes a category. Raises `CategoryTaken`."""
        return await self._engine.create_category(name, description)

    async def categories(self) -> tuple[Category, ...]:
        """All categories, by name."""
        return await self._engine.categories()

    async def event(self, event_id: int) -> Event:
        """An event, called off or not. Raises `NotFound`."""
        return await self._engine.event(event_id)

    async def events(
        self,
        *,
        category: str | None = None,
        text: str | None = None,
        starts_from: datetime | None = None,
        starts_before: datetime | None = None,
        organizer: Principal | None = None,
        with_cancelled: bool = False,
        sort: EventSort = EventSort.ID,
        skip: int = 0,
        limit: int = 100,
        count: bool = False,
    ) -> Page[Event]:
        """Lists events."""
        return await self._engine.events(
            category, text, starts_from, starts_before, organizer, with_cancelled, sort, skip, limit, count
        )

    async def cancel_event(self, *, actor: Principal, event_id: int) -> Event:
        """Calls an event off: upkeep refunds who paid and tells everybody. For its organiser, or an administrator."""
        return await self._engine.cancel_event(actor, event_id)

    # Orders

    async def hold(
        self,
        *,
        buyer: Buyer,
        event_id: int,
        quantity: int | None = None,
        lines: Sequence[Line] | None = None,
        reference: str | None = None,
    ) -> Order:
        """Keeps places for an unpaid order, until its ``hold_until``: one, or ``quantity``, or several ``lines``.

        With a ``reference`` of yours, a repeat finds the same order. Raises `EventUnknown`, `EventCancelled`, `EventOver`,
        `TicketTypeUnknown`, `SoldOut`, `TotalTooLarge`, `KeyReused`.

        >>> order = await tickets.hold(buyer=ada, event_id=event.id, quantity=2)
        >>> order.total
        Money(amount=Decimal('10000.00'), currency='NGN')
        """
        return await self._engine.hold(buyer, event_id, quantity, lines, reference)

    async def order(self, *, actor: Principal, reference: str) -> Order:
        """An order of ``actor``'s. Raises `NotFound`."""
        return await self._engine.order(actor, reference)

    async def orders(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[Order]:
        """``actor``'s orders, the newest first."""
        return await self._engine.orders(actor, skip, limit, count)

    async def cancel_order(self, *, actor: Principal, reference: str) -> Order:
        """Gives the places of an unpaid order back. Raises `OrderPaid`, `HoldExpired`, `PaymentInProgress`."""
        return await self._engine.cancel_order(actor, reference)

    # Payments

    async def buy(
        self,
        *,
        buyer: Buyer,
        event_id: int,
        quantity: int | None = None,
        lines: Sequence[Line] | None = None,
        reference: str | None = None,
        return_url: str | None = None,
        email: str | None = None,
        attempt_reference: str | None = None,
    ) -> Started:
        """Takes places and opens a checkout for them: ``hold`` and ``pay`` in one call.

        Send the buyer to ``checkout.url``, and ``verify`` the attempt afterwards. Where no checkout can be opened the places
        go back at once. Raises what ``hold`` does, and `GatewayError`.

        >>> started = await tickets.buy(buyer=ada, event_id=event.id)
        >>> bank.pay(started.attempt.reference)
        >>> paid = await tickets.verify(actor=ada.who, reference=started.attempt.reference)
        >>> len(paid.tickets), paid.first
        (1, True)
        """
        return await self._engine.buy(
            buyer, event_id, quantity, lines, reference, return_url, email, attempt_reference
        )

    async def pay(
        self,
        *,
        actor: Principal,
        order: str,
        return_url: str | None = None,
        email: str | None = None,
        reference: str | None = None,
    ) -> Started:
        """Opens a checkout for an order of ``actor``'s, by the order's reference.

        Raises `HoldExpired`, `OrderPaid`, `OrderCancelled`, `EventCancelled`, `EventOver`, `KeyReused`, `GatewayError`.
        """
        return await self._engine.pay(actor, order, return_url, email, reference)

    async def verify(self, *, actor: Principal, reference: str) -> Settlement:
        """Asks the gateway what became of an attempt, and applies it. Any number of calls issue the tickets once."""
        return await self._engine.verify(actor, reference)

    async def payment(self, *, actor: Principal, reference: str) -> Payment:
        """The whole story of an order's money, for its buyer, the organiser or an administrator."""
        return await self._engine.payment(actor, reference)

    async def receive_webhook(
        self, gateway: str, *, headers: Iterable[tuple[str, str | bytes]], body: bytes
    ) -> StoredWebhook:
        """Keeps a webhook, to be applied by upkeep. Give the body byte for byte, and every header.

        Answer the gateway with success as soon as this returns. Raises `BadSignature`, `UnreadableWebhook`, and `NotFound`
        where ``gateway`` is not the name of the configured one.
        """
        return await self._engine.receive_webhook(gateway, headers, body)

    # Refunds

    async def refund(
        self,
        *,
        actor: Principal,
        reference: str,
        tickets: Sequence[int] = (),
        note: str | None = None,
        key: str | None = None,
    ) -> Refund:
        """Refunds tickets of a paid order, by their ids; none given means all that are still valid.

        They are void at once; upkeep sends the money back. For the event's organiser, or an administrator. A repeat with the
        same ``key`` finds the same refund. Raises `NothingToRefund`, `RefundExceedsPaid`, `KeyReused`.
        """
        return await self._engine.refund(actor, reference, tickets, note, key)

    async def retry_refund(self, *, actor: Principal, payment: str, refund_id: int) -> Refund:
        """Sends a refund again that the gateway gave up; one that wants attention is looked up again."""
        return await self._engine.retry_refund(actor, payment, refund_id)

    async def reviews(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[Attempt]:
        """What a person should look at, of ``actor``'s events, or of all for an administrator. The oldest first."""
        return await self._engine.reviews(actor, skip, limit, count)

    async def resolve_review(
        self, *, actor: Principal, reference: str, verdict: Verdict, note: str
    ) -> Attempt:
        """Decides about a payment in review: tickets for what came, or all of it back. Raises `NotInReview`, `SoldOut`."""
        return await self._engine.resolve_review(actor, reference, verdict, note)

    # Tickets

    async def ticket_by_code(self, code: str) -> Ticket:
        """The ticket with this code, however it was typed. Who knows the code holds the ticket."""
        return await self._engine.ticket_by_code(code)

    async def ticket(self, *, actor: Principal, ticket_id: int) -> Ticket:
        """A ticket of ``actor``'s. Raises `NotFound`."""
        return await self._engine.ticket(actor, ticket_id)

    async def tickets(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[Ticket]:
        """``actor``'s tickets, the newest first."""
        return await self._engine.tickets(actor, skip, limit, count)

    async def tickets_mailed(self, *, actor: Principal, reference: str) -> bool:
        """Whether the mail server has taken the mail with the tickets of an order of ``actor``'s.

        Upkeep sends it: right after paying, "not yet" is the usual answer.
        """
        return await self._engine.tickets_mailed(actor, reference)

    async def check_in(
        self, *, by: Principal, code: str, nonce: str | None = None, gate: str | None = None
    ) -> CheckIn:
        """Lets the holder of a ticket in, once: the first scan wins.

        A repeat with the same ``nonce`` gets the same answer; without one a fresh one is made. Raises `TicketUnknown`,
        `TicketForeign`, `TicketUsed`, `TicketRefunded`, `TicketCancelled`, `TicketTransferred`, `NonceReused`.

        >>> mine = (await tickets.tickets(actor=grace.who)).items[0]
        >>> let_in = await tickets.check_in(by=club, code=mine.code, gate="north")
        >>> await tickets.check_in(by=club, code=mine.code)
        Traceback (most recent call last):
        ...
        ticketing_py.errors.TicketUsed: This ticket was used before
        """
        return await self._engine.check_in(by, code, nonce, gate)

    # Mails

    async def dead_mails(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[OutboxMail]:
        """Mails that were given up, of ``actor``'s events, or of all for an administrator. The oldest first."""
        return await self._engine.dead_mails(actor, skip, limit, count)

    async def resend_mail(self, *, actor: Principal, mail_id: int) -> OutboxMail:
        """Sends a mail again, with the same Message-ID. For the event's organiser, or an administrator."""
        return await self._engine.resend_mail(actor, mail_id)
