"""Sales with both facades, on every storage."""

from __future__ import annotations

import asyncio
import base64
import hmac
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
import ticketing_py as t
from conftest import ADA, CLUB, NEXT_YEAR, Shop, buyer


def test_a_ticket_is_bought_mailed_and_checked_in_once(shop: Shop) -> None:
    with shop.sync as tickets:
        started = tickets.buy(buyer=ADA, event_id=shop.event.id, quantity=2, return_url="https://example.com/back")
        assert started.order.status is t.OrderStatus.HELD
        assert started.order.total == t.Money("10000", "NGN")
        assert started.checkout is not None and started.checkout.url.startswith("https://pay.example.com/")
        charge = shop.gateway.charge(started.attempt.reference)
        assert charge is not None and charge.amount == started.order.total and charge.email == ADA.email

        shop.pay(started.attempt.reference)
        match tickets.verify(actor=ADA.who, reference=started.attempt.reference):
            case t.Fulfilled(order=order, tickets=(first, second), first=True):
                assert order.status == "paid" and order.hold_until is None
            case other:
                pytest.fail(f"not paid: {other}")
        again = tickets.verify(actor=ADA.who, reference=started.attempt.reference)
        assert isinstance(again, t.Fulfilled) and not again.first and again.tickets == (first, second)

        assert first.qr_png().startswith(b"\x89PNG")
        assert first.qr_svg().startswith("<svg") and t.qr_svg(first.code.lower()) == first.qr_svg()
        assert tickets.ticket_by_code(first.code) == first == tickets.ticket(actor=ADA.who, ticket_id=first.id)
        check_in = tickets.check_in(by=CLUB, code=first.code, nonce="scan-1", gate="north")
        assert tickets.check_in(by=CLUB, code=first.code, nonce="scan-1", gate="north") == check_in
        with pytest.raises(t.TicketUsed) as used:
            tickets.check_in(by=CLUB, code=first.code)
        assert (used.value.gate, used.value.used_at) == ("north", check_in.at)
    assert tickets.tickets_mailed(actor=ADA.who, reference=started.order.reference)
    (mail,) = shop.mails.sent_to(ADA.email)
    assert "Jazz night" in mail.subject and mail.attachments[0].content.startswith(b"\x89PNG")


async def test_a_payment_is_declined_paid_and_refunded_with_asyncio(shop: Shop) -> None:
    tickets = shop.aio
    async with tickets:
        started = await tickets.buy(buyer=ADA, event_id=shop.event.id)
        assert isinstance(await tickets.verify(actor=ADA.who, reference=started.attempt.reference), t.PaymentOpen)
        shop.gateway.decline(started.attempt.reference)
        assert isinstance(await tickets.verify(actor=ADA.who, reference=started.attempt.reference), t.PaymentFailed)
        shop.pay(started.attempt.reference)
        paid = await tickets.verify(actor=ADA.who, reference=started.attempt.reference)
        assert isinstance(paid, t.Fulfilled)
        history = await tickets.payment(actor=CLUB, reference=started.order.reference)
        assert history.tickets == paid.tickets and history.attempts[0].status is t.AttemptStatus.FULFILLED

        refund = await tickets.refund(actor=CLUB, reference=started.order.reference, note="rain", key="rain-1")
        assert refund.amount == started.order.total and refund.status is t.RefundStatus.DUE
        again = await tickets.refund(actor=CLUB, reference=started.order.reference, note="rain", key="rain-1")
        assert again.id == refund.id
    assert [call.amount for call in shop.gateway.refunds()] == [started.order.total]
    assert [mail.to for mail in shop.mails.sent()] == [ADA.email] * 2
    await tickets.close()


