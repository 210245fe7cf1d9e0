"""A sale to step through. Open it in an editor or notebook that supports `# %%` cells, or run it as a script."""

# %% Everything in memory, with a scripted payment gateway.
from datetime import datetime, timedelta, timezone

from ticketing_py import (
    Buyer,
    Fulfilled,
    Line,
    MemoryMailer,
    MemoryStorage,
    Money,
    NewTicketType,
    Principal,
    SoldOut,
    Ticketing,
)
from ticketing_py.testing import FakeGateway, ManualClock

clock = ManualClock(datetime(2026, 6, 1, 12, tzinfo=timezone.utc))
gateway, mails = FakeGateway(), MemoryMailer()
shop = Ticketing(MemoryStorage(), gateway=gateway, mailer=mails, clock=clock, hold_for=timedelta(minutes=15))

# %% A club creates an event: three places in total, one of them in the front row.
club = Principal.external("club")
party = shop.create_event(
    organizer=club,
    title="Summer party",
    starts_at=datetime(2026, 7, 1, 18, tzinfo=timezone.utc),
    location="Garden",
    capacity=3,
    ticket_types=[
        NewTicketType(name="Lawn", price=Money("1500", "NGN")),
        NewTicketType(name="Front row", price=Money("9000", "NGN"), capacity=1),
    ],
)
lawn, front = party.ticket_types
print(f"{party.title}: {party.available} places, from {party.lowest_price}")

# %% Ada holds two places on the lawn, for a quarter of an hour.
ada = Buyer(who=Principal.external("ada"), email="ada@example.com")
order = shop.hold(buyer=ada, event_id=party.id, lines=[Line(quantity=2, ticket_type_id=lawn.id)])
print(f"Ada owes {order.total}, until {order.hold_until:%H:%M}")

# %% Bob wants two as well. A refusal is an exception with facts.
bob = Buyer(who=Principal.external("bob"), email="bob@example.com")
two_on_the_lawn = [Line(quantity=2, ticket_type_id=lawn.id)]
try:
    shop.hold(buyer=bob, event_id=party.id, lines=two_on_the_lawn)
except SoldOut as error:
    print(f"Bob cannot have two: {error.available} left")

# %% Ada does not pay in time: her hold expires, and Bob can buy.
clock.advance(timedelta(minutes=16))
print(f"{shop.run_upkeep().expired} hold expired")
payment = shop.buy(buyer=bob, event_id=party.id, lines=two_on_the_lawn).attempt.reference
gateway.pay(payment)
match shop.verify(actor=bob.who, reference=payment):
    case Fulfilled(tickets=tickets):
        print(f"Bob has {len(tickets)} tickets")

# %% The mail with the tickets is in the outbox; upkeep sends it.
shop.run_upkeep()
print(f"To {mails.sent()[0].to}: {mails.sent()[0].subject}")

# %% At the gate, the first scan wins.
print(f"Checked in at {shop.check_in(by=club, code=tickets[0].code, gate='north').at:%H:%M}")

# %% It rains. The club cancels the event: every payment is refunded automatically.
shop.cancel_event(actor=club, event_id=party.id)
shop.run_upkeep()
shop.run_upkeep()
print(f"Refunded: {', '.join(str(refund.amount) for refund in gateway.refunds())}")
