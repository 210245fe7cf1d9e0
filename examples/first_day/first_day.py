"""An organiser's first day, in Python: ten wishes, each in one or two calls. Everything is in memory; run it as it is."""

from datetime import datetime, timedelta, timezone

from ticketing_py import IssueLine, IssuePayment, MemoryStorage, Money, Principal, Ticketing, TicketTypeEdit

club = Principal.external("club")
soon = datetime.now(timezone.utc) + timedelta(days=30)
with Ticketing(MemoryStorage()) as shop:
    jazz = shop.create_event(
        organizer=club, title="Jazz", starts_at=soon, location="Lagos", price=Money("5000", "NGN"), capacity=100
    )
    sold = shop.issue_order(
        actor=club,
        event_id=jazz.id,
        lines=[IssueLine(quantity=3)],
        payment=IssuePayment.CASH,
        email="guest@example.com",
    )

    # 1. Change the date. 2. Raise the capacity.
    shop.edit_event(actor=club, event_id=jazz.id, starts_at=soon + timedelta(days=1))
    shop.edit_event(actor=club, event_id=jazz.id, capacity=150)
    # 3. Add a ticket type: the list of types is what there shall be.
    regular = TicketTypeEdit(id=jazz.ticket_types[0].id)
    vip = TicketTypeEdit(name="VIP", price=Money("9000", "NGN"))
    edited = shop.edit_event(actor=club, event_id=jazz.id, ticket_types=[regular, vip])
    print([ticket_type.name for ticket_type in edited.ticket_types])
    # 4. List the buyers.
    print([entry.buyer_email for entry in shop.attendees(actor=club, event_id=jazz.id)])
    # 5. Export the attendees: rows are read while the loop runs.
    for row in shop.export_rows(actor=club, event_id=jazz.id, kind="attendees"):
        print(row["email"], row["status"], row["price"], sep=",")
    # 6. Give a ticket away.
    line = IssueLine(quantity=1, ticket_type_id=regular.id)
    free = shop.issue_order(actor=club, event_id=jazz.id, lines=[line], payment=IssuePayment.FREE, note="The band")
    print(free.order.total)
    # 7. Send the tickets again.
    print(shop.resend_tickets(actor=club, order=sold.order.reference).kind)
    # 8. Cancel one ticket. 9. Refund half of another one.
    first, second, _ = (ticket.id for ticket in sold.tickets)
    shop.refund(actor=club, reference=sold.order.reference, tickets=[first], amount=Money("0", "NGN"))
    half = shop.refund(actor=club, reference=sold.order.reference, tickets=[second], amount=Money("2500", "NGN"))
    print(half.amount)
    # 10. Close the sales.
    shop.pause_sales(actor=club, event_id=jazz.id)
    print(shop.event(jazz.id).rules.paused)
