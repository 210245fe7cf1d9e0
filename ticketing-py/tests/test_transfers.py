"""Transfers, swaps, answers, returns, messages, imports and exports."""

from __future__ import annotations

import inspect
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
import ticketing_py as t
from conftest import ADA, CLUB, NEXT_YEAR, Shop, buyer

ZOE = buyer("zoe")


def naira(amount: str) -> t.Money:
    return t.Money(amount, "NGN")


def new_event(shop: Shop, price: str = "5000", **settings: object) -> t.Event:
    return shop.sync.create_event(
        organizer=CLUB,
        title="Jazz",
        starts_at=NEXT_YEAR,
        location="Lagos",
        price=naira(price),
        **settings,  # type: ignore[arg-type]
    )


def sell(shop: Shop, event: t.Event, quantity: int = 1, to: t.Buyer = ADA) -> t.Fulfilled:
    started = shop.sync.buy(buyer=to, event_id=event.id, quantity=quantity)
    shop.pay(started.attempt.reference)
    paid = shop.sync.verify(actor=to.who, reference=started.attempt.reference)
    assert isinstance(paid, t.Fulfilled)
    return paid


def test_a_ticket_is_taken_without_an_account(shop: Shop) -> None:
    sync = shop.sync
    mine = sell(shop, shop.event).tickets[0]
    offer = sync.offer_transfer(actor=ADA.who, ticket_id=mine.id, to="zoe@example.com")
    assert (offer.status, offer.ticket_id, offer.new_ticket_id) == (t.TransferStatus.OFFERED, mine.id, None)
    assert (offer.from_email, offer.to_email) == ("ada@example.com", "zoe@example.com")
    # The recipient's key is made of the reference: neither is in a log.
    assert offer.reference not in repr(offer) and "zoe@example.com" not in repr(offer)
    assert sync.offer_transfer(actor=ADA.who, ticket_id=mine.id, to="zoe@example.com") == offer
    found = sync.transfer(offer.reference)
    assert (found.transfer, found.ticket.id, found.new_ticket, found.event.id) == (offer, mine.id, None, shop.event.id)
    key = sync.transfer_key(offer.reference)
    assert sync.transfer_of_key(key) == offer.reference
    for _ in range(3):
        sync.run_upkeep()
    (mail,) = (mail for mail in shop.mails.sent() if mail.to == "zoe@example.com")
    assert key in mail.text and mine.code not in mail.text

    taken = sync.take_transfer(sync.transfer_of_key(key), name="Zoë")
    guest = t.Principal.guest(offer.reference)
    assert (taken.first, taken.ticket.holder, taken.ticket.replaces) == (True, guest, mine.id)
    assert taken.ticket.code != mine.code and taken.transfer.status is t.TransferStatus.TAKEN
    again = sync.take_transfer(offer.reference, name="Somebody else")
    assert (again.first, again.ticket) == (False, taken.ticket)
    assert sync.attendee(actor=guest, ticket_id=taken.ticket.id).name == "Zoë"
    with pytest.raises(t.TicketTransferred):
        sync.check_in(by=CLUB, code=mine.code)
    with pytest.raises(t.TicketTransferred):
        sync.withdraw_transfer(actor=ADA.who, ticket_id=mine.id)
    assert sync.check_in(by=CLUB, code=taken.ticket.code).ticket_id == taken.ticket.id


def test_a_wrong_key_of_a_transfer_is_not_found(small: Shop) -> None:
    for key in ("", "nonsense", "x" * 60):
        with pytest.raises(t.NotFound):
            small.sync.transfer_of_key(key)
    with pytest.raises(t.NotFound):
        small.sync.take_transfer("00000000-0000-0000-0000-000000000000")


def test_a_ticket_is_taken_by_a_principal_and_handed_on(shop: Shop) -> None:
    sync = shop.sync
    mine = sell(shop, shop.event).tickets[0]
    offer = sync.offer_transfer(actor=ADA.who, ticket_id=mine.id, to="zoe@example.com")
    theirs = sync.take_transfer(offer.reference, holder=ZOE.who).ticket
    assert theirs.holder == ZOE.who and sync.tickets(actor=ZOE.who).items == (theirs,)
    onwards = sync.offer_transfer(actor=ZOE.who, ticket_id=theirs.id, to="bob@example.com")
    assert sync.transfers(actor=ZOE.who, ticket_id=theirs.id) == (onwards,)
    with pytest.raises(t.NotFound):
        sync.transfers(actor=buyer("eve").who, ticket_id=theirs.id)
    with pytest.raises(t.NotFound):
        sync.offer_transfer(actor=buyer("eve").who, ticket_id=theirs.id, to="eve@example.com")