def test_a_webhook_settles_a_payment(shop: Shop) -> None:
    tickets = shop.sync
    started = tickets.buy(buyer=ADA, event_id=shop.event.id)
    shop.pay(started.attempt.reference)
    body = started.attempt.reference.encode()
    name, value = shop.gateway.signature
    with pytest.raises(t.BadSignature):
        tickets.receive_webhook("fake", headers=[(name, b"forged")], body=body)
    with pytest.raises(t.NotFound):
        tickets.receive_webhook("other", headers=[(name, value)], body=body)
    stored = tickets.receive_webhook("fake", headers=[("Content-Type", "text/plain"), (name, value)], body=body)
    assert stored.status is t.WebhookStatus.WAITING and stored.body == body
    assert tickets.run_upkeep().webhooks == 1
    assert tickets.order(actor=ADA.who, reference=started.order.reference).status is t.OrderStatus.PAID


def sell(shop: Shop, quantity: int) -> tuple[t.Started, tuple[t.Ticket, ...]]:
    started = shop.sync.buy(buyer=ADA, event_id=shop.event.id, quantity=quantity)
    shop.pay(started.attempt.reference)
    paid = shop.sync.verify(actor=ADA.who, reference=started.attempt.reference)
    assert isinstance(paid, t.Fulfilled)
    return started, paid.tickets


def test_a_dispute_over_a_part_is_decided_and_one_that_is_won_restores_the_tickets(shop: Shop) -> None:
    tickets = shop.sync
    started, (first, second) = sell(shop, 2)
    reference = started.attempt.reference

    def tell(body: str) -> None:
        tickets.receive_webhook("fake", headers=[shop.gateway.signature], body=body.encode())
        tickets.run_upkeep()

    tell(f"charge.dispute.create {reference} 7 100")
    (listed,) = tickets.reviews(actor=CLUB).items
    assert listed.attention == (t.Attention.PARTIAL_DISPUTE,)
    assert [dispute.stage for dispute in listed.disputes] == [t.DisputeStage.OPEN]
    with pytest.raises(t.InvalidRequest):
        tickets.resolve_review(actor=CLUB, reference=reference, verdict=t.Verdict.VOID, note="a seat")
    decided = tickets.resolve_review(
        actor=CLUB, reference=reference, verdict=t.Verdict.VOID, note="a seat", tickets=[first.id]
    )
    assert decided.attention == () and tickets.ticket(actor=ADA.who, ticket_id=first.id).status == "cancelled"
    tell(f"charge.dispute.create {reference} 8")
    tell(f"charge.dispute.resolve {reference} 8")
    restored = tickets.ticket(actor=ADA.who, ticket_id=second.id)
    assert restored.status is t.TicketStatus.ACTIVE and restored.code != second.code


def test_a_selection_of_tickets_is_refunded_as_it_says(shop: Shop) -> None:
    tickets = shop.sync
    started, (first, second) = sell(shop, 2)
    for faulty in ([], [first.id, first.id]):
        with pytest.raises(t.InvalidRequest) as invalid:
            tickets.refund(actor=CLUB, reference=started.order.reference, tickets=faulty)
        assert invalid.value.fields[0].field == "tickets"
    with pytest.raises(t.TicketNotInOrder) as foreign:
        tickets.refund(actor=CLUB, reference=started.order.reference, tickets=[first.id, 10**9])
    assert foreign.value.ticket_id == 10**9
    shop.gateway.refund_elsewhere(started.attempt.reference, t.Money("1", "NGN"))
    tickets.refund(actor=CLUB, reference=started.order.reference, tickets=[first.id])
    with pytest.raises(t.TicketNotValid) as gone:
        tickets.refund(actor=CLUB, reference=started.order.reference, tickets=[second.id, first.id])
    assert (gone.value.ticket_id, gone.value.ticket_status) == (first.id, "refunded")


