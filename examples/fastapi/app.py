"""A FastAPI application that sells tickets with the embedded engine: no second service, the same rules.

    pip install ./ticketing-py fastapi uvicorn
    cargo run -p ticketing-http -- sandbox --port 9000    # a sandbox payment gateway: no money moves
    PAYSTACK_BASE_URL=http://localhost:9000 uvicorn --app-dir examples/fastapi app:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from decimal import Decimal
from typing import Annotated, Any

import ticketing_py as t
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

SANDBOX_KEY = "sk_test_0123456789abcdef0123456789abcdef01234567"

tickets = t.AsyncTicketing(
    os.environ.get("DATABASE_URL", "tickets.db"),
    gateway=t.PaystackGateway(
        os.environ.get("PAYSTACK_SECRET_KEY", SANDBOX_KEY), base_url=os.environ.get("PAYSTACK_BASE_URL")
    ),
    mailer=t.FileMailer(os.environ.get("OUTBOX", "outbox"), sender="Tickets <tickets@example.com>"),
    token_secret=os.environ.get("JWT_SECRET_KEY", "for trying out only, change it before you sell"),
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with tickets:  # upkeep: expired holds, open payments, refunds, mails
        yield
    await tickets.close()


app = FastAPI(title="Event tickets", lifespan=lifespan)

STATUS = {t.InvalidRequest: 422, t.NotFound: 404, t.Forbidden: 403, t.Unauthenticated: 401, t.WebhookError: 401}
STATUS |= {t.EventUnknown: 404, t.TicketUnknown: 404, t.Refused: 400, t.GatewayRejected: 502}


@app.exception_handler(t.TicketingError)
async def refused(_: Request, error: t.TicketingError) -> JSONResponse:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 503 if error.retryable else 500)
    headers = {"Retry-After": str(int(error.retry_after))} if error.retry_after else None
    return JSONResponse({"detail": str(error), "code": error.code}, status, headers)


async def logged_in(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> t.Account:
    return await tickets.authenticate(bearer.credentials)


User = Annotated[t.Account, Depends(logged_in)]


class Registration(BaseModel):
    email: str
    name: str
    password: str
    phone: str | None = None


class Login(BaseModel):
    email: str
    password: str


class NewEvent(BaseModel):
    title: str
    description: str | None = None
    event_date: datetime
    location: str
    price: Decimal
    capacity: int


class Purchase(BaseModel):
    event_id: int
    quantity: int = 1


def person(account: t.Account) -> dict[str, Any]:
    return {"id": account.id, "email": account.email, "name": account.name, "is_active": account.is_active}


def event_out(event: t.Event) -> dict[str, Any]:
    shown = {"id": event.id, "title": event.title, "event_date": event.starts_at, "location": event.location}
    price = str(event.lowest_price.amount)
    return shown | {"price": price, "capacity": event.stock.capacity, "tickets_sold": event.stock.sold}


def ticket_out(ticket: t.Ticket) -> dict[str, Any]:
    shown = {"id": ticket.id, "ticket_code": ticket.code, "event_id": ticket.event_id, "status": ticket.status}
    return shown | {"amount_paid": str(ticket.price.amount), "qr_code_path": f"/tickets/{ticket.code}/qr.png"}


@app.post("/auth/register", status_code=201)
async def register(body: Registration) -> dict[str, Any]:
    return person(await tickets.register(**body.model_dump()))


@app.post("/auth/login")
async def login(body: Login) -> dict[str, Any]:
    session = await tickets.login(name=body.email, password=body.password)
    return {"access_token": session.token, "token_type": "bearer", "user": person(session.account)}


@app.get("/auth/me")
async def me(user: User) -> dict[str, Any]:
    return person(user)


@app.post("/events/", status_code=201)
async def create_event(user: User, body: NewEvent) -> dict[str, Any]:
    starts_at = body.event_date if body.event_date.tzinfo else body.event_date.replace(tzinfo=timezone.utc)
    price, more = t.Money(body.price, "NGN"), body.model_dump(exclude={"event_date", "price"})
    return event_out(await tickets.create_event(organizer=user.principal, starts_at=starts_at, price=price, **more))


@app.get("/events/")
async def events(skip: int = 0, limit: Annotated[int, Query(le=1000)] = 100) -> list[dict[str, Any]]:
    return [event_out(event) for event in await tickets.events(skip=skip, limit=limit)]


@app.get("/events/{event_id}")
async def event(event_id: int) -> dict[str, Any]:
    found = await tickets.event(event_id)
    if found.status is t.EventStatus.DRAFT:  # only its organiser may see it
        raise t.NotFound("Event not found")
    return event_out(found)


@app.post("/payments/initialize")
async def initialize(user: User, body: Purchase) -> dict[str, Any]:
    started = await tickets.buy(buyer=user.buyer, event_id=body.event_id, quantity=body.quantity)
    url = started.checkout.url if started.checkout else None
    return {"authorization_url": url, "reference": started.attempt.reference}


@app.get("/payments/verify/{reference}")
async def verify(user: User, reference: str) -> JSONResponse:
    match await tickets.verify(actor=user.principal, reference=reference):
        case t.Fulfilled(tickets=bought, first=first):
            message = "Payment verified successfully" if first else "Payment already verified"
            return JSONResponse({"message": message, "tickets": [ticket_out(ticket) for ticket in bought]})
        case t.PaymentOpen():
            return JSONResponse({"detail": "The payment is still open"}, 202)
        case _:
            return JSONResponse({"detail": "Payment verification failed"}, 400)


@app.post("/payments/webhooks/{gateway}")
async def webhook(gateway: str, request: Request) -> dict[str, str]:
    await tickets.receive_webhook(gateway, headers=request.headers.raw, body=await request.body())
    return {"status": "received"}


@app.get("/tickets/my-tickets")
async def my_tickets(user: User) -> list[dict[str, Any]]:
    return [ticket_out(ticket) for ticket in await tickets.tickets(actor=user.principal)]


@app.get("/tickets/{code}")
async def ticket(code: str) -> dict[str, Any]:
    return ticket_out(await tickets.ticket_by_code(code))


@app.get("/tickets/{code}/qr.png")
async def qr(code: str) -> Response:
    return Response((await tickets.ticket_by_code(code)).qr_png(), media_type="image/png")


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}