def test_an_offer_is_withdrawn(shop: Shop) -> None:
    sync = shop.sync
    mine = sell(shop, shop.event).tickets[0]
    offer = sync.offer_transfer(actor=ADA.who, ticket_id=mine.id, to="zoe@example.com")
    assert sync.withdraw_transfer(actor=ADA.who, ticket_id=mine.id) is True
    assert sync.withdraw_transfer(actor=ADA.who, ticket_id=mine.id) is False
    with pytest.raises(t.NotFound):
        sync.transfer(offer.reference)
    with pytest.raises(t.NotFound):
        sync.take_transfer(offer.reference)
    for number in range(4):
        sync.offer_transfer(actor=ADA.who, ticket_id=mine.id, to=f"friend{number}@example.com")
    with pytest.raises(t.TooManyTransfers) as refused:
        sync.offer_transfer(actor=ADA.who, ticket_id=mine.id, to="friend9@example.com")
    assert refused.value.again_at > datetime.now(timezone.utc)
    offers = sync.transfers(actor=ADA.who, ticket_id=mine.id)
    assert [one.status.value for one in offers] == ["withdrawn"] * 4 + ["offered"]


def test_terms_are_set_and_changed(shop: Shop) -> None:
    sync = shop.sync
    assert shop.event.terms == t.EventTerms()
    once = t.TransferPolicy(rule=t.TransferRule.ONCE, until=NEXT_YEAR - timedelta(days=1))
    size = t.Question(key="size", text="Which size?", kind=t.AnswerKind.CHOICE, options=("S", "M", "L"))
    event = new_event(shop, terms=t.EventTerms(transfers=once, questions=(size,)))
    assert event.terms == t.EventTerms(transfers=once, questions=(size,)) and isinstance(hash(event), int)
    returns = t.ReturnPolicy(until=NEXT_YEAR, keep_percent=10)
    edited = sync.edit_event(actor=CLUB, event_id=event.id, terms=t.EventTermsEdit(returns=returns))
    assert edited.terms == t.EventTerms(transfers=once, returns=returns, questions=(size,))
    # All of them replace all of them.
    never = t.EventTerms(transfers=t.TransferPolicy(rule=t.TransferRule.NEVER))
    assert sync.edit_event(actor=CLUB, event_id=event.id, terms=never).terms == never
    mine = sell(shop, event).tickets[0]
    with pytest.raises(t.TransferClosed):
        sync.offer_transfer(actor=ADA.who, ticket_id=mine.id, to="zoe@example.com")
    with pytest.raises(t.InvalidRequest) as wrong:
        new_event(shop, terms=t.EventTerms(questions=[t.Question(key="Size!", text="Which size?")]))
    assert wrong.value.fields[0].field == "questions[0].key"
    with pytest.raises(TypeError, match=r"questions\[0\]"):
        new_event(shop, terms=t.EventTerms(questions=["Which size?"]))  # type: ignore[list-item]
    with pytest.raises(t.InvalidRequest, match="transfers_until: must be timezone-aware"):
        new_event(shop, terms=t.EventTerms(transfers=t.TransferPolicy(until=datetime(2099, 1, 1))))


