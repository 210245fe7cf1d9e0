"""Attendees, sales without a checkout, refunds in parts, and tickets that are sent again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import ticketing_py as t
from conftest import CLUB, NEXT_YEAR, Shop


def naira(amount: str) -> t.Money:
    return t.Money(amount, "NGN")


def new_event(shop: Shop, capacity: int | None = None) -> t.Event:
    return shop.sync.create_event(
        organizer=CLUB, title="Jazz", starts_at=NEXT_YEAR, location="Lagos", price=naira("5000"), capacity=capacity
    )


def everybody(shop: Shop, event: t.Event, limit: int) -> list[t.AttendeeEntry]:
    found: list[t.AttendeeEntry] = []
    after: str | None = None
    while True:
        page = shop.sync.attendees(actor=CLUB, event_id=event.id, after=after, limit=limit)
        found.extend(page)
        if page.next is None:
            return found
        after = page.next


def test_tickets_are_given_away_and_found(shop: Shop) -> None:
    sync, club = shop.sync, CLUB
    event = new_event(shop, 5)
    band = t.IssueLine(quantity=2, attendees=[t.NewAttendee(name="Zoë", email="zoe@example.com")])
    given = sync.issue_order(
        actor=club, event_id=event.id, lines=[band], payment=t.IssuePayment.FREE, note="The band", reference="band-26"
    )
    again = sync.issue_order(
        actor=club, event_id=event.id, lines=[band], payment=t.IssuePayment.FREE, note="The band", reference="band-26"
    )
    assert (given.first, again.first, again.tickets) == (True, False, given.tickets)
    assert (given.order.status, given.order.total) == (t.OrderStatus.PAID, naira("0"))
    for limit in (1, 2, 100):
        assert [entry.name for entry in everybody(shop, event, limit)] == ["Zoë", None]
    entry = everybody(shop, event, 100)[0]
    assert (entry.paid_with, entry.email, entry.status) == ("free", "zoe@example.com", t.TicketStatus.ACTIVE)
    assert given.tickets[0].code.endswith(entry.code_suffix) and "Zoë" not in repr(entry)
    found = sync.attendees(actor=club, event_id=event.id, text="ZOË", status=t.TicketStatus.ACTIVE, paid_with="free")
    assert len(found) == 1
    with pytest.raises(t.InvalidRequest):
        sync.attendees(actor=club, event_id=event.id, after="nonsense")
    with pytest.raises(t.InvalidRequest):
        sync.issue_order(actor=club, event_id=event.id, lines=[band], payment=t.IssuePayment.FREE)
    with pytest.raises(t.SoldOut):
        sync.issue_order(
            actor=club, event_id=event.id, lines=[t.IssueLine(quantity=4)], payment=t.IssuePayment.CASH
        )


def test_who_comes_is_edited_by_version(shop: Shop) -> None:
    sync, club = shop.sync, CLUB
    event = new_event(shop)
    sold = sync.issue_order(
        actor=club,
        event_id=event.id,
        lines=[t.IssueLine(quantity=1)],
        payment=t.IssuePayment.CASH,
        buyer=t.Principal.external("ada"),
        email="ada@example.com",
    )
    ticket, ada = sold.tickets[0].id, t.Principal.external("ada")
    assert sync.attendee(actor=ada, ticket_id=ticket).version == 0
    named = sync.edit_attendee(actor=ada, ticket_id=ticket, seen=0, name="Ada")
    assert (named.name, named.version) == ("Ada", 1)
    assert sync.edit_attendee(actor=ada, ticket_id=ticket, seen=0, name="Ada") == named
    with pytest.raises(t.Stale):
        sync.edit_attendee(actor=club, ticket_id=ticket, seen=0, name="Eve")
    noted = sync.edit_attendee(actor=club, ticket_id=ticket, note="vegetarian")
    assert (noted.name, noted.note) == ("Ada", "vegetarian")
    assert sync.attendee(actor=ada, ticket_id=ticket).note is None
    with pytest.raises(t.InvalidRequest):
        sync.edit_attendee(actor=ada, ticket_id=ticket, note="mine")
    with pytest.raises(t.NotFound):
        sync.attendee(actor=t.Principal.external("eve"), ticket_id=ticket)
    assert sync.edit_attendee(actor=club, ticket_id=ticket, name=None).name is None


def test_money_is_recorded_and_paid_back_by_hand(shop: Shop) -> None:
    sync, club = shop.sync, CLUB
    event = new_event(shop)
    kept = sync.issue_order(
        actor=club,
        event_id=event.id,
        lines=[t.IssueLine(quantity=2)],
        payment=t.IssuePayment.LATER,
        pay_until=datetime.now(timezone.utc) + timedelta(days=3),
    )
    assert (kept.order.status, kept.tickets) == (t.OrderStatus.HELD, ())
    paid = sync.record_payment(
        actor=club,
        order=kept.order.reference,
        method=t.PaymentMethod.TRANSFER,
        amount=kept.order.total,
        note="FT26335",
    )
    assert isinstance(paid, t.Fulfilled) and len(paid.tickets) == 2
    attempt = sync.payment(actor=club, reference=kept.order.reference).attempts[0]
    assert (attempt.gateway, attempt.recorded_by, attempt.note) == ("transfer", club, "FT26335")
    refund = sync.refund(
        actor=club, reference=kept.order.reference, tickets=[paid.tickets[0].id], amount=naira("1.50")
    )
    assert (refund.status, refund.amount) == (t.RefundStatus.NEEDS_ATTENTION, naira("1.50"))
    done = sync.record_refund(actor=club, payment=kept.order.reference, refund_id=refund.id)
    assert done.status == t.RefundStatus.PROCESSED
    void = sync.refund(actor=club, reference=kept.order.reference, tickets=[paid.tickets[1].id], amount=naira("0"))
    assert (void.status, void.amount) == (t.RefundStatus.PROCESSED, naira("0"))
    with pytest.raises(t.NoValidTickets):
        sync.resend_tickets(actor=club, order=kept.order.reference)
    (entry,) = sync.orders_of_event(actor=club, event_id=event.id, status=t.OrderStatus.PAID)
    assert (entry.paid, entry.refunded, entry.valid_tickets) == (kept.order.total, naira("1.50"), 0)


def test_tickets_are_sent_again_a_few_times(shop: Shop) -> None:
    sync, club = shop.sync, CLUB
    event = new_event(shop)
    sold = sync.issue_order(
        actor=club,
        event_id=event.id,
        lines=[t.IssueLine(quantity=1)],
        payment=t.IssuePayment.CASH,
        email="ada@example.com",
    )
    mail = sync.resend_tickets(actor=club, order=sold.order.reference, to="friend@example.com")
    assert (mail.kind, mail.to) == (t.MailKind.TICKETS_AGAIN, "friend@example.com")
    for _ in range(4):
        sync.resend_tickets(actor=club, order=sold.order.reference)
    with pytest.raises(t.TooManyResends) as refused:
        sync.resend_tickets(actor=club, order=sold.order.reference)
    assert refused.value.again_at > datetime.now(timezone.utc)