def test_a_scan_is_undone_and_a_ticket_of_another_event_stays_unused(shop: Shop) -> None:
    tickets = shop.sync
    _, (ticket,) = sell(shop, 1)
    with pytest.raises(t.WrongEvent) as wrong:
        tickets.check_in(by=CLUB, code=ticket.code, nonce="1", event_id=shop.event.id + 1)
    assert wrong.value.event_id == shop.event.id
    tickets.check_in(by=CLUB, code=ticket.code, nonce="1", event_id=shop.event.id)
    undone = tickets.annul_scan(actor=CLUB, nonce="1")
    assert undone.annulled_at is not None and tickets.annul_scan(actor=CLUB, nonce="1") == undone
    with pytest.raises(t.ScanAnnulled):
        tickets.check_in(by=CLUB, code=ticket.code, nonce="1")
    with pytest.raises(t.ScanUnknown):
        tickets.annul_scan(actor=ADA.who, nonce="1")
    assert tickets.check_in(by=CLUB, code=ticket.code, nonce="2").annulled_at is None


def test_several_ticket_types_and_lists(shop: Shop) -> None:
    tickets = shop.sync
    gala = tickets.create_event(
        organizer=CLUB,
        title="Gala",
        starts_at=NEXT_YEAR,
        ends_at=NEXT_YEAR + timedelta(hours=3),
        location="Abuja",
        capacity=10,
        category="Music",
        ticket_types=[
            t.NewTicketType(name="Lawn", price=t.Money("1500", "NGN")),
            t.NewTicketType(name="Front", price=t.Money("9000", "NGN"), capacity=1),
        ],
    )
    assert gala.category is not None and gala.category.name == "Music" and gala.lowest_price == t.Money(1500, "NGN")
    lawn, front = gala.ticket_types
    assert (lawn.available, front.available, gala.available) == (10, 1, 10)
    lines = [t.Line(quantity=2, ticket_type_id=lawn.id), t.Line(quantity=1, ticket_type_id=front.id)]
    order = tickets.hold(buyer=ADA, event_id=gala.id, lines=lines, reference="ada-1")
    assert order.quantity == 3 and order.total == t.Money("12000", "NGN")
    assert tickets.hold(buyer=ADA, event_id=gala.id, lines=lines, reference="ada-1") == order
    with pytest.raises(t.KeyReused):
        tickets.hold(buyer=ADA, event_id=gala.id, lines=lines[:1], reference="ada-1")
    found = tickets.events(text="gala", sort=t.EventSort.DATE, count=True)
    assert [event.id for event in found] == [gala.id] and found.total == 1 and not found.more
    assert tickets.orders(actor=ADA.who).items == (order,)
    cancelled = tickets.cancel_order(actor=ADA.who, reference=order.reference)
    assert cancelled.status is t.OrderStatus.CANCELLED
    assert tickets.cancel_event(actor=CLUB, event_id=gala.id).status is t.EventStatus.CANCELLED