def test_tickets_are_swapped(shop: Shop) -> None:
    sync = shop.sync
    types = [t.NewTicketType(name=name, price=naira(price), capacity=2) for name, price in
             (("Box", "9000"), ("Stalls", "5000"), ("Gallery", "2000"))]
    event = sync.create_event(
        organizer=CLUB, title="Opera", starts_at=NEXT_YEAR, location="Lagos", ticket_types=types
    )
    box, stalls, gallery = (one.id for one in event.ticket_types)
    started = sync.buy(buyer=ADA, event_id=event.id, lines=[t.Line(quantity=2, ticket_type_id=stalls)])
    shop.pay(started.attempt.reference)
    paid = sync.verify(actor=ADA.who, reference=started.attempt.reference)
    assert isinstance(paid, t.Fulfilled)
    first, second = (ticket.id for ticket in paid.tickets)
    swapped = sync.swap_ticket(actor=CLUB, ticket_id=first, ticket_type_id=gallery)
    assert swapped.refund is not None and swapped.refund.reason is t.RefundReason.SWAPPED
    assert (swapped.first, swapped.refund.amount, swapped.ticket.price) == (True, naira("3000"), naira("2000"))
    again = sync.swap_ticket(actor=CLUB, ticket_id=first, ticket_type_id=gallery)
    assert (again.first, again.ticket) == (False, swapped.ticket)
    kept = sync.swap_ticket(
        actor=CLUB, ticket_id=second, ticket_type_id=gallery, difference=t.PriceDifference.KEEP
    )
    assert (kept.refund, kept.ticket.price) == (None, naira("5000"))
    other = sell_of(shop, event, stalls)
    with pytest.raises(t.PriceHigher) as dearer:
        sync.swap_ticket(actor=CLUB, ticket_id=other.id, ticket_type_id=box)
    assert dearer.value.difference == naira("4000")
    with pytest.raises(t.SoldOut):
        sync.swap_ticket(actor=CLUB, ticket_id=other.id, ticket_type_id=gallery)
    with pytest.raises(t.Forbidden):
        sync.swap_ticket(actor=ADA.who, ticket_id=other.id, ticket_type_id=gallery)
    with pytest.raises(t.InvalidRequest, match="difference"):
        sync.swap_ticket(
            actor=CLUB, ticket_id=other.id, ticket_type_id=box, difference="burn"  # type: ignore[arg-type]
        )


def sell_of(shop: Shop, event: t.Event, ticket_type: int) -> t.Ticket:
    started = shop.sync.buy(buyer=ADA, event_id=event.id, lines=[t.Line(quantity=1, ticket_type_id=ticket_type)])
    shop.pay(started.attempt.reference)
    paid = shop.sync.verify(actor=ADA.who, reference=started.attempt.reference)
    assert isinstance(paid, t.Fulfilled)
    return paid.tickets[0]


def test_questions_are_answered_before_paying_and_before_entry(shop: Shop) -> None:
    sync = shop.sync
    diet = t.Question(key="diet", text="What do you not eat?", required=t.RequiredWhen.BEFORE_PAYING)
    waiver = t.Question(
        key="waiver", text="Have you read it?", kind=t.AnswerKind.YES_NO, required=t.RequiredWhen.BEFORE_ENTRY
    )
    source = t.Question(key="source", text="Who told you?", per=t.AskedPer.ORDER)
    event = new_event(shop, terms=t.EventTerms(questions=[diet, waiver, source]))
    order = sync.hold(buyer=ADA, event_id=event.id, quantity=1)
    assert not order.has_details
    assert sync.order_details(actor=ADA.who, reference=order.reference).version == 0
    with pytest.raises(t.AnswersRequired) as missing:
        sync.pay(actor=ADA.who, order=order.reference)
    assert missing.value.questions == "diet"
    ada = t.NewAttendee(name="Ada", answers={"diet": "nuts"})
    details = sync.edit_order_details(
        actor=ADA.who, reference=order.reference, seen=0, answers={"source": "Bob"}, attendees=[ada]
    )
    assert (details.answers, details.attendees, details.version) == ({"source": "Bob"}, (ada,), 1)
    assert "nuts" not in repr(details) and "Bob" not in repr(details)
    assert sync.order(actor=ADA.who, reference=order.reference).has_details
    assert sync.edit_order_details(actor=ADA.who, reference=order.reference, answers={"source": "Bob"}) == details
    with pytest.raises(t.Stale):
        sync.edit_order_details(actor=CLUB, reference=order.reference, seen=0, note="Press")
    noted = sync.edit_order_details(actor=CLUB, reference=order.reference, note="Press", answers={"source": None})
    assert (noted.note, noted.answers) == ("Press", {})
    assert sync.order_details(actor=ADA.who, reference=order.reference).note is None
    with pytest.raises(t.NotFound):
        sync.order_details(actor=ZOE.who, reference=order.reference)
    with pytest.raises(t.InvalidRequest) as unknown:
        sync.edit_order_details(actor=ADA.who, reference=order.reference, answers={"colour": "red"})
    assert unknown.value.fields[0].field == "answers.colour"
    with pytest.raises(TypeError, match="answers.source"):
        sync.edit_order_details(
            actor=ADA.who, reference=order.reference, answers={"source": 7}  # type: ignore[dict-item]
        )

    started = sync.pay(actor=ADA.who, order=order.reference)
    shop.pay(started.attempt.reference)
    paid = sync.verify(actor=ADA.who, reference=started.attempt.reference)
    assert isinstance(paid, t.Fulfilled)
    ticket = paid.tickets[0]
    with pytest.raises(t.OrderPaid):
        sync.edit_order_details(actor=ADA.who, reference=order.reference, attendees=[])
    with pytest.raises(t.AnswersRequired) as missing:
        sync.check_in(by=CLUB, code=ticket.code)
    assert missing.value.questions == "waiver"
    with pytest.raises(t.InvalidRequest):
        sync.edit_attendee(actor=ADA.who, ticket_id=ticket.id, answers={"waiver": "perhaps"})
    named = sync.edit_attendee(actor=ADA.who, ticket_id=ticket.id, answers={"waiver": "yes"})
    assert (named.name, named.answers) == ("Ada", {"diet": "nuts", "waiver": "yes"})
    (entry,) = sync.attendees(actor=CLUB, event_id=event.id)
    assert entry.answers == named.answers and "nuts" not in repr(entry) and isinstance(hash(entry), int)
    assert sync.edit_attendee(actor=ADA.who, ticket_id=ticket.id, answers={"diet": None}).answers == {"waiver": "yes"}
    sync.check_in(by=CLUB, code=ticket.code)


