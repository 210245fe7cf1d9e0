"""Buys a ticket and checks it in with the generated client: buy.py URL DOCUMENT"""

from __future__ import annotations

import json
import os
import pkgutil
import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import httpx
from ticketing_client import AuthenticatedClient, Client, api
from ticketing_client.api.accounts import login, register
from ticketing_client.api.door import check_in
from ticketing_client.api.events import create_event
from ticketing_client.api.payments import initialize_payment, review_payment, verify_payment
from ticketing_client.api.tickets import get_ticket_png
from ticketing_client.models import (
    CheckInBody,
    CheckInView,
    CheckoutView,
    Direction,
    EventBody,
    EventView,
    InitializeBody,
    LoginBody,
    LoginView,
    Problem,
    RegisterBody,
    ReviewBody,
    UserView,
    VerdictWord,
    VerifiedView,
)
from ticketing_client.types import UNSET, File

T = TypeVar("T")
URL, DOCUMENT = sys.argv[1], Path(sys.argv[2])


def is_a(kind: type[T], answer: object) -> T:
    assert isinstance(answer, kind), f"{kind.__name__} was expected, not {answer!r}"
    return answer


def every_operation_is_there() -> None:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    ids = {operation["operationId"] for methods in paths.values() for operation in methods.values()}
    expected = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in ids}
    modules = pkgutil.walk_packages(api.__path__, f"{api.__name__}.")
    found = {module.name.rsplit(".", 1)[-1] for module in modules if not module.ispkg}
    assert found == expected, found ^ expected


def join(name: str) -> AuthenticatedClient:
    email, password = f"{name}-{os.getpid()}@example.org", "correct horse battery"
    nobody = Client(URL)
    is_a(UserView, register.sync(client=nobody, body=RegisterBody(email=email, name=name, password=password)))
    session = is_a(LoginView, login.sync(client=nobody, body=LoginBody(email=email, password=password)))
    return AuthenticatedClient(URL, token=session.access_token)


every_operation_is_there()
organizer, buyer = join("organizer"), join("buyer")
day = datetime(2099, 12, 31, 20, tzinfo=timezone.utc)
body = EventBody(title="Typed in Python", event_date=day, location="Lagos", price="5000.00", capacity=2)
event = is_a(EventView, create_event.sync(client=organizer, body=body))

wanted = InitializeBody(event_id=event.id, quantity=1)
reference = is_a(CheckoutView, initialize_payment.sync(client=buyer, body=wanted)).reference
httpx.post(f"{URL}/sandbox/paystack/simulate/{reference}", json={"action": "pay"}).raise_for_status()
(ticket,) = is_a(VerifiedView, verify_payment.sync(reference, client=buyer)).tickets
image = is_a(File, get_ticket_png.sync(ticket.ticket_code, client=Client(URL)))
assert image.payload.read(8) == b"\x89PNG\r\n\x1a\n"

# Both operations that generators used to leave out: their bodies refer to an enumeration.
scan = CheckInBody(code=ticket.ticket_code, nonce="python-1", direction=Direction.IN)
assert is_a(CheckInView, check_in.sync(client=organizer, body=scan)).ticket_id == ticket.id
decision = ReviewBody(verdict=VerdictWord.ACCEPT, note="It was right")
problem = is_a(Problem, review_payment.sync(reference, client=organizer, body=decision))
assert (problem.status, problem.code, problem.errors) == (409, "not_in_review", UNSET)

# A problem names the wrong fields where there are some.
wrong = is_a(Problem, initialize_payment.sync(client=buyer, body=InitializeBody(event_id=event.id, quantity=0)))
assert isinstance(wrong.errors, list) and wrong.errors[0].field == "quantity", wrong
sold_out = is_a(Problem, initialize_payment.sync(client=buyer, body=InitializeBody(event_id=event.id, quantity=2)))
assert (sold_out.code, sold_out.available) == ("sold_out", 1)
print("a ticket was bought with the generated Python client")