def test_accounts(shop: Shop) -> None:
    tickets = shop.sync
    account = tickets.register(email="Bob@Example.com", name="Bob", password="correct horse battery", username="bob")
    session = tickets.login(name="bob", password="correct horse battery")
    assert session.account == account == tickets.authenticate(session.token)
    with pytest.raises(t.Unauthenticated):
        tickets.login(name="bob", password="wrong horse battery")
    with pytest.raises(t.EmailTaken):
        tickets.register(email="bob@example.com", name="Bob", password="correct horse battery")
    with pytest.raises(t.InvalidRequest, match="password: must not be one of the most common passwords"):
        tickets.set_password(account.id, password="password123")
    assert tickets.set_role(account.id, role=t.Role.ADMIN).role is t.Role.ADMIN
    tickets.end_sessions(account.id)
    with pytest.raises(t.Unauthenticated):
        tickets.authenticate(session.token)
    assert tickets.hold(buyer=account.buyer, event_id=shop.event.id).buyer.who == account.principal


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    step = int(time.time()) // 30
    mac = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1").digest()
    at = mac[19] & 15
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def test_a_second_factor(shop: Shop) -> None:
    tickets = shop.sync
    password = "correct horse battery"
    account = tickets.register(email="tola@example.com", name="Tola", password=password)
    with pytest.raises(t.EmailUnverified):
        tickets.begin_second_factor(account.id, password=password, issuer="Club")
    assert tickets.mark_verified(account.id).is_verified
    begun = tickets.begin_second_factor(account.id, password=password, issuer="Club")
    assert begun.secret in begun.uri and begun.secret not in repr(begun)
    with pytest.raises(t.SecondFactorWrong) as wrong:
        tickets.confirm_second_factor(account.id, code="000000 000000")
    assert wrong.value.left == 4
    codes = tickets.confirm_second_factor(account.id, code=code_of(begun.secret))
    assert len(set(codes)) == 8
    with pytest.raises(t.SecondFactorOn):
        tickets.begin_second_factor(account.id, password=password, issuer="Club")
    with pytest.raises(t.SecondFactorWanted) as wanted:
        tickets.login(name="tola@example.com", password=password)
    ticket = wanted.value.ticket
    assert wanted.value.until > datetime.now(timezone.utc)
    with pytest.raises(t.Unauthenticated):
        tickets.authenticate(ticket)
    session = tickets.login_with_code(ticket=ticket, code=codes[0], client="Firefox on Windows")
    assert session.account.has_second_factor and tickets.authenticate(session.token) == session.account
    state = tickets.second_factor(account.id)
    assert state.since is not None and state.recovery_codes_left == 7 and state.closed_until is None
    codes = tickets.renew_recovery_codes(account.id, password=password, code=codes[1])
    tickets.check_second_factor(account.id, code=codes[0])
    assert not tickets.remove_second_factor(account.id, password=password, code=codes[1]).has_second_factor
    with pytest.raises(t.SecondFactorOff):
        tickets.check_second_factor(account.id, code=codes[2])
    assert not tickets.reset_second_factor(account.id).has_second_factor
    assert tickets.login(name="tola@example.com", password=password).account.id == account.id


def test_a_second_factor_is_closed_after_five_wrong_codes(shop: Shop) -> None:
    tickets = shop.sync
    password = "correct horse battery"
    account = tickets.register(email="wale@example.com", name="Wale", password=password)
    tickets.mark_verified(account.id)
    tickets.begin_second_factor(account.id, password=password, issuer="Club")
    for _ in range(4):
        with pytest.raises(t.SecondFactorWrong):
            tickets.confirm_second_factor(account.id, code="wrong")
    with pytest.raises(t.SecondFactorClosed) as closed:
        tickets.confirm_second_factor(account.id, code="wrong")
    assert closed.value.again_at > datetime.now(timezone.utc)


def test_sessions(shop: Shop) -> None:
    tickets = shop.sync
    account = tickets.register(email="sade@example.com", name="Sade", password="correct horse battery")
    tokens = [tickets.login(name="sade@example.com", password="correct horse battery").token for _ in range(3)]
    known = [tickets.authenticate_session(token) for token in tokens]
    assert all(each.account == account for each in known)
    page = tickets.sessions(account.id, limit=2, count=True)
    assert [each.id for each in page.items] == [known[2].session_id, known[1].session_id]
    assert page.more and page.total == 3 and page.items[0].client is None
    tickets.end_session(account.id, page.items[0].id)
    with pytest.raises(t.Unauthenticated):
        tickets.authenticate(tokens[2])
    with pytest.raises(t.NotFound):
        tickets.end_session(account.id + 1, page.items[1].id)
    assert tickets.end_other_sessions(account.id, keep=known[0].session_id) == 1
    assert tickets.authenticate(tokens[0]) == account


def test_concurrent_threads_do_not_oversell(shop: Shop) -> None:
    ready = threading.Barrier(16)

    def rush(number: int) -> bool:
        ready.wait()
        try:
            shop.sync.hold(buyer=buyer(f"buyer-{number}"), event_id=shop.event.id)
        except t.SoldOut:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(rush, range(16))) == 3
    assert shop.sync.event(shop.event.id).available == 0