def test_tickets_are_issued_with_answers(shop: Shop) -> None:
    diet = t.Question(key="diet", text="What do you not eat?", required=t.RequiredWhen.BEFORE_PAYING)
    event = new_event(shop, terms=t.EventTerms(questions=[diet]))
    band = t.IssueLine(quantity=2, attendees=[t.NewAttendee(name="Zoë", answers={"diet": "meat"})])
    given = shop.sync.issue_order(
        actor=CLUB, event_id=event.id, lines=[band], payment=t.IssuePayment.FREE, note="The band"
    )
    known = [shop.sync.attendee(actor=CLUB, ticket_id=ticket.id).answers for ticket in given.tickets]
    assert known == [{"diet": "meat"}, {}]


def test_tickets_are_returned_by_policy(shop: Shop) -> None:
    sync = shop.sync
    closed = sell(shop, shop.event)
    quote = sync.return_quote(actor=ADA.who, reference=closed.order.reference)
    assert (quote.until, quote.reason, quote.tickets) == (None, None, ())
    with pytest.raises(t.ReturnNotOpen):
        sync.return_tickets(actor=ADA.who, reference=closed.order.reference)
    returns = t.ReturnPolicy(until=NEXT_YEAR - timedelta(days=7), keep_percent=10)
    event = new_event(shop, terms=t.EventTerms(returns=returns))
    paid = sell(shop, event, 2)
    quote = sync.return_quote(actor=ADA.who, reference=paid.order.reference)
    assert (quote.until, quote.reason, quote.keep_percent) == (returns.until, t.RefundReason.RETURNED, 10)
    assert quote.order == paid.order
    first, second = (ticket.id for ticket in paid.tickets)
    assert dict(quote.tickets) == {first: naira("4500"), second: naira("4500")}
    refund = sync.return_tickets(actor=ADA.who, reference=paid.order.reference, tickets=[first])
    assert (refund.amount, refund.reason, refund.tickets) == (naira("4500"), t.RefundReason.RETURNED, (first,))
    left = sync.return_quote(actor=ADA.who, reference=paid.order.reference)
    assert left.tickets == ((second, naira("4500")),)
    with pytest.raises(t.NotFound):
        sync.return_quote(actor=ZOE.who, reference=paid.order.reference)


