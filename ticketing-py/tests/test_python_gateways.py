"""Gateways and mailers that are written in Python: slow, raising, late, invalid."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

import pytest
import ticketing_py as t
from conftest import ADA, CLUB, NEXT_YEAR, buyer


class PlainGateway:
    """A gateway that keeps its payments in memory. `before` runs at the start of each method."""

    name = "mine"
    mode = t.Mode.TEST
    refunds: ClassVar[dict[str, t.FetchedRefund]] = {}

    def __init__(self) -> None:
        self.paid: dict[str, t.Money] = {}
        self.charges: dict[str, t.Charge] = {}
        self.before: Callable[[str], None] = lambda what: None
        self.threads: set[str] = set()

    def record(self, what: str) -> None:
        self.threads.add(threading.current_thread().name)
        self.before(what)

    def open_checkout(self, charge: t.Charge, /) -> t.Checkout:
        self.record("open_checkout")
        if charge.reference in self.charges:
            raise t.GatewayDuplicateReference
        self.charges[charge.reference] = charge
        return t.Checkout(url=f"https://pay.example/{charge.reference}")

    def fetch(self, reference: str, /) -> t.Fetched | None:
        self.record("fetch")
        if reference not in self.charges:
            return None
        if reference not in self.paid:
            return t.Fetched(observation=t.Observation.OPEN, raw_status="waiting")
        captured = t.Captured(amount=self.paid[reference], mode=self.mode, gateway_id="7")
        return t.Fetched(observation=t.Observation.SUCCESS, raw_status="ok", captured=captured)

    def refund(self, refund: t.RefundCall, /) -> t.FetchedRefund:
        self.record("refund")
        self.refunds[refund.key] = t.FetchedRefund(status=t.RefundStatus.PROCESSED, raw_status="done")
        return self.refunds[refund.key]

    def find_refund(self, refund: t.RefundCall, /) -> t.FetchedRefund | None:
        return self.refunds.get(refund.key)

    def read_webhook(self, webhook: t.Webhook, /) -> t.WebhookEvent:
        if ("x-mine", b"secret") not in webhook.headers:
            raise t.BadSignature
        reference = webhook.body.decode()
        reported = self.fetch(reference)
        return t.WebhookEvent(
            dedupe_key=reference,
            kind="paid",
            reference=reference,
            about=t.WebhookSubject.CHARGE,
            reported=reported,
        )

    def pay(self, reference: str) -> None:
        self.paid[reference] = self.charges[reference].amount


class AsyncGateway:
    """The same with async methods, which record the loop they run on."""

    name = "mine"
    mode = t.Mode.TEST

    def __init__(self) -> None:
        self.inner = PlainGateway()
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.cancelled = 0
        self.delay = 0.0

    async def wait(self) -> None:
        self.loops.append(asyncio.get_running_loop())
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def open_checkout(self, charge: t.Charge, /) -> t.Checkout:
        await self.wait()
        return self.inner.open_checkout(charge)

    async def fetch(self, reference: str, /) -> t.Fetched | None:
        await self.wait()
        return self.inner.fetch(reference)

    async def refund(self, refund: t.RefundCall, /) -> t.FetchedRefund:
        await self.wait()
        return self.inner.refund(refund)

    async def find_refund(self, refund: t.RefundCall, /) -> t.FetchedRefund | None:
        await self.wait()
        return self.inner.find_refund(refund)

    def read_webhook(self, webhook: t.Webhook, /) -> t.WebhookEvent:
        return self.inner.read_webhook(webhook)


def wait_for(happened: Callable[[], bool]) -> None:
    """Waits for a log line: it is written after the caller has got its answer."""
    end = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def sell(gateway: t.PaymentGateway | t.AsyncPaymentGateway, **options: object) -> tuple[t.Ticketing, t.AsyncTicketing, int]:
    storage = t.MemoryStorage()
    options = {"gateway": gateway, "circuit_breaker": False, **options}
    sync, aio = t.Ticketing(storage, **options), t.AsyncTicketing(storage, **options)  # type: ignore[arg-type]
    event = sync.create_event(
        organizer=CLUB, title="Party", starts_at=NEXT_YEAR, location="Garden", price=t.Money(5, "EUR"), capacity=50
    )
    return sync, aio, event.id


def test_a_sale_through_a_python_gateway() -> None:
    gateway = PlainGateway()
    sync, _, event_id = sell(gateway)
    started = sync.buy(buyer=ADA, event_id=event_id)
    assert started.checkout is not None and started.checkout.url.startswith("https://pay.example/")
    assert isinstance(sync.verify(actor=ADA.who, reference=started.attempt.reference), t.PaymentOpen)
    gateway.pay(started.attempt.reference)
    body = started.attempt.reference.encode()
    with pytest.raises(t.BadSignature):
        sync.receive_webhook("mine", headers=[], body=body)
    sync.receive_webhook("mine", headers=[("x-mine", "secret")], body=body)
    assert sync.run_upkeep().webhooks == 1
    paid = sync.verify(actor=ADA.who, reference=started.attempt.reference)
    assert isinstance(paid, t.Fulfilled)
    sync.refund(actor=CLUB, reference=started.order.reference)
    assert sync.run_upkeep().refunds == 1
    (refund,) = sync.payment(actor=CLUB, reference=started.order.reference).refunds
    assert refund.status is t.RefundStatus.PROCESSED
    assert all(name.startswith("ticketing-") for name in gateway.threads - {"MainThread"})


async def test_async_methods_run_on_the_callers_loop() -> None:
    gateway = AsyncGateway()
    sync, aio, event_id = sell(gateway)
    started = await aio.buy(buyer=ADA, event_id=event_id)
    gateway.inner.pay(started.attempt.reference)
    assert isinstance(await aio.verify(actor=ADA.who, reference=started.attempt.reference), t.Fulfilled)
    async with aio:
        await aio.refund(actor=CLUB, reference=started.order.reference)
    assert set(gateway.loops) == {asyncio.get_running_loop()} and len(gateway.loops) == 3
    # Plain code has no loop: its calls run on the module's background loop.
    await asyncio.to_thread(sync.buy, buyer=ADA, event_id=event_id)
    assert gateway.loops[-1] is not asyncio.get_running_loop()


@pytest.mark.parametrize(
    ("raised", "arrives", "is_held"),
    [
        (t.GatewayNotSent(), t.GatewayNotSent, False),
        (t.GatewayRejected(), t.GatewayRejected, False),
        (t.GatewayUnavailable(), t.GatewayUnavailable, True),
        (ConnectionResetError("with a s3cr3t in it"), t.GatewayOutcomeUnknown, True),
        (KeyError("x"), t.GatewayOutcomeUnknown, True),
        (SystemExit(), t.GatewayOutcomeUnknown, True),
    ],
)
def test_the_raised_error_decides_whether_tickets_are_released(
    raised: BaseException, arrives: type[t.GatewayError], is_held: bool, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = PlainGateway()
    sync, _, event_id = sell(gateway)

    def fail(what: str) -> None:
        raise raised

    gateway.before = fail
    with caplog.at_level(logging.ERROR, "ticketing_py"), pytest.raises(t.GatewayError) as caught:
        sync.buy(buyer=ADA, event_id=event_id)
    assert type(caught.value) is arrives and "s3cr3t" not in str(caught.value)
    if not isinstance(raised, t.GatewayError):
        wait_for(lambda: type(raised).__name__ in caplog.text)
    assert bool(caplog.records) is not isinstance(raised, t.GatewayError)
    assert sync.event(event_id).available == (49 if is_held else 50)


def test_an_answer_of_the_wrong_type_is_unreadable(caplog: pytest.LogCaptureFixture) -> None:
    gateway = PlainGateway()
    gateway.fetch = lambda reference: "paid"  # type: ignore[method-assign, assignment, return-value]
    sync, _, event_id = sell(gateway)
    started = sync.buy(buyer=ADA, event_id=event_id)
    with pytest.raises(t.GatewayUnreadable):
        sync.verify(actor=ADA.who, reference=started.attempt.reference)
    wait_for(lambda: "PlainGateway.fetch failed: AttributeError" in caplog.text)


def test_a_plain_method_that_returns_an_awaitable_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    gateway = PlainGateway()

    async def late(charge: t.Charge) -> t.Checkout:
        return t.Checkout(url="https://pay.example/")

    gateway.open_checkout = lambda charge: late(charge)  # type: ignore[method-assign, assignment, return-value]
    sync, _, event_id = sell(gateway)
    with pytest.raises(t.GatewayOutcomeUnknown):
        sync.buy(buyer=ADA, event_id=event_id)
    wait_for(lambda: "returned an awaitable: declare it with `async def`" in caplog.text)


@pytest.mark.parametrize("what", [object(), "text", 7])
def test_an_object_that_is_not_a_gateway_raises_in_the_constructor(what: object) -> None:
    with pytest.raises((TypeError, AttributeError)):
        t.Ticketing(t.MemoryStorage(), gateway=what)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="has no method send"):
        t.Ticketing(t.MemoryStorage(), mailer=what)  # type: ignore[arg-type]


def test_a_slow_gateway_does_not_block_other_calls() -> None:
    """All threads are busy and as many calls wait: the engine still answers, and every call times out."""
    gateway, stop = PlainGateway(), threading.Event()
    sync, _, event_id = sell(gateway, gateway_timeout=timedelta(seconds=1))
    gateway.before = lambda what: None if stop.wait(30) else None
    outcomes: list[type[BaseException]] = []

    def wait(number: int) -> None:
        try:
            sync.buy(buyer=buyer(f"b{number}"), event_id=event_id)
        except t.TicketingError as error:
            outcomes.append(type(error))

    waiting = [threading.Thread(target=wait, args=(number,)) for number in range(32)]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)
    began = time.perf_counter()
    for _ in range(50):
        sync.event(event_id)
    assert time.perf_counter() - began < 1
    for thread in waiting:
        thread.join(10)
    # The outcome of the 16 started calls is unknown. The others were certainly not sent, so their tickets are released.
    assert outcomes.count(t.GatewayOutcomeUnknown) == 16 and outcomes.count(t.GatewayNotSent) == 16
    assert sync.event(event_id).available == 50 - 16
    stop.set()


def test_a_checkout_that_timed_out_can_still_be_paid() -> None:
    gateway = PlainGateway()
    sync, _, event_id = sell(gateway, gateway_timeout=timedelta(milliseconds=100))
    late = threading.Event()
    gateway.before = lambda what: None if late.wait(10) else None
    with pytest.raises(t.GatewayOutcomeUnknown):
        sync.buy(buyer=ADA, event_id=event_id, attempt_reference="late-1")
    late.set()
    while "late-1" not in gateway.charges:
        time.sleep(0.01)
    gateway.before = lambda what: None
    gateway.pay("late-1")
    assert isinstance(sync.verify(actor=ADA.who, reference="late-1"), t.Fulfilled)


async def test_an_async_method_is_cancelled_after_its_timeout() -> None:
    gateway = AsyncGateway()
    _, aio, event_id = sell(gateway, gateway_timeout=timedelta(milliseconds=100))
    gateway.delay = 30
    with pytest.raises(t.GatewayOutcomeUnknown):
        await aio.buy(buyer=ADA, event_id=event_id)
    await asyncio.sleep(0.1)
    assert gateway.cancelled == 1


def test_the_circuit_breaker_opens_for_a_failing_gateway() -> None:
    gateway = PlainGateway()
    sync, _, event_id = sell(gateway, circuit_breaker=True)

    def fail(what: str) -> None:
        raise t.GatewayUnavailable

    gateway.before = fail
    seen = set()
    for number in range(20):
        with pytest.raises(t.GatewayError) as caught:
            sync.buy(buyer=buyer(f"b{number}"), event_id=event_id)
        seen.add(type(caught.value))
    assert seen == {t.GatewayUnavailable, t.GatewayCircuitOpen}


class ListMailer:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.accepted: list[t.Mail] = []

    def send(self, mail: t.Mail, /) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.accepted.append(mail)


class AsyncListMailer(ListMailer):
    async def send(self, mail: t.Mail, /) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        ListMailer.send(self, mail)


@pytest.mark.parametrize("kind", [ListMailer, AsyncListMailer])
def test_a_failing_mailer_is_retried(kind: type[ListMailer], caplog: pytest.LogCaptureFixture) -> None:
    from ticketing_py.testing import ManualClock

    clock = ManualClock(NEXT_YEAR - timedelta(days=1))
    mailer = kind(OSError("connection refused"), t.MailError("busy"))
    sync = t.Ticketing(t.MemoryStorage(), mailer=mailer, clock=clock)
    event = sync.create_event(
        organizer=CLUB, title="Party", starts_at=NEXT_YEAR, location="Garden", price=t.Money(0, "EUR")
    )
    with caplog.at_level(logging.ERROR, "ticketing_py"):
        order = sync.buy(buyer=ADA, event_id=event.id).order
        for failed in (1, 1, 0):
            report = sync.run_upkeep()
            assert (report.mails, report.failed) == (1, failed)
            clock.advance(timedelta(hours=1))
    assert len(caplog.records) == 1, "only the unexpected exception is logged"
    assert [mail.to for mail in mailer.accepted] == [ADA.email]
    assert sync.tickets_mailed(actor=ADA.who, reference=order.reference)


def test_engine_warnings_reach_logging(caplog: pytest.LogCaptureFixture) -> None:
    sync = t.Ticketing(t.MemoryStorage(), mailer=ListMailer(t.MailRefused("unknown")))
    event = sync.create_event(
        organizer=CLUB, title="Party", starts_at=NEXT_YEAR, location="Garden", price=t.Money(0, "EUR")
    )
    sync.buy(buyer=ADA, event_id=event.id)
    with caplog.at_level(logging.WARNING, "ticketing_py"):
        sync.run_upkeep()
        wait_for(lambda: "a mail was not delivered" in caplog.text)
    assert {record.name for record in caplog.records} == {"ticketing_py"} and ADA.email not in caplog.text


def test_a_refused_mail_is_listed_for_the_organiser() -> None:
    mailer = ListMailer(t.MailRefused("unknown"))
    sync = t.Ticketing(t.MemoryStorage(), mailer=mailer)
    event = sync.create_event(
        organizer=CLUB, title="Party", starts_at=NEXT_YEAR, location="Garden", price=t.Money(0, "EUR")
    )
    sync.buy(buyer=ADA, event_id=event.id)
    sync.run_upkeep()
    (dead,) = sync.dead_mails(actor=CLUB)
    assert dead.status is t.MailStatus.DEAD and dead.kind is t.MailKind.TICKETS
    assert sync.resend_mail(actor=CLUB, mail_id=dead.id).status is t.MailStatus.WAITING
    sync.run_upkeep()
    assert len(mailer.accepted) == 1