async def test_concurrent_tasks_do_not_oversell(shop: Shop) -> None:
    async def rush(number: int) -> object:
        return await shop.aio.hold(buyer=buyer(f"buyer-{number}"), event_id=shop.event.id)

    done = await asyncio.gather(*(rush(number) for number in range(64)), return_exceptions=True)
    assert sum(isinstance(one, t.Order) for one in done) == 3
    assert sum(isinstance(one, t.SoldOut) for one in done) == 61
    await shop.aio.close()


async def test_concurrent_verifies_issue_tickets_once(shop: Shop) -> None:
    started = await shop.aio.buy(buyer=ADA, event_id=shop.event.id)
    shop.pay(started.attempt.reference)
    verify = shop.aio.verify
    done = await asyncio.gather(*(verify(actor=ADA.who, reference=started.attempt.reference) for _ in range(20)))
    assert [isinstance(one, t.Fulfilled) for one in done] == [True] * 20
    assert sum(one.first for one in done if isinstance(one, t.Fulfilled)) == 1
    assert len(await shop.aio.tickets(actor=ADA.who)) == 1
    await shop.aio.close()


def test_holds_expire(storage: object) -> None:
    from ticketing_py.testing import ManualClock

    clock = ManualClock(NEXT_YEAR - timedelta(days=1))
    tickets = t.Ticketing(storage, clock=clock, hold_for=timedelta(minutes=1))  # type: ignore[arg-type]
    event = tickets.create_event(
        organizer=CLUB, title="Early", starts_at=NEXT_YEAR, location="Lagos", price=t.Money(1, "NGN"), capacity=1
    )
    order = tickets.hold(buyer=ADA, event_id=event.id)
    assert order.hold_until == clock.now() + timedelta(minutes=1)
    clock.advance(timedelta(minutes=2))
    assert tickets.run_upkeep().expired == 1
    assert tickets.event(event.id).available == 1
    tickets.close()


def test_one_buyer_has_limits_if_the_application_sets_them(storage: object) -> None:
    tickets = t.Ticketing(storage, max_open_holds=2, max_free_tickets=3)  # type: ignore[arg-type]
    priced, free = (
        tickets.create_event(
            organizer=CLUB, title="Jazz", starts_at=NEXT_YEAR, location="Lagos", price=t.Money(price, "NGN"), capacity=500
        )
        for price in (1, 0)
    )
    orders = [tickets.hold(buyer=ADA, event_id=priced.id, quantity=100) for _ in range(2)]
    with pytest.raises(t.TooManyHolds) as too_many:
        tickets.hold(buyer=ADA, event_id=priced.id)
    assert (too_many.value.code, too_many.value.limit) == ("too_many_holds", 2)
    assert tickets.hold(buyer=ADA, event_id=priced.id, quantity=100, reference=orders[0].reference) == orders[0]
    tickets.hold(buyer=buyer("grace"), event_id=priced.id)
    tickets.cancel_order(actor=ADA.who, reference=orders[0].reference)
    tickets.hold(buyer=ADA, event_id=priced.id)

    tickets.buy(buyer=ADA, event_id=free.id, quantity=2)
    with pytest.raises(t.BuyerLimit) as limit:
        tickets.buy(buyer=ADA, event_id=free.id, quantity=2)
    assert (limit.value.code, limit.value.left) == ("buyer_limit", 1)
    tickets.close()


def test_without_limits_an_application_sells_for_many(storage: object) -> None:
    tickets = t.Ticketing(storage)  # type: ignore[arg-type]
    event = tickets.create_event(
        organizer=CLUB, title="Jazz", starts_at=NEXT_YEAR, location="Lagos", price=t.Money(0, "NGN"), capacity=1000
    )
    for _ in range(8):
        tickets.hold(buyer=ADA, event_id=event.id, quantity=100)
    tickets.close()