def test_attendees_get_a_message_once(shop: Shop) -> None:
    sync = shop.sync
    event = new_event(shop)
    sell(shop, event, 2)
    sell(shop, event, 1, ZOE)
    sync.check_in(by=CLUB, code=sync.tickets(actor=ZOE.who).items[0].code)
    assert sync.count_recipients(actor=CLUB, event_id=event.id) == 2
    assert sync.count_recipients(actor=CLUB, event_id=event.id, who=t.Presence.IN) == 1
    with pytest.raises(t.Forbidden):
        sync.count_recipients(actor=ADA.who, event_id=event.id)
    sent = sync.send_message(
        actor=CLUB, event_id=event.id, subject="Doors", text="They open at 19:00.", key="message-doors-26"
    )
    again = sync.send_message(
        actor=CLUB, event_id=event.id, subject="Doors", text="They open at 19:00.", key="message-doors-26"
    )
    assert (again.id, sent.status, sent.sent_by) == (sent.id, t.MessageStatus.SENDING, "external club")
    with pytest.raises(t.KeyReused):
        sync.send_message(actor=CLUB, event_id=event.id, subject="Doors", text="At 20:00.", key="message-doors-26")
    queued = sum(sync.run_upkeep().messages for _ in range(3))
    mails = [mail for mail in shop.mails.sent() if "Doors" in mail.subject]
    assert queued > 0 and sorted(mail.to for mail in mails) == ["ada@example.com", "zoe@example.com"]
    assert all("They open at 19:00." in mail.text for mail in mails)
    only = sync.send_message(
        actor=CLUB, event_id=event.id, subject="Late", text="Come in.", who=t.Presence.NOT_IN,
        ticket_type_id=event.ticket_types[0].id,
    )
    stopped = sync.stop_message(actor=CLUB, event_id=event.id, message_id=only.id)
    assert (stopped.status, stopped.who) == (t.MessageStatus.STOPPED, t.Presence.NOT_IN)
    assert sync.stop_message(actor=CLUB, event_id=event.id, message_id=only.id) == stopped
    sync.run_upkeep()
    assert not [mail for mail in shop.mails.sent() if "Late" in mail.subject]
    listed = sync.messages(actor=CLUB, event_id=event.id)
    assert [(one.id, one.mails, one.status.value) for one in listed] == [(only.id, 0, "stopped"), (sent.id, 2, "sent")]
    sync.send_message(actor=CLUB, event_id=event.id, subject="Third", text="Yes.")
    with pytest.raises(t.TooManyMessages) as refused:
        sync.send_message(actor=CLUB, event_id=event.id, subject="Fourth", text="No.")
    assert refused.value.again_at > datetime.now(timezone.utc)
    with pytest.raises(t.NotFound):
        sync.stop_message(actor=CLUB, event_id=event.id, message_id=999)


FILE = "name,email,quantity,diet\nZoë,zoe@example.com,2,meat\nBob,,1,\n".encode()


def test_attendees_are_imported(shop: Shop) -> None:
    sync = shop.sync
    event = new_event(shop, capacity=4, terms=t.EventTerms(questions=[t.Question(key="diet", text="Diet?")]))
    dry = sync.import_orders(actor=CLUB, event_id=event.id, file=FILE, note="The band", dry_run=True)
    assert (dry.rows, dry.tickets, dry.orders) == (2, 3, ())
    assert len(sync.attendees(actor=CLUB, event_id=event.id)) == 0
    with pytest.raises(t.InvalidRequest) as wrong:
        bad = FILE + b"Eve,nobody,none,\n"
        sync.import_orders(actor=CLUB, event_id=event.id, file=bad, note="The band")
    assert {fault.field for fault in wrong.value.fields} == {"line 4"} and len(wrong.value.fields) == 2
    with pytest.raises(t.InvalidRequest):
        sync.import_orders(actor=CLUB, event_id=event.id, file=FILE)
    assert len(sync.attendees(actor=CLUB, event_id=event.id)) == 0
    done = sync.import_orders(actor=CLUB, event_id=event.id, file=FILE, note="The band", mail=True)
    assert [(len(one.tickets), one.first) for one in done.orders] == [(2, True), (1, True)]
    again = sync.import_orders(actor=CLUB, event_id=event.id, file=FILE, note="The band", mail=True)
    assert [(one.tickets, one.first) for one in again.orders] == [(one.tickets, False) for one in done.orders]
    known = {(entry.name, tuple(entry.answers.items())) for entry in sync.attendees(actor=CLUB, event_id=event.id)}
    assert known == {("Zoë", (("diet", "meat"),)), (None, ()), ("Bob", ())}
    with pytest.raises(t.InvalidRequest, match="sold out"):
        sync.import_orders(
            actor=CLUB, event_id=event.id, file=b"name,quantity\nCy,2\n", paid=t.PaymentMethod.CASH
        )
    cash = sync.import_orders(
        actor=CLUB, event_id=event.id, file=b"name,price\nCy,100.50\n", paid=t.PaymentMethod.CASH
    )
    assert cash.orders[0].order.total == naira("100.50")


