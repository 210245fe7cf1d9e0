"""Checked by mypy and pyright, not run: correct use is typed, and wrong use is reported.

A line that must be an error has a `type: ignore`; both checkers report one that is not needed.
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import assert_type

import ticketing_py as t
from ticketing_py.testing import FakeGateway


class MyGateway:
    name = "mine"
    mode = t.Mode.TEST

    async def open_checkout(self, charge: t.Charge, /) -> t.Checkout:
        return t.Checkout(url=f"https://pay.example.com/{charge.reference}")

    async def fetch(self, reference: str, /) -> t.Fetched | None:
        return None

    async def refund(self, refund: t.RefundCall, /) -> t.FetchedRefund:
        raise t.GatewayUnsupported

    async def find_refund(self, refund: t.RefundCall, /) -> t.FetchedRefund | None:
        return None

    def read_webhook(self, webhook: t.Webhook, /) -> t.WebhookEvent:
        raise t.BadSignature


class MyMailer:
    def send(self, mail: t.Mail, /) -> None:
        print(mail.subject)


async def uses() -> None:
    gateway: t.AsyncPaymentGateway = MyGateway()
    tickets = t.AsyncTicketing(t.SqliteStorage("x.db"), gateway=gateway, mailer=MyMailer())
    ada = t.Buyer(who=t.Principal.external("ada"), email="ada@example.com")
    async with tickets as same:
        assert_type(same, t.AsyncTicketing)
        event = await tickets.create_event(
            organizer=ada.who,
            title="Party",
            starts_at=datetime.now(timezone.utc),
            location="Garden",
            price=t.Money("5", "EUR"),
        )
        assert_type(event.lowest_price.amount, Decimal)
        started = await tickets.buy(buyer=ada, event_id=event.id)
        if started.checkout is not None:
            assert_type(started.checkout.url, str)
        settled = await tickets.verify(actor=ada.who, reference=started.attempt.reference)
        match settled:
            case t.Fulfilled():
                assert_type(settled.tickets, tuple[t.Ticket, ...])
            case t.PaymentOpen() | t.PaymentFailed() | t.PaymentInReview():
                assert_type(settled.attempt, t.Attempt)
            case t.RefundDue():
                assert_type(settled.refund, t.Refund)
            case t.PaymentReversed():
                pass
        for one in await tickets.events(phase=t.EventPhase.UPCOMING):
            assert_type(one, t.Event)
        edit = t.TicketTypeEdit(id=event.ticket_types[0].id, capacity=None, rules=t.SalesRulesEdit(max_per_order=4))
        edited = await tickets.edit_event(
            actor=ada.who, event_id=event.id, seen=event.version, ends_at=None, title=t.UNSET, ticket_types=[edit]
        )
        assert_type(edited.starts_at_local, datetime)
        assert_type(edited.phase(edited.starts_at), t.EventPhase)
        assert_type(edited.rules.max_per_order, int | None)
        await tickets.edit_event(actor=ada.who, event_id=event.id, title=None)  # type: ignore[arg-type]
        await tickets.edit_event(actor=ada.who, event_id=event.id, rules=None)  # type: ignore[arg-type]
        dates = await tickets.dates_of(event, until=date(2099, 12, 31), on=["fri", "sat"])
        assert_type(dates, list[datetime])
        copies = await tickets.copy_event(actor=ada.who, event_id=event.id, starts_at=dates, status="active")
        assert_type(copies, list[t.Event])
        assert_type(copies[0].series_id, int | None)
        await tickets.dates_of(event.id, until=date(2099, 12, 31), on=["Friday"])  # type: ignore[list-item]
        await tickets.copy_event(actor=ada.who, event_id=1, starts_at=dates, status="cancelled")  # type: ignore[arg-type]
        code = await tickets.create_promo_code(
            actor=ada.who, event_id=event.id, text="EARLY20", discount=t.Discount(percent="20")
        )
        assert_type(code.discount.percent, Decimal | None)
        assert_type(await tickets.edit_promo_code(actor=ada.who, code_id=code.id, max_uses=None), t.PromoCode)
        await tickets.edit_promo_code(actor=ada.who, code_id=code.id, discount=None)  # type: ignore[arg-type]
        quote = await tickets.quote(buyer=ada, event_id=event.id, promo_code="early20")
        assert_type(quote.total, t.Money)
        await tickets.hold(buyer=ada, event_id=event.id, promo_code="early20", expect_total=8000)  # type: ignore[arg-type]
        state = await tickets.proof("tkp_1_x")
        if state is not None:
            assert_type(state.purpose, t.ProofPurpose)
        session = await tickets.change_password(1, current="old", new="new", code=None)
        assert_type(session.token, str)
        await tickets.reset_password("tkp_1_x")  # type: ignore[call-arg]
        accounts = await tickets.accounts(actor=None, role=t.Role.ADMIN)
        assert_type(accounts, t.Page[t.Account])
        await tickets.accounts()  # type: ignore[call-arg]
        account = await tickets.administer_account(actor=ada.who, account_id=1, is_active=False, reason=None)
        assert_type(account.disabled_reason, str | None)
        await tickets.administer_account(actor=None, account_id=1, role="owner")  # type: ignore[arg-type]
        assert_type(await tickets.audit_of_account(actor=None, account_id=1), t.Page[t.AuditLine])
        diet = t.Question(key="diet", text="Diet?", kind=t.AnswerKind.CHOICE, options=["all", "vegan"])
        edited = await tickets.edit_event(actor=ada.who, event_id=event.id, terms=t.EventTermsEdit(questions=[diet]))
        assert_type(edited.terms.transfers.rule, t.TransferRule)
        offer = await tickets.offer_transfer(actor=ada.who, ticket_id=1, to="bob@example.com")
        taken = await tickets.take_transfer(offer.reference, holder=None, name="Bob")
        assert_type(taken.ticket.replaces, int | None)
        await tickets.edit_attendee(actor=ada.who, ticket_id=1, answers={"diet": None})
        await tickets.edit_attendee(actor=ada.who, ticket_id=1, answers={"diet": 7})  # type: ignore[dict-item]
        await tickets.send_message(actor=ada.who, event_id=1, subject="Doors", text="At 19:00.", who=t.Presence.NOT_IN)
        returned = await tickets.return_quote(actor=ada.who, reference="order")
        assert_type(returned.tickets, tuple[tuple[int, t.Money], ...])
        async for row in tickets.export_rows(actor=None, event_id=event.id, kind="attendees"):
            assert_type(row, dict[str, t.Cell])
        tickets.export_rows(actor=None, event_id=event.id, kind="tickets")  # type: ignore[arg-type]
        try:
            await tickets.hold(buyer=ada, event_id=event.id)
        except t.SoldOut as error:
            assert_type(error.available, int)


def plain() -> None:
    with t.Ticketing("tickets.db", gateway=FakeGateway(), mailer=t.MemoryMailer()) as tickets:
        assert_type(tickets, t.Ticketing)
        assert_type(tickets.categories(), t.Page[t.Category])
        for row in tickets.export_rows(actor=None, event_id=1, kind=t.ExportKind.CHECK_INS):
            assert_type(row["ticket_id"], t.Cell)
    t.Ticketing("x.db", proof_url="https://example.com/proof", test_keys=True, verified_organizers=True)
    t.Ticketing("x.db", unproved_members="yes")  # type: ignore[arg-type]
    t.Ticketing(7)  # type: ignore[arg-type]
    t.Ticketing("x.db", mailer=MyGateway())  # type: ignore[arg-type]
    t.Money(1.5, "EUR")  # type: ignore[arg-type]
