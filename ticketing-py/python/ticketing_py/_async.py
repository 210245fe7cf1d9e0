"""The facade for asyncio. `tests/unasync.py` generates `_sync.py` from this file: edit this one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import SimpleNamespace, TracebackType
from typing import Literal
from zoneinfo import ZoneInfo

from . import _native
from ._values import UNSET, CursorPage, Money, Page, Unset
from .account_data import AccountData
from .api_keys import ApiKey, Caller, NewApiKey
from .events import (
    Category,
    Event,
    EventPhase,
    EventSort,
    EventStatus,
    EventTerms,
    EventTermsEdit,
    NewTicketType,
    SalesRules,
    SalesRulesEdit,
    TicketTypeEdit,
    Weekday,
)
from .exports import Cell, ExportKind
from .gateways import Gateway
from .mailers import Mailer
from .mails import OutboxMail
from .messages import Message, Presence
from .orders import (
    Imported,
    IssueLine,
    IssuePayment,
    Issued,
    Line,
    NewAttendee,
    Order,
    OrderDetails,
    OrderEntry,
    OrderStatus,
    PaymentMethod,
    Quote,
)
from .payments import Attempt, AuditLine, Payment, Refund, ReturnQuote, Settlement, Started, StoredWebhook, Verdict
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
from .promo_codes import Discount, PromoCode
from .storages import Storage
from .tickets import Attendee, AttendeeEntry, CheckIn, Ticket, TicketStatus
from .transfers import FoundTransfer, PriceDifference, Swapped, TakenTransfer, Transfer
from .upkeep import UpkeepReport


class AsyncTicketing:
    """Sells tickets and checks them in, for asyncio.

    The constructor opens nothing. The storage is opened by the first call, by ``open()`` or by ``async with``. The block also
    runs upkeep: it expires holds, polls open payments, sends refunds and mails. On leaving the block, upkeep finishes its
    pass and runs once more.

    One object can be used from many tasks, threads and event loops at once. Cancelling a waiting task drops its call,
    which is then either done or not done, never half.

    The acting person is an argument: authenticate them first. What belongs to somebody else is `NotFound`.

    Args:
        storage: `MemoryStorage`, `SqliteStorage`, `PostgresStorage`, or a string: a path, or ``postgres://…``.
        gateway: The payment gateway. Default: none, so only free tickets can be sold.
        mailer: Delivers mail. Default: none, so mails stay in the outbox.
        hold_for: How long tickets are held for an unpaid order: 1 minute to 24 hours.
        naming_for: How long they are held for a guest who has not given an address: 1 minute to an hour, and at most ``hold_for``.
        max_open_holds: How many unpaid orders one buyer may have for one event. Default: no limit.
        max_free_tickets: How many free tickets one buyer may have for one event. Default: no limit.
        mail_domain: The domain in the Message-ID of mails. Use one of yours.
        public_url: The web page where buyers find their tickets. Mails link to it.
        proof_url: The web page that takes the token of a mail about an account, which links to ``{proof_url}?token=…``. It should show
            what the token is for (see ``proof``), and use it only when a person presses a button. Default: none, so mails have the
            token as text.
        token_secret: Signs session tokens; at least 32 bytes. Default: none, so accounts are disabled.
        token_lifetime: How long a session lasts: 1 minute to 30 days.
        session_idle: After how long without use a session ends: 1 hour to 30 days, and up to an hour later. Default: never.
        hashing_threads: How many passwords are hashed at once. Default: the number of cores.
        refuse_common_passwords: Whether ``register`` rejects the 3,000 commonest passwords. ``set_password`` always does.
        test_keys: Whether API keys are for a sandbox: their tokens begin with ``tk_test_`` instead of ``tk_live_``. A key of the one is
            not valid for the other, also on the same storage.
        verified_organizers: Whether, of the accounts, only those with a verified address may sell tickets. An event with a price that
            another account creates is a draft, and publishing it raises `EmailUnverified`. Users of your application may always sell.
        unproved_members: Whether accounts without a verified address may found organisations and be members of them.
        keep_webhooks: How long the bodies of webhooks are kept, which name buyers: at least a day. ``None``: indefinitely.
        keep_mails: How long the recipients of mails are kept: at least a day. ``None``: indefinitely.
        keep_buyers: How long the addresses of buyers are kept after an event is over: at least a day. Default: indefinitely.
        clock: A `ManualClock`, for tests.
        circuit_breaker: Whether to stop calling a failing gateway for a while. A `FakeGateway` never has a breaker.
        gateway_timeout: Timeout for each call of a gateway that is written in Python.
        mailer_timeout: Timeout for each call of a mailer that is written in Python: at most a minute.
        upkeep_every: How often upkeep looks for work. New work also wakes it at once.

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
        naming_for: timedelta = timedelta(minutes=5),
        max_open_holds: int | None = None,
        max_free_tickets: int | None = None,
        mail_domain: str = "localhost.localdomain",
        public_url: str | None = None,
        proof_url: str | None = None,
        token_secret: bytes | str | None = None,
        token_lifetime: timedelta = timedelta(hours=24),
        session_idle: timedelta | None = None,
        hashing_threads: int | None = None,
        refuse_common_passwords: bool = False,
        test_keys: bool = False,
        verified_organizers: bool = False,
        unproved_members: bool = False,
        keep_webhooks: timedelta | None = timedelta(days=180),
        keep_mails: timedelta | None = timedelta(days=90),
        keep_buyers: timedelta | None = None,
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
            naming_for=naming_for.total_seconds(),
            max_open_holds=max_open_holds,
            max_free_tickets=max_free_tickets,
            mail_domain=mail_domain,
            public_url=public_url,
            proof_url=proof_url,
            token_secret=token_secret.encode() if isinstance(token_secret, str) else token_secret,
            token_lifetime=token_lifetime.total_seconds(),
            session_idle=None if session_idle is None else session_idle.total_seconds(),
            hashing_threads=hashing_threads,
            refuse_common_passwords=refuse_common_passwords,
            test_keys=test_keys,
            verified_organizers=verified_organizers,
            unproved_members=unproved_members,
            keep_webhooks=None if keep_webhooks is None else keep_webhooks.total_seconds(),
            keep_mails=None if keep_mails is None else keep_mails.total_seconds(),
            keep_buyers=None if keep_buyers is None else keep_buyers.total_seconds(),
            clock=clock,
            circuit_breaker=circuit_breaker,
            gateway_timeout=gateway_timeout.total_seconds(),
            mailer_timeout=mailer_timeout.total_seconds(),
            upkeep_every=upkeep_every.total_seconds(),
        )

    # Lifecycle

    async def open(self) -> None:
        """Opens the storage and applies migrations, unless an earlier call has done so."""
        await self._engine.open()

    async def close(self) -> None:
        """Stops upkeep and closes the storage. Every later call raises `Closed`. Can be called again without effect."""
        await self._engine.close()

    async def __aenter__(self) -> AsyncTicketing:
        await self._engine.start_upkeep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._engine.stop_upkeep()

    async def run_upkeep(self, *, limit: int = 100, at_once: int = 8) -> UpkeepReport:
        """Runs one pass of upkeep, for a scheduler of your own instead of the context manager. Passes may overlap.

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
        """Creates an account. Raises `EmailTaken`, `UsernameTaken`.

        >>> account = await tickets.register(email="bob@example.com", name="Bob", password="correct horse battery")
        >>> account.role
        <Role.MEMBER: 'member'>
        """
        return await self._engine.register(email, name, password, username, phone)

    async def login(self, *, name: str, password: str, client: str | None = None) -> Session:
        """Logs in with an email address or a user name. Raises `Unauthenticated`, without saying what was wrong.

        Raises `SecondFactorWanted`, with a ticket, if the password is right and the account has a second factor: continue with
        ``login_with_code``. ``client`` is a short description for the list of sessions, such as ``Firefox on Windows``. This method has no
        rate limit: add one of your own.
        """
        return await self._engine.login(name, password, client)

    async def login_with_code(self, *, ticket: str, code: str, client: str | None = None) -> Session:
        """Logs in with the ticket of `SecondFactorWanted` and a code: of the authenticator app, or a recovery code. Each works once.

        Raises `SecondFactorWrong`; `SecondFactorClosed` for 15 minutes after five wrong codes in a row; `Unauthenticated` if the ticket is
        older than five minutes, or not good any more for another reason.
        """
        return await self._engine.login_with_code(ticket, code, client)

    async def authenticate(self, token: str) -> Account:
        """The account of a session token. Raises `Unauthenticated`.

        >>> account = await tickets.register(email="eve@example.com", name="Eve", password="correct horse battery")
        >>> session = await tickets.login(name="eve@example.com", password="correct horse battery")
        >>> account == await tickets.authenticate(session.token)
        True
        """
        return await self._engine.authenticate(token)

    async def authenticate_session(self, token: str) -> Authenticated:
        """Like ``authenticate``, and says which session it is. Raises `Unauthenticated`."""
        return await self._engine.authenticate_session(token)

    async def sessions(
        self, account_id: int, *, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[StoredSession]:
        """The open sessions of an account, newest first. Tokens of older versions have none, and are not listed."""
        return await self._engine.sessions(account_id, skip, limit, count)

    async def end_session(self, account_id: int, session_id: int) -> None:
        """Ends a session of an account, in every process, from the next call on. Can be repeated. Raises `NotFound`."""
        await self._engine.end_session(account_id, session_id)

    async def end_other_sessions(self, account_id: int, *, keep: int | None) -> int:
        """Ends all sessions of an account but the one with the id ``keep``. Returns how many it has ended."""
        return await self._engine.end_other_sessions(account_id, keep)

    async def second_factor(self, account_id: int) -> SecondFactorState:
        """The second factor of an account."""
        return await self._engine.second_factor(account_id)

    async def begin_second_factor(self, account_id: int, *, password: str, issuer: str) -> NewSecondFactor:
        """Makes a secret for an authenticator app, which shows it under the name ``issuer``.

        Nothing asks for a code until ``confirm_second_factor``, within an hour. A repeat makes another secret. Raises `SecondFactorOn`,
        `EmailUnverified`, `Unauthenticated` for a wrong password.
        """
        return await self._engine.begin_second_factor(account_id, password, issuer)

    async def confirm_second_factor(self, account_id: int, *, code: str) -> tuple[str, ...]:
        """Confirms the second factor that was begun, and returns the recovery codes, which are shown once.

        Raises `SecondFactorWrong`, `SecondFactorClosed`, `SecondFactorOff`, `SecondFactorOn`.
        """
        return await self._engine.confirm_second_factor(account_id, code)

    async def renew_recovery_codes(self, account_id: int, *, password: str, code: str) -> tuple[str, ...]:
        """Makes new recovery codes. The old ones do not work any more.

        Raises `SecondFactorWrong`, `SecondFactorClosed`, `SecondFactorOff`, `Unauthenticated` for a wrong password.
        """
        return await self._engine.renew_recovery_codes(account_id, password, code)

    async def remove_second_factor(self, account_id: int, *, password: str, code: str) -> Account:
        """Removes the second factor. Raises what ``renew_recovery_codes`` raises."""
        return await self._engine.remove_second_factor(account_id, password, code)

    async def check_second_factor(self, account_id: int, *, code: str) -> None:
        """Checks a code, which is used up by that, before something that needs more than a session.

        Raises `SecondFactorWrong`, `SecondFactorClosed`, `SecondFactorOff`.
        """
        await self._engine.check_second_factor(account_id, code)

    async def reset_second_factor(self, account_id: int) -> Account:
        """Removes the second factor of a person who has lost it and the recovery codes. Meant for the operator's own tools."""
        return await self._engine.reset_second_factor(account_id)

    async def end_sessions(self, account_id: int) -> Account:
        """Ends all sessions of an account, in every process, from the next call on."""
        return await self._engine.end_sessions(account_id)

    async def set_active(self, account_id: int, *, active: bool) -> Account:
        """Activates or deactivates an account. Deactivating it ends its sessions for good. A repeat changes nothing.

        Raises `LastAdmin`. Meant for the operator's own tools, like ``administer_account`` without an actor.
        """
        return await self._engine.set_active(account_id, active)

    async def set_password(self, account_id: int, *, password: str) -> Account:
        """Sets a new password and ends all sessions. Does not ask for the current one: see ``change_password``.

        The commonest passwords, and the account's own address and user name, are rejected.
        """
        return await self._engine.set_password(account_id, password)

    async def set_role(self, account_id: int, *, role: Role) -> Account:
        """Makes an account an administrator, or an ordinary member again. A repeat changes nothing. Raises `LastAdmin`.

        Meant for the operator's own tools, like ``administer_account`` without an actor.
        """
        return await self._engine.set_role(account_id, role)

    async def mark_verified(self, account_id: int) -> Account:
        """Marks an account's email address as verified, because your application verified it. A repeat changes nothing."""
        return await self._engine.mark_verified(account_id)

    # Proofs by mail

    async def send_verification(self, account_id: int) -> None:
        """Mails a token to the account's address, which ``verify_email`` takes for seven days. Does nothing if the address is verified.

        A repeat mails another token; the first one stays valid too. Raises `TooManyProofs` after three in an hour for the address,
        and `NotFound`.
        """
        await self._engine.send_verification(account_id)

    async def verify_email(self, token: str) -> Account:
        """Verifies the address of an account, with the token that was mailed to it.

        Raises `ProofUnknown`, also for a repeat, and if the account has another address meanwhile.
        """
        return await self._engine.verify_email(token)

    async def send_code(self, account_id: int) -> CodeChallenge | None:
        """Mails six digits to the account's address, which ``verify_email_by_code`` takes for 15 minutes with this challenge.

        ``None`` if the address is verified. A repeat mails another code, which replaces the first. Give the challenge to nobody but the
        person who asks. Raises `TooManyProofs` after three in an hour for the address, `NotFound`.
        """
        return await self._engine.send_code(account_id)

    async def verify_email_by_code(self, challenge: str, code: str) -> Account:
        """Verifies the address of an account, with a code that was mailed to it and its challenge, once.

        Raises `MailCodeWrong`; after five wrong codes, for a wrong challenge and for a repeat `ProofUnknown`; `InvalidRequest` if it is not
        six digits.
        """
        return await self._engine.verify_email_by_code(challenge, code)

    async def forgot_password(self, email: str) -> None:
        """Mails a token to the account with this address, which ``reset_password`` takes for 30 minutes.

        For an address that nobody has, and for an inactive account, nothing is mailed, and everything else is the same: nobody learns
        who has an account. A repeat mails another token, which replaces the first. Raises `TooManyProofs` after three in an hour for
        the address, and `InvalidRequest` if it is no address.
        """
        await self._engine.forgot_password(email)

    async def reset_password(self, token: str, *, password: str) -> Account:
        """Gives an account a new password, with the token that was mailed to its address, and ends all sessions.

        Its other open tokens end too, except one that undoes a change of its address. The address counts as verified, and the account
        is told by mail. If the address was not verified before, somebody else may have registered it: the user name and the phone
        number, which that person has chosen, are removed.

        Raises `ProofUnknown`, also for a repeat. Raises `InvalidRequest` for a password that ``set_password`` rejects; the token stays
        valid then.
        """
        return await self._engine.reset_password(token, password)

    async def change_password(
        self, account_id: int, *, current: str, new: str, code: str | None = None, client: str | None = None
    ) -> Session:
        """Changes the password of an account, whose current one must be given. All sessions end; the one that is returned is new.

        ``code`` is a code of the account's second factor, needed if there is one. Open tokens for a new password or a new address end
        too. The account is told by mail, if its address is verified. ``client`` is a description as for ``login``.

        A repeat raises `Unauthenticated`, as does a wrong password: the current one is another then. Raises `InvalidRequest` for a new
        password that ``set_password`` rejects and for a missing code, `SecondFactorWrong`, `SecondFactorClosed`, `NotFound`. This
        method has no rate limit: add one of your own.
        """
        return await self._engine.change_password(account_id, current, new, code, client)

    async def change_email(self, account_id: int, *, password: str, email: str, code: str | None = None) -> None:
        """Mails a token to a new address, which ``confirm_email`` takes for 24 hours. Until then, the account keeps its address.

        ``code`` is a code of the account's second factor, needed if there is one. A repeat mails another token, which replaces the
        first.

        Raises `EmailTaken`; `TooManyProofs` after three in an hour for the new address or the account; `Unauthenticated` for a wrong
        password; `InvalidRequest` if it is no new address and for a missing code; `SecondFactorWrong`, `SecondFactorClosed`,
        `NotFound`. This method has no rate limit for passwords: add one of your own.
        """
        await self._engine.change_email(account_id, password, email, code)

    async def confirm_email(self, token: str) -> Account:
        """Gives an account the new address that this token was mailed to, which counts as verified. Sessions go on.

        The old address is mailed a token that undoes the change for seven days, and as long nobody else can have it. Raises
        `ProofUnknown`, also for a repeat, and `EmailTaken` if somebody has the address meanwhile.
        """
        return await self._engine.confirm_email(token)

    async def undo_email_change(self, token: str) -> Account:
        """Gives an account back the address that this token was mailed to, and ends its sessions and its other open tokens.

        Nobody knows its password any more, since the person who changed the address may have known it: a token to choose one is
        mailed to the address. Raises `ProofUnknown`, also for a repeat, and `EmailTaken` if somebody else has the address.
        """
        return await self._engine.undo_email_change(token)

    async def proof(self, token: str) -> ProofState | None:
        """What a token is for and whether it can be used, for pages. Changes nothing, since programs that check mails follow links.

        ``None`` if there is no such token, or it expired more than a day ago.

        >>> await tickets.proof("tkp_1_nonsense") is None
        True
        """
        return await self._engine.proof(token)

    # Administration

    async def accounts(
        self,
        *,
        actor: Principal | None,
        text: str | None = None,
        role: Role | None = None,
        is_active: bool | None = None,
        skip: int = 0,
        limit: int = 100,
        count: bool = False,
    ) -> Page[Account]:
        """Lists accounts, the oldest first. ``limit`` is the page size, 1–1000.

        ``text`` is a part of the email address or the user name, in any case, or of the name, as it is written. For administrators,
        and with ``None`` as ``actor`` for the operator, which your application is. Raises `Forbidden`.
        """
        return await self._engine.accounts(actor, text, role, is_active, skip, limit, count)

    async def account(self, *, actor: Principal | None, account_id: int) -> Account:
        """An account, active or not. For administrators; with ``None`` as ``actor``, for the operator. Raises `Forbidden`, `NotFound`."""
        return await self._engine.account(actor, account_id)

    async def administer_account(
        self,
        *,
        actor: Principal | None,
        account_id: int,
        role: Role | None = None,
        is_active: bool | None = None,
        reason: str | None | Unset = UNSET,
        ends_sessions: bool = False,
        removes_second_factor: bool = False,
    ) -> Account:
        """Gives an account a role, activates or deactivates it, ends its sessions, removes its second factor. What is not given stays.

        It takes effect with the next call, in every process. Deactivating an account ends its sessions for good. ``reason`` says why,
        in at most 500 characters, for administrators only; it comes with ``is_active=False``, and ``None`` removes it. Remove the second
        factor of a person who has lost it and the recovery codes: its owner is told by mail.

        Each change is a line of ``audit_of_account``. A repeat changes nothing, except that ``ends_sessions`` ends the sessions that
        began since. For administrators; with ``None`` as ``actor``, for the operator. Raises `LastAdmin` if no active administrator
        would be left, `Forbidden`, `NotFound`.

        >>> account = await tickets.register(email="sam@example.com", name="Sam", password="correct horse battery")
        >>> account = await tickets.administer_account(
        ...     actor=None, account_id=account.id, is_active=False, reason="Sells forged tickets"
        ... )
        >>> account.is_active, account.disabled_reason
        (False, 'Sells forged tickets')
        >>> [(line.actor, line.action) for line in await tickets.audit_of_account(actor=None, account_id=account.id)]
        [('operator', 'account.disabled')]
        """
        sets_reason = not isinstance(reason, Unset)
        text = None if isinstance(reason, Unset) else reason
        return await self._engine.administer_account(
            actor, account_id, role, is_active, sets_reason, text, ends_sessions, removes_second_factor
        )

    async def audit_of_account(
        self, *, actor: Principal | None, account_id: int, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[AuditLine]:
        """What was decided about an account, the oldest first. For administrators; with ``None`` as ``actor``, for the operator.

        ``limit`` is the page size, 1–1000. Raises `Forbidden`, `NotFound`.
        """
        return await self._engine.audit_of_account(actor, account_id, skip, limit, count)

    async def request_erasure(self, *, account_id: int, password: str, code: str | None = None) -> Erasure:
        """Asks for the erasure of an account, seven days later. Until then it works, and ``cancel_erasure`` cancels it.

        What is left then is its id; see ``erase_account``. The account is told by mail, if its address is verified. A repeat keeps the
        first time. An account with a second factor needs a ``code``. Raises `ErasureBlocked`, whose ``by`` says what stands in the way,
        `Unauthenticated` for a wrong password, `SecondFactorWrong`, `SecondFactorClosed`, `NotFound`.
        """
        return await self._engine.request_erasure(account_id, password, code)

    async def cancel_erasure(self, account_id: int) -> None:
        """Cancels the erasure of an account. A repeat changes nothing. Raises `NotFound`, also after it was erased."""
        await self._engine.cancel_erasure(account_id)

    async def erasure(self, account_id: int) -> Erasure:
        """Whether and when an account is erased, and what stands in the way now. Raises `NotFound`, also after it was erased."""
        return await self._engine.erasure(account_id)

    async def erase_account(self, *, actor: Principal | None, account_id: int) -> None:
        """Erases an account at once. For administrators; with ``None`` as ``actor``, for the operator.

        Its address, names, phone number, password, second factor and sessions are gone, and the address in its orders and mails; if it
        is verified, also in the orders of others and in mails to it. Its id stays, and so do amounts, references, refunds and tickets,
        which stay valid. Raises `ErasureBlocked`, `Forbidden`, `NotFound`.
        """
        await self._engine.erase_account(actor, account_id)

    async def erase_buyer(self, who: Principal) -> int:
        """Erases the address of a buyer in all finished orders and their mails: for the users of your application.

        Returns how many orders there were. Amounts, references and tickets stay. A repeat finds those that were finished since.

        >>> await tickets.erase_buyer(Principal.external("member-7"))
        0
        """
        return await self._engine.erase_buyer(who)

    async def account_data(self, account_id: int) -> AccountData:
        """What is kept of a person, for the person: the account, memberships, sessions, keys, orders, tickets, payments, mails,
        decisions. Raises `NotFound`."""
        return await self._engine.account_data(account_id)

    async def event_audit(
        self, *, actor: Principal, event_id: int, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[AuditLine]:
        """What was done to an event, the oldest first: edits with the values before and after, and promo codes.

        It names people and API keys by their ids. For its organiser, and members with `Permission.EDIT`.
        """
        return await self._engine.event_audit(actor, event_id, skip, limit, count)

    # Organisations

    async def found_organisation(self, *, founder_id: int, name: str, key: str | None = None) -> Organisation:
        """Founds an organisation. The founder, an account with a verified address, is its first owner.

        With a ``key``, repeating the call returns the same organisation. Raises `EmailUnverified`, `TooManyOrganisations`,
        `KeyReused`.
        """
        return await self._engine.found_organisation(founder_id, name, key)

    async def organisations(self, account_id: int) -> tuple[Membership, ...]:
        """The organisations that an account is a member of, by id."""
        return await self._engine.organisations(account_id)

    async def organisation(self, *, actor: Principal, organisation_id: int) -> Organisation:
        """An organisation, for its members; for others it is `NotFound`."""
        return await self._engine.organisation(actor, organisation_id)

    async def edit_organisation(
        self,
        *,
        actor: Principal,
        organisation_id: int,
        name: str | None = None,
        requires_second_factor: bool | None = None,
    ) -> Organisation:
        """Edits an organisation; ``None`` leaves a field as it is. For members with `Permission.MANAGE`. A repeat changes nothing.

        If a second factor is required, members without one get `SecondFactorRequired` for all that is done with the organisation, from
        the next call on. Who requires one must have one.
        """
        return await self._engine.edit_organisation(actor, organisation_id, name, requires_second_factor)

    async def members(self, *, actor: Principal, organisation_id: int) -> tuple[Member, ...]:
        """The members of an organisation, those who were added first come first. For members with `Permission.MANAGE`."""
        return await self._engine.members(actor, organisation_id)

    async def add_member(
        self,
        *,
        actor: Principal,
        organisation_id: int,
        email: str,
        role: MemberRole,
        event_ids: Sequence[int] | None = None,
    ) -> Member:
        """Makes the account with this verified address a member, or gives a member this role. A repeat changes nothing.

        ``event_ids`` are the events that the role is for; ``None`` for all. For members with `Permission.MANAGE` for all events, who
        give no permission that they lack. Raises `AccountUnknown`, `NotGranted`, `LastOwner`, `EventUnknown`, `TooManyMembers`,
        `TooManyOrganisations`.
        """
        ids = None if event_ids is None else list(event_ids)
        return await self._engine.add_member(actor, organisation_id, email, role, ids)

    async def change_member(
        self,
        *,
        actor: Principal,
        organisation_id: int,
        account_id: int,
        role: MemberRole | None = None,
        event_ids: Sequence[int] | None | Unset = UNSET,
    ) -> Member:
        """Gives a member another role, or its role for other events. What is not given stays. Raises as `add_member`."""
        sets_events = not isinstance(event_ids, Unset)
        ids = None if event_ids is None or isinstance(event_ids, Unset) else list(event_ids)
        return await self._engine.change_member(actor, organisation_id, account_id, role, sets_events, ids)

    async def remove_member(self, *, actor: Principal, organisation_id: int, account_id: int) -> None:
        """Ends a membership with the member's next call. Everybody may leave. A repeat changes nothing.

        Raises `LastOwner`, `NotGranted`, `AccountUnknown`.
        """
        await self._engine.remove_member(actor, organisation_id, account_id)

    async def invite_member(
        self,
        *,
        actor: Principal,
        organisation_id: int,
        email: str,
        role: MemberRole,
        event_ids: Sequence[int] | None = None,
    ) -> Invitation:
        """Mails a token to an address, which ``join_organisation`` takes for seven days. There need not be an account yet.

        A repeat replaces the invitation of the address before: the last role and events count. The mail contains no word that a person
        chose. For members with `Permission.MANAGE` for all events, who give no permission that they lack. Raises `NotGranted`,
        `EventUnknown`; `TooManyInvitations` if 100 are open; `TooManyProofs` after three in an hour for the address, or 20 by the inviter.
        """
        ids = None if event_ids is None else list(event_ids)
        return await self._engine.invite_member(actor, organisation_id, email, role, ids)

    async def invitations(self, *, actor: Principal, organisation_id: int) -> tuple[Invitation, ...]:
        """The open invitations of an organisation, the oldest first. For members with `Permission.MANAGE`."""
        return await self._engine.invitations(actor, organisation_id)

    async def withdraw_invitation(self, *, actor: Principal, organisation_id: int, invitation_id: int) -> None:
        """Withdraws an invitation: its token is of no use any more. A repeat changes nothing.

        Raises `InvitationUnknown`, also for one that was accepted, and `NotGranted`.
        """
        await self._engine.withdraw_invitation(actor, organisation_id, invitation_id)

    async def join_organisation(self, account_id: int, *, token: str) -> Membership:
        """Makes the account a member of the organisation that its address was invited to. The address counts as verified.

        Raises `ProofUnknown`, also for a repeat, for another address, and if the inviter may not give the role any more; `LastOwner`,
        `TooManyMembers`, `TooManyOrganisations`.
        """
        return await self._engine.join_organisation(account_id, token)

    async def organisation_audit(
        self, *, actor: Principal, organisation_id: int, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[AuditLine]:
        """What happened to an organisation, oldest first. It names ids only. For members with `Permission.MANAGE`."""
        return await self._engine.organisation_audit(actor, organisation_id, skip, limit, count)

    # API keys

    async def authenticate_caller(self, token: str) -> Caller:
        """Who has sent a bearer token: a session token, or the token of an API key. Raises `Unauthenticated`.

        >>> account = await tickets.register(email="kim@example.com", name="Kim", password="correct horse battery")
        >>> made = await tickets.make_api_key(
        ...     maker_id=account.id, password="correct horse battery", name="North gate", permissions=[Permission.DOOR]
        ... )
        >>> (await tickets.authenticate_caller(made.token)).who == made.key.principal
        True
        """
        return await self._engine.authenticate_caller(token)

    async def make_api_key(
        self,
        *,
        maker_id: int,
        password: str,
        name: str,
        permissions: Sequence[Permission],
        organisation_id: int | None = None,
        event_ids: Sequence[int] | None = None,
        expires_at: datetime | None = None,
        code: str | None = None,
    ) -> NewApiKey:
        """Makes an API key for events of the maker, or of an organisation. Its token is shown once; a repeat makes another key.

        For an organisation, the maker needs `Permission.MANAGE` for all of its events, and every permission of the key. A key lasts
        for a year; one with `Permission.DOOR` alone for listed events lasts until 24 hours after the last of them. ``code`` is a code
        of the maker's second factor, needed if there is one. Raises `Unauthenticated` for a wrong password, `NotGranted`,
        `OrganisationUnknown`, `EventUnknown`, `TooManyApiKeys`, `SecondFactorWrong`, `SecondFactorClosed`.
        """
        ids = None if event_ids is None else list(event_ids)
        return await self._engine.make_api_key(
            maker_id, password, name, list(permissions), organisation_id, ids, expires_at, code
        )

    async def api_keys(
        self, account_id: int, *, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[ApiKey]:
        """The keys that an account has made or taken over and that were not revoked, newest first."""
        return await self._engine.api_keys(account_id, skip, limit, count)

    async def api_keys_of(
        self, *, actor: Principal, organisation_id: int, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[ApiKey]:
        """The keys for the events of an organisation, newest first. For members with `Permission.MANAGE`."""
        return await self._engine.api_keys_of(actor, organisation_id, skip, limit, count)

    async def revoke_api_key(self, *, actor: Principal, key_id: int) -> ApiKey:
        """Revokes a key: it stops working with the next call. A repeat changes nothing. Raises `NotFound`."""
        return await self._engine.revoke_api_key(actor, key_id)

    async def take_over_api_key(
        self, account_id: int, *, password: str, key_id: int, code: str | None = None
    ) -> ApiKey:
        """Makes an account the maker of a key of an organisation, so that it goes on working when the one before leaves.

        For members with `Permission.MANAGE` and every permission of the key. ``code`` is a code of the second factor, needed if the
        account has one. Raises `NotFound`, `NotGranted`, `TooManyApiKeys`, `Unauthenticated` for a wrong password.
        """
        return await self._engine.take_over_api_key(account_id, password, key_id, code)

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
        time_zone: str | ZoneInfo = "UTC",
        draft: bool = False,
        rules: SalesRules = SalesRules(),
        terms: EventTerms = EventTerms(),
        key: str | None = None,
        organisation_id: int | None = None,
    ) -> Event:
        """Creates an event of ``organizer``: with a ``price`` for its only ticket type, or with ``ticket_types``.

        It must not be past. Without ``ends_at``, tickets are sold until 24 hours after ``starts_at``.

        ``capacity`` limits all types together; ``None`` means unlimited. A ``category`` that does not exist yet is created.
        ``time_zone`` is where its clocks are: an IANA name, or a ``ZoneInfo`` that has one. A ``draft`` is not listed and not on
        sale until it is published. ``rules`` say when tickets are sold, and how many to whom; ``terms`` whether tickets can be
        transferred and returned, and what attendees are asked.

        With an ``organisation_id``, that organisation runs it, and ``organizer`` must be a member who may edit its events.

        With a ``key``, repeating the call returns the same event. Keys that begin with ``series-`` are reserved. Raises
        `CategoryUnknown`, `KeyReused`.

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
            time_zone,
            draft,
            rules,
            terms,
            key,
            organisation_id,
        )

    async def create_category(self, *, name: str, description: str | None = None) -> Category:
        """Creates a category. Raises `CategoryTaken`."""
        return await self._engine.create_category(name, description)

    async def categories(self, *, skip: int = 0, limit: int = 1000, count: bool = False) -> Page[Category]:
        """Lists categories, sorted by name. ``limit`` is the page size, 1–1000."""
        return await self._engine.categories(skip, limit, count)

    async def event(self, event_id: int) -> Event:
        """An event, whatever its status, with all its ticket types. Raises `NotFound`.

        Show a draft, and ticket types that are secret or removed, to its organiser only.
        """
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
        with_drafts: bool = False,
        phase: EventPhase | None = None,
        series: int | None = None,
        sort: EventSort = EventSort.ID,
        skip: int = 0,
        limit: int = 100,
        count: bool = False,
    ) -> Page[Event]:
        """Lists events. ``limit`` is the page size, 1–1000.

        With a ``phase``, only events that are in it now, whatever ``with_cancelled`` and ``with_drafts`` say. Show drafts to their
        organiser only: pass ``organizer``.

        With a ``series``, only the dates of this series: the ``series_id`` of its events.
        """
        return await self._engine.events(
            category,
            text,
            starts_from,
            starts_before,
            organizer,
            with_cancelled,
            with_drafts,
            phase,
            series,
            sort,
            skip,
            limit,
            count,
        )

    async def edit_event(
        self,
        *,
        actor: Principal,
        event_id: int,
        seen: int | None = None,
        organizer: Principal | Unset = UNSET,
        title: str | Unset = UNSET,
        description: str | None | Unset = UNSET,
        starts_at: datetime | Unset = UNSET,
        ends_at: datetime | None | Unset = UNSET,
        time_zone: str | ZoneInfo | Unset = UNSET,
        location: str | Unset = UNSET,
        address: str | None | Unset = UNSET,
        image_url: str | None | Unset = UNSET,
        category_id: int | None | Unset = UNSET,
        currency: str | Unset = UNSET,
        capacity: int | None | Unset = UNSET,
        status: EventStatus | Unset = UNSET,
        rules: SalesRules | SalesRulesEdit | Unset = UNSET,
        terms: EventTerms | EventTermsEdit | Unset = UNSET,
        ticket_types: Sequence[TicketTypeEdit] | Unset = UNSET,
        refund_until: datetime | None | Unset = UNSET,
    ) -> Event:
        """Changes an event. What is not given stays as it is; ``None`` empties an optional field.

        With ``seen``, only if that is still its ``version``. Repeating the call changes nothing, whatever the version. For its
        organiser or an administrator.

        ``rules`` are replaced by `SalesRules`, and changed by `SalesRulesEdit`; ``terms`` by `EventTerms` and `EventTermsEdit`.
        ``ticket_types`` are all types that are not removed,
        in their order: one that is not in the list is removed. Orders keep their prices and tickets. A new ``time_zone`` leaves the
        start and the end the same instants. ``status`` is draft or active.

        An event moves to another ``organizer``: an organisation, or ``actor``, who needs `Permission.MANAGE` on both sides
        and `Permission.MONEY` where it leaves an organisation.

        Where the date or the place of a published event changes, everybody who has paid gets a mail ten minutes later. Until
        ``refund_until``, buyers may return unused tickets: see `return_tickets`. ``None`` is never. By default, it is three days
        where the start moves by more than a day or the place changes.

        Raises `Stale`, `CapacityTooLow`, `HasOrders`, `LastType`, `EventOver`, `EventCancelled`, `CategoryUnknown`.

        >>> edited = await tickets.edit_event(actor=club, event_id=event.id, seen=event.version, capacity=350)
        >>> edited.stock.capacity, edited.title, edited.version
        (350, 'Jazz night', 2)
        >>> diet = Question(key="diet", text="What do you not eat?", required=RequiredWhen.BEFORE_PAYING)
        >>> terms = EventTermsEdit(returns=ReturnPolicy(until=event.starts_at, keep_percent=10), questions=[diet])
        >>> (await tickets.edit_event(actor=club, event_id=event.id, terms=terms)).terms.returns.keep_percent
        10
        """
        wants = SimpleNamespace(
            organizer=organizer,
            title=title,
            description=description,
            starts_at=starts_at,
            ends_at=ends_at,
            time_zone=time_zone,
            location=location,
            address=address,
            image_url=image_url,
            category_id=category_id,
            currency=currency,
            capacity=capacity,
            status=status,
            rules=rules,
            terms=terms,
            ticket_types=ticket_types,
            refund_until=refund_until,
        )
        return await self._engine.edit_event(actor, event_id, seen, wants)

    async def managed_event(self, *, actor: Principal, event_id: int) -> Event:
        """An event that ``actor`` manages: its organiser or an administrator. A draft of somebody else is `NotFound`."""
        return await self._engine.managed_event(actor, event_id)

    async def publish_event(self, *, actor: Principal, event_id: int) -> Event:
        """Publishes a draft: it is listed and on sale. Repeating the call changes nothing. Raises `EventCancelled`.

        It must begin in the future, have a ticket type that everybody sees, and a currency that the gateway charges unless it is
        free. All that is missing is reported at once.

        >>> draft = await tickets.create_event(
        ...     organizer=club, title="Soul", starts_at=next_year, location="Lagos", price=Money("2000", "NGN"), draft=True
        ... )
        >>> published = await tickets.publish_event(actor=club, event_id=draft.id)
        >>> draft.status.value, published.status.value
        ('draft', 'active')
        """
        return await self._engine.publish_event(actor, event_id)

    async def unpublish_event(self, *, actor: Principal, event_id: int) -> Event:
        """Makes a published event a draft again. Repeating the call changes nothing.

        Raises `HasOrders` while an order is held or paid: pause the sales instead. Raises `EventCancelled`, `EventOver`.
        """
        return await self._engine.unpublish_event(actor, event_id)

    async def pause_sales(self, *, actor: Principal, event_id: int) -> Event:
        """Pauses the sales of an event, which stays listed. Tickets that are held can still be paid.

        Repeating the call changes nothing. Raises `EventCancelled`, `EventOver`.
        """
        return await self._engine.pause_sales(actor, event_id)

    async def resume_sales(self, *, actor: Principal, event_id: int) -> Event:
        """Resumes paused sales. Repeating the call changes nothing. Raises `EventCancelled`, `EventOver`."""
        return await self._engine.resume_sales(actor, event_id)

    async def dates_of(self, event: Event | int, *, until: date, on: Sequence[Weekday] = ()) -> list[datetime]:
        """The dates on which an event repeats, for `copy_event`: those after its own, until this one, inclusive. Creates nothing.

        It repeats ``on`` these days of the week; by default on every day. Each date has the wall time of the event's start, in its
        time zone. ``event`` is an event or its id; what is stored of it counts. Raises `NotFound`.

        There are at most 366 dates. A date on which the clocks skip that wall time is an error, `InvalidRequest`.

        >>> from datetime import date
        >>> dates = await tickets.dates_of(event, until=date(2100, 1, 31), on=["fri", "sat"])
        >>> len(dates), dates[0].isoformat()
        (10, '2100-01-01T20:00:00+00:00')
        """
        event_id = event.id if isinstance(event, Event) else event
        return list(await self._engine.dates_of(event_id, until, on))

    async def copy_event(
        self,
        *,
        actor: Principal,
        event_id: int,
        starts_at: Sequence[datetime],
        status: EventStatus | Literal["draft", "active"] = EventStatus.DRAFT,
    ) -> list[Event]:
        """Copies an event to other dates, in this order: its texts, ticket types and rules, with nothing sold.

        Its end and its sales times keep their distance from the start, in wall time. The copies and the original form one series:
        `events` lists it. Repeating the call creates nothing twice: a date that was copied before is the same event, even if it was
        edited or cancelled since. For its organiser or an administrator.

        There are 1 to 366 dates, all in the future. The copies are drafts unless ``status`` is active. Raises `NotFound`, `Forbidden`.

        >>> from datetime import date
        >>> fridays = await tickets.dates_of(event, until=date(2100, 12, 31), on=["fri"])
        >>> copies = await tickets.copy_event(actor=club, event_id=event.id, starts_at=fridays, status="active")
        >>> len(copies), copies[0].series_id == event.id, (await tickets.events(series=event.id, count=True)).total
        (53, True, 54)
        """
        return list(await self._engine.copy_event(actor, event_id, starts_at, status))

    async def cancel_event(self, *, actor: Principal, event_id: int) -> Event:
        """Cancels an event. Upkeep then refunds and mails every buyer. For its organiser or an administrator."""
        return await self._engine.cancel_event(actor, event_id)

    # Promo codes

    async def create_promo_code(
        self,
        *,
        actor: Principal,
        event_id: int,
        text: str,
        discount: Discount = Discount(),
        ticket_types: Sequence[int] = (),
        unlocks: Sequence[int] = (),
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        max_per_order: int | None = None,
        max_per_buyer: int | None = None,
        max_uses: int | None = None,
        paused: bool = False,
        note: str | None = None,
    ) -> PromoCode:
        """Creates a promo code for an event: a ``discount``, access to secret ticket types, or both. For its organiser or an administrator.

        ``text`` is what buyers type: 4–40 letters, digits and hyphens, in any case. ``ticket_types`` are the ids of those that it is for;
        by default all that everybody sees, and those that it ``unlocks``. A use is a ticket, not an order: ``max_uses`` counts tickets.

        Repeating the call with the same settings returns the same code. Raises `CodeTaken`.

        >>> code = await tickets.create_promo_code(
        ...     actor=club, event_id=event.id, text="early20", discount=Discount(percent="20"), max_uses=50
        ... )
        >>> code.text, code.uses.available
        ('EARLY20', 50)
        """
        wants = SimpleNamespace(
            text=text,
            discount=discount,
            ticket_types=ticket_types,
            unlocks=unlocks,
            valid_from=valid_from,
            valid_until=valid_until,
            max_per_order=max_per_order,
            max_per_buyer=max_per_buyer,
            max_uses=max_uses,
            paused=paused,
            note=note,
        )
        return await self._engine.create_promo_code(actor, event_id, wants)

    async def create_promo_codes(
        self,
        *,
        actor: Principal,
        event_id: int,
        text: str,
        count: int,
        key: str | None = None,
        discount: Discount = Discount(),
        ticket_types: Sequence[int] = (),
        unlocks: Sequence[int] = (),
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        max_per_order: int | None = None,
        max_per_buyer: int | None = None,
        max_uses: int | None = None,
        paused: bool = False,
        note: str | None = None,
    ) -> list[PromoCode]:
        """Creates 1 to 5,000 codes at once. Each is ``text``, a hyphen and ten random symbols, and good for one ticket by default.

        With a ``key``, repeating the call returns the same codes. They follow from the key, so it must be hard to guess.

        >>> codes = await tickets.create_promo_codes(
        ...     actor=club, event_id=event.id, text="guest", count=20, discount=Discount(percent=100)
        ... )
        >>> len(codes), len(codes[0].text), codes[0].uses.capacity
        (20, 16, 1)
        """
        wants = SimpleNamespace(
            text=text,
            discount=discount,
            ticket_types=ticket_types,
            unlocks=unlocks,
            valid_from=valid_from,
            valid_until=valid_until,
            max_per_order=max_per_order,
            max_per_buyer=max_per_buyer,
            max_uses=max_uses,
            paused=paused,
            note=note,
        )
        return list(await self._engine.create_promo_codes(actor, event_id, wants, count, key))

    async def edit_promo_code(
        self,
        *,
        actor: Principal,
        code_id: int,
        seen: int | None = None,
        text: str | Unset = UNSET,
        discount: Discount | Unset = UNSET,
        ticket_types: Sequence[int] | Unset = UNSET,
        unlocks: Sequence[int] | Unset = UNSET,
        valid_from: datetime | None | Unset = UNSET,
        valid_until: datetime | None | Unset = UNSET,
        max_per_order: int | None | Unset = UNSET,
        max_per_buyer: int | None | Unset = UNSET,
        max_uses: int | None | Unset = UNSET,
        paused: bool | Unset = UNSET,
        note: str | None | Unset = UNSET,
    ) -> PromoCode:
        """Changes a promo code. What is not given stays as it is; ``None`` empties an optional field. Orders keep their prices.

        With ``seen``, only if that is still its ``version``. Repeating the call changes nothing, whatever the version. A code cannot be
        deleted: pause it. Raises `Stale`, `CodeTaken`; and `CapacityTooLow` if ``max_uses`` is below what is held and sold.

        >>> code = await tickets.create_promo_code(actor=club, event_id=event.id, text="LATE", max_uses=5)
        >>> code = await tickets.edit_promo_code(
        ...     actor=club, code_id=code.id, seen=code.version, discount=Discount(each=Money(500, "NGN")), max_uses=None
        ... )
        >>> code.discount.each, code.uses.capacity, code.version
        (Money(amount=Decimal('500.00'), currency='NGN'), None, 2)
        """
        wants = SimpleNamespace(
            text=text,
            discount=discount,
            ticket_types=ticket_types,
            unlocks=unlocks,
            valid_from=valid_from,
            valid_until=valid_until,
            max_per_order=max_per_order,
            max_per_buyer=max_per_buyer,
            max_uses=max_uses,
            paused=paused,
            note=note,
        )
        return await self._engine.edit_promo_code(actor, code_id, seen, wants)

    async def promo_code(self, *, actor: Principal, code_id: int) -> PromoCode:
        """A promo code, for the event's organiser or an administrator. For others, it is `NotFound`."""
        return await self._engine.promo_code(actor, code_id)

    async def promo_codes(
        self, *, actor: Principal, event_id: int, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[PromoCode]:
        """Lists the promo codes of an event, oldest first, for its organiser or an administrator. ``limit`` is the page size, 1–1000."""
        return await self._engine.promo_codes(actor, event_id, skip, limit, count)

    # Orders

    async def quote(
        self,
        *,
        buyer: Buyer,
        event_id: int,
        quantity: int | None = None,
        lines: Sequence[Line] | None = None,
        promo_code: str | None = None,
    ) -> Quote:
        """What an order would cost, line by line. Holds nothing. Raises what ``hold`` does.

        Pass its ``total`` to ``hold`` or ``buy`` as ``expect_total``: if the price changes meanwhile, they raise `PriceChanged`.

        >>> (await tickets.quote(buyer=ada, event_id=event.id, quantity=2)).total
        Money(amount=Decimal('10000.00'), currency='NGN')
        """
        return await self._engine.quote(buyer, event_id, quantity, lines, promo_code)

    async def hold(
        self,
        *,
        buyer: Buyer,
        event_id: int,
        quantity: int | None = None,
        lines: Sequence[Line] | None = None,
        reference: str | None = None,
        promo_code: str | None = None,
        expect_total: Money | None = None,
    ) -> Order:
        """Holds tickets for an unpaid order until its ``hold_until``: ``quantity`` (default 1) of the only type, or ``lines``.

        A ``promo_code`` may have any case. If it is good for only some of the tickets, the dearest get it. The application limits how
        many codes somebody may try. With ``expect_total``, the total that the buyer was shown, an order that would cost something else
        raises `PriceChanged`.

        With a ``reference`` of yours, repeating the call returns the same order. Raises `EventUnknown`, `EventCancelled`, `EventOver`,
        `SalesPaused`, `NotOnSale`, `TicketTypeUnknown`, `TooFew`, `TooMany`, `BuyerLimit`, `TooManyHolds`, `SoldOut`,
        `TotalTooLarge`, `KeyReused`, `CodeUnknown`, `CodeUsedUp`, `CodeLimit`.

        >>> order = await tickets.hold(buyer=ada, event_id=event.id, quantity=2)
        >>> order.total
        Money(amount=Decimal('10000.00'), currency='NGN')
        """
        return await self._engine.hold(buyer, event_id, quantity, lines, reference, promo_code, expect_total)

    async def quote_as_guest(
        self,
        *,
        event_id: int,
        quantity: int | None = None,
        lines: Sequence[Line] | None = None,
        promo_code: str | None = None,
    ) -> Quote:
        """What an order would cost a guest who has given no address. Otherwise as ``quote``."""
        return await self._engine.quote_as_guest(event_id, quantity, lines, promo_code)

    async def hold_as_guest(
        self,
        *,
        event_id: int,
        email: str | None = None,
        quantity: int | None = None,
        lines: Sequence[Line] | None = None,
        reference: str | None = None,
        promo_code: str | None = None,
        expect_total: Money | None = None,
    ) -> Order:
        """Holds tickets for a guest, who has no account. Otherwise as ``hold``.

        Without an ``email``, the tickets are held for ``naming_for``, until ``name_buyer`` gives one. The buyer of the order is
        ``Principal.guest(order.reference)``. Give the guest the order's key, which stands for the buyer: see ``guest_key`` and ``guest``.

        >>> order = await tickets.hold_as_guest(event_id=event.id)
        >>> order = await tickets.name_buyer(actor=order.buyer.who, reference=order.reference, email="guest@example.com")
        >>> order.buyer.who == Principal.guest(order.reference)
        True
        """
        return await self._engine.hold_as_guest(email, event_id, quantity, lines, reference, promo_code, expect_total)

    async def name_buyer(self, *, actor: Principal, reference: str, email: str) -> Order:
        """Sets the address to which the tickets of a guest's order are mailed. The first one extends the hold, once.

        A repeat with the same address changes nothing; another one replaces it, until a checkout is opened. Raises `HoldExpired`,
        `OrderPaid`, `OrderCancelled`, `PaymentInProgress`, and `BuyerLimit`, `TooManyHolds` or `CodeLimit` if somebody with this
        address has too much already. Raises `NotFound` unless the order is ``actor``'s, and `OrderUnknown` unless it is a guest's.
        """
        return await self._engine.name_buyer(actor, reference, email)

    async def guest_key(self, reference: str) -> str | None:
        """The key of a guest's order: who has it is its buyer. ``None`` if the buyer is no guest.

        It is derived from the reference and ``token_secret``, and stored nowhere. Raises `NotFound`.
        """
        return await self._engine.guest_key(reference)

    async def guest(self, key: str) -> Principal:
        """The guest whose key this is. Raises `NotFound` for a wrong one."""
        return await self._engine.guest(key)

    async def claim_orders(self, account_id: int) -> tuple[Order, ...]:
        """Makes an account the buyer of all orders that guests made with its address, and returns these orders.

        Their keys go on working, and the codes of tickets stay. A repeat takes over what was ordered since. Raises `EmailUnverified`
        unless the account's address is verified.
        """
        return await self._engine.claim_orders(account_id)

    async def order(self, *, actor: Principal, reference: str) -> Order:
        """An order of ``actor``'s. Raises `NotFound`."""
        return await self._engine.order(actor, reference)

    async def orders(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[Order]:
        """``actor``'s orders, newest first."""
        return await self._engine.orders(actor, skip, limit, count)

    async def cancel_order(self, *, actor: Principal, reference: str) -> Order:
        """Cancels an unpaid order and releases its tickets. Raises `OrderPaid`, `HoldExpired`, `PaymentInProgress`."""
        return await self._engine.cancel_order(actor, reference)

    # Attendees, and sales without a checkout

    async def attendees(
        self,
        *,
        actor: Principal,
        event_id: int,
        text: str | None = None,
        ticket_type_id: int | None = None,
        status: TicketStatus | None = None,
        paid_with: str | None = None,
        promo_code_id: int | None = None,
        ordered_from: datetime | None = None,
        ordered_until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> CursorPage[AttendeeEntry]:
        """Lists the tickets of an event with who comes with them: those of the newest order first, void ones too.

        For those who may see the attendees of the event. ``text`` is a part of the name, of the address or of the order's reference,
        in any case, or the last six symbols of the code. ``after`` is the ``next`` of the page before.
        """
        return await self._engine.attendees(
            actor,
            event_id,
            text,
            ticket_type_id,
            status,
            paid_with,
            promo_code_id,
            ordered_from,
            ordered_until,
            after,
            limit,
        )

    async def attendee(self, *, actor: Principal, ticket_id: int) -> Attendee:
        """Who comes with a ticket: for its holder and buyer, and for those who may see the attendees of the event."""
        return await self._engine.attendee(actor, ticket_id)

    async def edit_attendee(
        self,
        *,
        actor: Principal,
        ticket_id: int,
        seen: int | None = None,
        name: str | None | Unset = UNSET,
        email: str | None | Unset = UNSET,
        note: str | None | Unset = UNSET,
        answers: Mapping[str, str | None] | Unset = UNSET,
    ) -> Attendee:
        """Says who comes with a ticket. What is not given stays as it is; ``None`` empties a field.

        With ``seen``, only if that is still its ``version``. Repeating the call changes nothing, whatever the version. The holder and
        the buyer may do it while the ticket is valid, but for the note, which is the organiser's.

        ``answers`` are those to the questions that the event asks for every ticket, by their keys. Those to other questions stay;
        ``None`` takes one away. A valid ticket whose attendee gets an address, or another one, is mailed to it. Raises `Stale`,
        `TicketNotValid`, `TooManyResends`.
        """
        wants = SimpleNamespace(name=name, email=email, note=note, answers=answers)
        return await self._engine.edit_attendee(actor, ticket_id, seen, wants)

    async def orders_of_event(
        self,
        *,
        actor: Principal,
        event_id: int,
        text: str | None = None,
        status: OrderStatus | None = None,
        paid_with: str | None = None,
        promo_code_id: int | None = None,
        ordered_from: datetime | None = None,
        ordered_until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> CursorPage[OrderEntry]:
        """Lists the orders of an event, the newest first, whatever became of them. For those who may see its orders.

        ``text`` is a part of the buyer's address, of the reference or of an attendee's name, in any case.
        """
        return await self._engine.orders_of_event(
            actor, event_id, text, status, paid_with, promo_code_id, ordered_from, ordered_until, after, limit
        )

    async def issue_order(
        self,
        *,
        actor: Principal,
        event_id: int,
        lines: Sequence[IssueLine],
        payment: IssuePayment,
        pay_until: datetime | None = None,
        buyer: Principal | None = None,
        email: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Issued:
        """Makes an order without a checkout: free tickets, tickets for cash or a bank transfer, or places that are kept for later.

        Its tickets are issued at once, unless it is paid later, and mailed if there is an ``email``. Sales windows, pauses, limits and
        secret types do not bind those who issue tickets; capacity does. Free tickets need a ``note`` that says why. The ``buyer`` is by
        default a guest. With a ``reference`` of yours, which must be hard to guess, repeating the call returns the same order.

        Raises `EventDraft`, `EventCancelled`, `EventOver`, `TicketTypeUnknown`, `SoldOut`, `TotalTooLarge`, `CurrencyUnsupported`,
        `KeyReused`.

        >>> issued = await tickets.issue_order(
        ...     actor=club, event_id=event.id, lines=[IssueLine(quantity=2)], payment=IssuePayment.FREE, note="The band"
        ... )
        >>> issued.order.status, issued.order.total, len(issued.tickets)
        (<OrderStatus.PAID: 'paid'>, Money(amount=Decimal('0.00'), currency='NGN'), 2)
        """
        return await self._engine.issue_order(
            actor, event_id, lines, payment, pay_until, buyer, email, note, reference
        )

    async def import_orders(
        self,
        *,
        actor: Principal,
        event_id: int,
        file: bytes,
        paid: PaymentMethod | None = None,
        note: str | None = None,
        mail: bool = False,
        dry_run: bool = False,
    ) -> Imported:
        """Issues tickets from a CSV file in UTF-8: an order for each row, all of them or none. At most 5 MiB and 5,000 rows.

        The first row names the columns, in any order: ``name``, ``email``, ``ticket_type`` (not needed where the event has one that is
        public), ``quantity`` (default 1), ``price`` of one ticket (default: that of its type), ``note``, and the keys of the questions
        that are asked for every ticket. The name, the address and the answers are those of the first ticket of a row.

        ``paid`` says how they were paid. Without it they are free, and ``note`` must say why. With ``mail``, the tickets are mailed.
        A ``dry_run`` only finds out what is wrong. Capacity binds, as for ``issue_order``.

        Repeating the call with the same file returns the same orders. For those who may issue orders of the event. Raises
        `InvalidRequest` with all that is wrong, each fault with its line; then nothing was issued.

        >>> file = b"name,email,quantity\\nZo,zo@example.com,2\\n"
        >>> imported = await tickets.import_orders(actor=club, event_id=event.id, file=file, note="The band")
        >>> imported.rows, imported.tickets, len(imported.orders)
        (1, 2, 1)
        """
        return await self._engine.import_orders(actor, event_id, file, paid, note, mail, dry_run)

    async def export_rows(
        self,
        *,
        actor: Principal | None,
        event_id: int,
        kind: ExportKind | Literal["attendees", "orders", "refunds", "check-ins"],
    ) -> AsyncIterator[dict[str, Cell]]:
        """The attendees, orders, refunds or check-ins of an event as a table: a dict by the names of the columns for each row.

        Rows are read while they are iterated over, a page of them at a time, and no further than that. What changes meanwhile is in
        it as it was when its page was read; no row is in it twice. An amount is a ``Decimal``, a time is in UTC, and what is empty is
        ``None``. Attendees have a column more for every question that is asked for every ticket: ``answer_`` and its key.

        For those who may see the attendees or the orders of the event; with ``None`` as ``actor``, for the operator. It is a line of the
        event's audit log. The first row raises `NotFound`, `Forbidden`.

        >>> async def table():
        ...     rows = tickets.export_rows(actor=club, event_id=event.id, kind="attendees")
        ...     return [(row["email"], row["price"], row["gate"]) async for row in rows]
        >>> await table()
        [('grace@example.com', Decimal('5000.00'), None)]
        """
        export = await self._engine.begin_export(actor, event_id, kind)
        while (rows := await self._engine.next_rows(export)) is not None:
            for row in rows:
                yield row

    async def order_details(self, *, actor: Principal, reference: str) -> OrderDetails:
        """What is known about an order: answers, who will come, and the organiser's note. Version 0 if nothing was ever said.

        For the buyer, who does not see the note, and for those who may see the orders of the event. Raises `NotFound`.
        """
        return await self._engine.order_details(actor, reference)

    async def edit_order_details(
        self,
        *,
        actor: Principal,
        reference: str,
        seen: int | None = None,
        answers: Mapping[str, str | None] | Unset = UNSET,
        attendees: Sequence[NewAttendee] | Unset = UNSET,
        note: str | None | Unset = UNSET,
    ) -> OrderDetails:
        """Says something about an order. What is not given stays as it is.

        ``answers`` are those to the questions that are asked once for an order, by their keys. Those to other questions stay; ``None``
        takes one away. ``attendees`` are who will come with its tickets, in the order of its lines, until it is paid; then see
        ``edit_attendee``. The ``note`` is the organiser's; ``None`` removes it.

        With ``seen``, only if that is still its ``version``. Repeating the call changes nothing, whatever the version. The buyer may
        do it while the order is held or paid, but for the note; those who may see the orders of the event, at any time. Raises `Stale`,
        `OrderPaid`, `HoldExpired`, `OrderCancelled`, `NotFound`.

        >>> order = await tickets.hold(buyer=ada, event_id=event.id, quantity=2)
        >>> details = await tickets.edit_order_details(
        ...     actor=ada.who, reference=order.reference, attendees=[NewAttendee(name="Ada"), NewAttendee(name="Bob")]
        ... )
        >>> [attendee.name for attendee in details.attendees], details.version
        (['Ada', 'Bob'], 1)
        """
        wants = SimpleNamespace(answers=answers, attendees=attendees, note=note)
        return await self._engine.edit_order_details(actor, reference, seen, wants)

    async def record_payment(
        self,
        *,
        actor: Principal,
        order: str,
        method: PaymentMethod,
        amount: Money,
        note: str | None = None,
        reference: str | None = None,
    ) -> Settlement:
        """Records that a person has received the money for an unpaid order, and issues its tickets.

        If another amount came than the order costs, the payment is in review. An order that has expired or was cancelled gets its
        tickets if the places are still free. With a ``reference`` of yours, repeating the call returns the same outcome. Raises
        `OrderPaid`, `SoldOut`, `EventDraft`, `EventCancelled`, `EventOver`, `KeyReused`, `BuyerUnnamed`.
        """
        return await self._engine.record_payment(actor, order, method, amount, note, reference)

    async def resend_tickets(self, *, actor: Principal, order: str, to: str | None = None) -> OutboxMail:
        """Sends the valid tickets of an order again: to its buyer, or to another address if the organiser wants that.

        Every call is another mail, at most five in 24 hours. Raises `TooManyResends`, `NoValidTickets`, `BuyerUnnamed`.
        """
        return await self._engine.resend_tickets(actor, order, to)

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
        promo_code: str | None = None,
        expect_total: Money | None = None,
    ) -> Started:
        """Holds tickets and opens a checkout for them: ``hold`` and ``pay`` in one call.

        Send the buyer to ``checkout.url``, and ``verify`` the attempt afterwards. If no checkout can be opened, the tickets
        are released at once. Raises what ``hold`` does, `GatewayError`, and `AnswersRequired` if something must be answered before: then
        ``hold``, ``edit_order_details`` and ``pay``.

        >>> started = await tickets.buy(buyer=ada, event_id=event.id)
        >>> gateway.pay(started.attempt.reference)
        >>> paid = await tickets.verify(actor=ada.who, reference=started.attempt.reference)
        >>> len(paid.tickets), paid.first
        (1, True)
        """
        return await self._engine.buy(
            buyer,
            event_id,
            quantity,
            lines,
            reference,
            return_url,
            email,
            attempt_reference,
            promo_code,
            expect_total,
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
        """Opens a checkout for an order of ``actor``'s. ``order`` is its reference.

        Raises `HoldExpired`, `OrderPaid`, `OrderCancelled`, `EventCancelled`, `EventOver`, `KeyReused`, `BuyerUnnamed`, `AnswersRequired`,
        `GatewayError`.
        """
        return await self._engine.pay(actor, order, return_url, email, reference)

    async def verify(self, *, actor: Principal, reference: str) -> Settlement:
        """Asks the gateway for the outcome of an attempt and applies it. However often it is called, tickets are issued once."""
        return await self._engine.verify(actor, reference)

    async def payment(self, *, actor: Principal, reference: str) -> Payment:
        """The payment history of an order, for its buyer, the organiser or an administrator."""
        return await self._engine.payment(actor, reference)

    async def receive_webhook(
        self, gateway: str, *, headers: Iterable[tuple[str, str | bytes]], body: bytes
    ) -> StoredWebhook:
        """Stores a webhook; upkeep applies it. Pass the body byte for byte, and every header.

        Answer the gateway with success as soon as this returns. Raises `BadSignature`, `UnreadableWebhook`, and `NotFound`
        if ``gateway`` is not the name of the configured one.
        """
        return await self._engine.receive_webhook(gateway, headers, body)

    # Refunds

    async def refund(
        self,
        *,
        actor: Principal,
        reference: str,
        tickets: Sequence[int] | None = None,
        amount: Money | None = None,
        note: str | None = None,
        key: str | None = None,
    ) -> Refund:
        """Refunds tickets of a paid order, by their ids, each once. Default: all that are still valid.

        With ``amount``, another amount goes back than the tickets cost: nothing makes them void only, and with an empty list of
        tickets an amount goes back and all tickets stay valid. What a person has received in cash or by transfer, a person pays back:
        see ``record_refund``.

        The tickets are void at once; upkeep sends the money back. For the event's organiser or an administrator. With the same
        ``key``, repeating the call returns the same refund. Raises `NothingToRefund`, `TicketNotInOrder`, `TicketNotValid`,
        `RefundExceedsPaid`, `KeyReused`; then nothing was refunded.
        """
        return await self._engine.refund(actor, reference, tickets, amount, note, key)

    async def return_tickets(
        self, *, actor: Principal, reference: str, tickets: Sequence[int] | None = None, key: str | None = None
    ) -> Refund:
        """Returns tickets of an order, by their ids, for money. Default: all unused ones that the buyer still holds.

        Only for the buyer: while the ``terms`` of the event allow it, and, for the whole price, for some days after its date or its place
        changed. ``return_quote`` says how much would be refunded. The tickets are void at once; upkeep sends the
        money back. With the same ``key``, repeating the call returns the same refund. Raises `ReturnNotOpen`, `NothingToRefund`,
        `TicketNotInOrder`, `TicketNotValid`, `TicketTransferred`, `RefundExceedsPaid`, `KeyReused`; then nothing was returned.
        """
        return await self._engine.return_tickets(actor, reference, tickets, key)

    async def return_quote(self, *, actor: Principal, reference: str) -> ReturnQuote:
        """Whether tickets of an order can be returned now, and how much would be refunded for each of them.

        Only for the buyer. Changes nothing.

        >>> order = (await tickets.orders(actor=grace.who)).items[0]
        >>> (await tickets.return_quote(actor=grace.who, reference=order.reference)).reason is None
        True
        >>> terms = EventTermsEdit(returns=ReturnPolicy(until=event.starts_at, keep_percent=10))
        >>> event = await tickets.edit_event(actor=club, event_id=event.id, terms=terms)
        >>> [str(back) for _, back in (await tickets.return_quote(actor=grace.who, reference=order.reference)).tickets]
        ['NGN 4500.00']
        """
        return await self._engine.return_quote(actor, reference)

    async def record_refund(self, *, actor: Principal, payment: str, refund_id: int) -> Refund:
        """Records that a person has paid a refund back by hand: of a payment in cash or by transfer, or one that the gateway gave up.

        Repeating the call changes nothing. Raises `RefundInProgress`.
        """
        return await self._engine.record_refund(actor, payment, refund_id)

    async def retry_refund(self, *, actor: Principal, payment: str, refund_id: int) -> Refund:
        """Retries a refund that the gateway gave up, or looks up one that needs attention again."""
        return await self._engine.retry_refund(actor, payment, refund_id)

    async def reviews(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[Attempt]:
        """Payments that need a decision, of ``actor``'s events, or of all for an administrator. Oldest first."""
        return await self._engine.reviews(actor, skip, limit, count)

    async def resolve_review(
        self, *, actor: Principal, reference: str, verdict: Verdict, note: str, tickets: Sequence[int] = ()
    ) -> Attempt:
        """Decides a payment that is in review or needs attention.

        With ``Verdict.VOID``, ``tickets`` are the ids of those to make void. Raises `NotInReview`, `SoldOut`, `NothingToRefund`,
        `TicketNotInOrder`, `TicketNotValid`.
        """
        return await self._engine.resolve_review(actor, reference, verdict, note, tickets)

    async def webhooks_for_review(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[StoredWebhook]:
        """Webhooks that match no payment, cannot be read, or report what the gateway does not confirm. Oldest first.

        For administrators.
        """
        return await self._engine.webhooks_for_review(actor, skip, limit, count)

    # Tickets

    async def ticket_by_code(self, code: str) -> Ticket:
        """The ticket with this code, in any spelling. Anyone who knows the code can use the ticket."""
        return await self._engine.ticket_by_code(code)

    async def ticket(self, *, actor: Principal, ticket_id: int) -> Ticket:
        """A ticket of ``actor``'s. Raises `NotFound`."""
        return await self._engine.ticket(actor, ticket_id)

    async def tickets(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[Ticket]:
        """``actor``'s tickets, newest first."""
        return await self._engine.tickets(actor, skip, limit, count)

    async def tickets_mailed(self, *, actor: Principal, reference: str) -> bool:
        """Whether the mail server has accepted the mail with the tickets of an order of ``actor``'s.

        Upkeep sends it, so the usual answer right after paying is ``False``.
        """
        return await self._engine.tickets_mailed(actor, reference)

    async def check_in(
        self,
        *,
        by: Principal,
        code: str,
        nonce: str | None = None,
        gate: str | None = None,
        event_id: int | None = None,
    ) -> CheckIn:
        """Checks a ticket in, once: the first scan wins.

        Repeating the call with the same ``nonce`` returns the same answer. Default: a fresh nonce. With ``event_id``, a ticket of
        another event is refused and stays unused. Raises `TicketUnknown`, `TicketForeign`, `WrongEvent`, `TicketUsed`,
        `TicketRefunded`, `TicketCancelled`, `TicketTransferred`, `AnswersRequired`, `ScanAnnulled`, `NonceReused`.

        >>> mine = (await tickets.tickets(actor=grace.who)).items[0]
        >>> check_in = await tickets.check_in(by=club, code=mine.code, gate="north")
        >>> await tickets.check_in(by=club, code=mine.code)
        Traceback (most recent call last):
        ...
        ticketing_py.errors.TicketUsed: This ticket was used before
        """
        return await self._engine.check_in(by, code, nonce, gate, event_id)

    async def annul_scan(self, *, actor: Principal, nonce: str) -> CheckIn:
        """Undoes a scan, up to 15 minutes after it: the ticket admits its holder again, under a new nonce.

        Repeating the call changes nothing. Raises `ScanUnknown`, `AnnulTooLate`.
        """
        return await self._engine.annul_scan(actor, nonce)

    # Transfers

    async def offer_transfer(self, *, actor: Principal, ticket_id: int, to: str) -> Transfer:
        """Offers a ticket to the reader of an address, who gets a mail with a key. Only for its holder; for others it is `NotFound`.

        Nothing changes for the ticket until it is taken: it still lets its holder in, which ends the offer, as a refund does. An offer
        to somebody else replaces the open one; a repeat to the same address returns it, and sends nothing. An offer ends after seven
        days, and when the event starts, unless the ``terms`` of the event say otherwise.

        Raises `TransferClosed`, `TicketNotValid` if it was used, `TicketRefunded`, `TicketCancelled`, `TicketTransferred`, and
        `TooManyTransfers` after five offers of it in 24 hours.

        >>> mine = (await tickets.tickets(actor=grace.who)).items[0]
        >>> transfer = await tickets.offer_transfer(actor=grace.who, ticket_id=mine.id, to="ada@example.com")
        >>> taken = await tickets.take_transfer(transfer.reference, holder=ada.who, name="Ada")
        >>> taken.ticket.replaces == mine.id, taken.ticket.code == mine.code
        (True, False)
        """
        return await self._engine.offer_transfer(actor, ticket_id, to)

    async def withdraw_transfer(self, *, actor: Principal, ticket_id: int) -> bool:
        """Takes back the open offer of a ticket. Returns whether there was one. Only for its holder.

        Raises `TicketTransferred` if the ticket was taken.
        """
        return await self._engine.withdraw_transfer(actor, ticket_id)

    async def transfers(self, *, actor: Principal, ticket_id: int) -> tuple[Transfer, ...]:
        """The offers of a ticket, the oldest first, whatever became of them. For its holder, and for who was the holder before."""
        return await self._engine.transfers(actor, ticket_id)

    async def transfer(self, reference: str) -> FoundTransfer:
        """A transfer with its ticket and event, for anyone who has its key. One that was taken stays.

        Raises `NotFound` if it was withdrawn or has expired.
        """
        return await self._engine.transfer(reference)

    async def take_transfer(
        self, reference: str, *, holder: Principal | None = None, name: str | None = None
    ) -> TakenTransfer:
        """Takes a ticket that is offered, for anyone who has the transfer's key: see ``transfer_of_key``.

        The old ticket is void at this moment; the new one has another code. Both holders are told by mail. ``holder`` is who takes it.
        Without one, it is somebody without an account: the holder is ``Principal.guest(reference)``, and the key stands for it. Refunds
        still go to the buyer of the order. A repeat returns the same ticket.

        Raises `NotFound` if it was withdrawn or has expired; `TransferClosed`, `TicketNotValid` if it was used, `TicketRefunded`,
        `TicketCancelled`.
        """
        return await self._engine.take_transfer(reference, holder, name)

    async def transfer_key(self, reference: str) -> str:
        """The key of a transfer: who has it may take the ticket, and is its holder afterwards. The mail about the offer has it.

        It is derived from the reference and ``token_secret``, and stored nowhere. Raises `NotFound`.
        """
        return await self._engine.transfer_key(reference)

    async def transfer_of_key(self, key: str) -> str:
        """The reference of the transfer whose key this is. Raises `NotFound` for a wrong one.

        >>> mine = (await tickets.tickets(actor=grace.who)).items[0]
        >>> transfer = await tickets.offer_transfer(actor=grace.who, ticket_id=mine.id, to="ada@example.com")
        >>> key = await tickets.transfer_key(transfer.reference)
        >>> transfer.reference == await tickets.transfer_of_key(key)
        True
        """
        return await self._engine.transfer_of_key(key)

    async def swap_ticket(
        self,
        *,
        actor: Principal,
        ticket_id: int,
        ticket_type_id: int,
        difference: PriceDifference = PriceDifference.REFUND,
    ) -> Swapped:
        """Swaps an unused ticket for one of another type of its event, which costs the same or less. For those who may refund its orders.

        The old ticket is void and its place free. The new one takes a place of its type, which may be secret or not on sale, and its
        holder gets a mail with the new code. If it is cheaper, ``difference`` says what happens to the money. A repeat with the old
        ticket and the same type returns the same new ticket.

        Raises `PriceHigher`, `SoldOut`, `TicketTypeUnknown`, `TicketNotValid` if it was used, `TicketRefunded`, `TicketCancelled`,
        `TicketTransferred`, `RefundExceedsPaid`, `NothingToRefund`, `EventCancelled`, `EventOver`; then nothing was swapped.
        """
        return await self._engine.swap_ticket(actor, ticket_id, ticket_type_id, difference)

    # Messages to attendees

    async def send_message(
        self,
        *,
        actor: Principal,
        event_id: int,
        subject: str,
        text: str,
        ticket_type_id: int | None = None,
        who: Presence = Presence.EVERYBODY,
        key: str | None = None,
    ) -> Message:
        """Writes to the attendees of an event: to the holders of valid tickets, or of those of one type.

        Each address gets one mail, however many tickets it has. Upkeep sends them. The text is plain: 1–10,000 characters, and line
        breaks. It is for what attendees must know about the event: nobody can opt out of it. For those who may see its attendees.

        With a ``key``, repeating the call returns the same message; without one, it is another message. Raises `TooManyMessages` after
        three in 24 hours, `EventDraft`, `TicketTypeUnknown`, `KeyReused`.

        >>> await tickets.count_recipients(actor=club, event_id=event.id)
        1
        >>> message = await tickets.send_message(actor=club, event_id=event.id, subject="Doors", text="They open at 19:00.")
        >>> message.status
        <MessageStatus.SENDING: 'sending'>
        """
        return await self._engine.send_message(actor, event_id, subject, text, ticket_type_id, who, key)

    async def count_recipients(
        self,
        *,
        actor: Principal,
        event_id: int,
        ticket_type_id: int | None = None,
        who: Presence = Presence.EVERYBODY,
    ) -> int:
        """To how many addresses a message would go now. For those who may see the attendees of the event."""
        return await self._engine.count_recipients(actor, event_id, ticket_type_id, who)

    async def messages(self, *, actor: Principal, event_id: int) -> tuple[Message, ...]:
        """The messages to the attendees of an event, the newest first. For those who may see its attendees."""
        return await self._engine.messages(actor, event_id)

    async def stop_message(self, *, actor: Principal, event_id: int, message_id: int) -> Message:
        """Stops a message: nobody else gets a mail. Mails that wait in the outbox already are sent. A repeat changes nothing.

        For those who may see the attendees of the event. Raises `NotFound`.
        """
        return await self._engine.stop_message(actor, event_id, message_id)

    # Mails

    async def dead_mails(
        self, *, actor: Principal, skip: int = 0, limit: int = 100, count: bool = False
    ) -> Page[OutboxMail]:
        """Undeliverable mails, of ``actor``'s events, or of all for an administrator. Oldest first."""
        return await self._engine.dead_mails(actor, skip, limit, count)

    async def resend_mail(self, *, actor: Principal, mail_id: int) -> OutboxMail:
        """Sends a mail again that was given up, with the same Message-ID. For the event's organiser or an administrator.

        One that was sent can be sent again a day later; until then, raises `MailSent`. If its recipient was erased, it goes to the buyer
        of its order; if the buyer was erased too, raises `NotFound`.
        """
        return await self._engine.resend_mail(actor, mail_id)