async def test_rows_are_exported_lazily(shop: Shop) -> None:
    event = new_event(shop, terms=t.EventTerms(questions=[t.Question(key="diet", text="Diet?")]))
    lines = "".join(f"Guest {number},guest{number}@example.com,meat\n" for number in range(1200))
    file = f"name,email,diet\n{lines}".encode()
    await shop.aio.import_orders(actor=CLUB, event_id=event.id, file=file, paid=t.PaymentMethod.CASH)

    rows = shop.sync.export_rows(actor=CLUB, event_id=event.id, kind="attendees")
    assert inspect.isgenerator(rows)
    everyone = list(rows)
    assert len(everyone) == len({row["ticket_id"] for row in everyone}) == 1200
    row = everyone[0]
    assert isinstance(row["ticket_id"], int) and isinstance(row["name"], str)
    assert row["price"] == Decimal("5000.00") and isinstance(row["price"], Decimal) and row["currency"] == "NGN"
    assert isinstance(row["ordered_at"], datetime) and row["ordered_at"].tzinfo is timezone.utc
    assert row["checked_in_at"] is None and row["answer_diet"] == "meat" and row["paid_with"] == "cash"
    assert [row async for row in shop.aio.export_rows(actor=CLUB, event_id=event.id, kind="attendees")] == everyone
    orders = list(shop.sync.export_rows(actor=None, event_id=event.id, kind=t.ExportKind.ORDERS))
    assert len(orders) == 1200 and orders[0]["total"] == Decimal("5000.00")
    assert list(shop.sync.export_rows(actor=CLUB, event_id=event.id, kind="refunds")) == []
    assert list(shop.sync.export_rows(actor=CLUB, event_id=event.id, kind="check-ins")) == []

    def exports() -> int:
        lines = shop.sync.event_audit(actor=CLUB, event_id=event.id, limit=1000)
        return sum("export" in line.action for line in lines)

    before = exports()
    unread = shop.sync.export_rows(actor=CLUB, event_id=event.id, kind="attendees")
    assert exports() == before
    assert next(unread) == everyone[0] and exports() == before + 1
    unread.close()  # type: ignore[attr-defined]


async def test_reading_stops_with_the_consumer(small: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    event = new_event(small)
    file = ("name\n" + "Guest\n" * 1200).encode()
    small.sync.import_orders(actor=CLUB, event_id=event.id, file=file, note="Guests")
    for engine, is_async in ((Counting(small.sync._engine), False), (Counting(small.aio._engine), True)):
        facade = small.aio if is_async else small.sync
        monkeypatch.setattr(facade, "_engine", engine)
        read = 0
        if is_async:
            async for _ in small.aio.export_rows(actor=CLUB, event_id=event.id, kind="attendees"):
                read += 1
                if read == 501:
                    break
        else:
            for _ in small.sync.export_rows(actor=CLUB, event_id=event.id, kind="attendees"):
                read += 1
                if read == 501:
                    break
        assert (read, engine.pages) == (501, 2)


class Counting:
    """Counts the pages that are read."""

    def __init__(self, engine: object) -> None:
        self.engine, self.pages = engine, 0

    def next_rows(self, export: object) -> object:
        self.pages += 1
        return self.engine.next_rows(export)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)


def test_exports_are_for_those_who_may_see_them(small: Shop) -> None:
    with pytest.raises(t.Forbidden):
        next(small.sync.export_rows(actor=ADA.who, event_id=small.event.id, kind="orders"))
    with pytest.raises(t.NotFound):
        next(small.sync.export_rows(actor=CLUB, event_id=999, kind="orders"))
    with pytest.raises(t.InvalidRequest):
        next(small.sync.export_rows(actor=CLUB, event_id=small.event.id, kind="secrets"))  # type: ignore[arg-type]


async def test_transfers_and_messages_for_asyncio(small: Shop) -> None:
    aio = small.aio
    mine = sell(small, small.event).tickets[0]
    offer = await aio.offer_transfer(actor=ADA.who, ticket_id=mine.id, to="zoe@example.com")
    key = await aio.transfer_key(offer.reference)
    taken = await aio.take_transfer(await aio.transfer_of_key(key), holder=ZOE.who)
    assert taken.first and taken.ticket.holder == ZOE.who
    assert (await aio.transfer(offer.reference)).new_ticket == taken.ticket
    message = await aio.send_message(actor=CLUB, event_id=small.event.id, subject="Hello", text="Welcome.")
    assert await aio.messages(actor=CLUB, event_id=small.event.id) == (message,)
    assert await aio.count_recipients(actor=CLUB, event_id=small.event.id) == 1
