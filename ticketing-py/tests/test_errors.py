"""Exceptions and values."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
import ticketing_py as t
from conftest import ADA, CLUB, NEXT_YEAR, Shop, buyer, make_shop
from ticketing_py import _native


def test_a_refusal_has_code_facts_and_retryable(small: Shop) -> None:
    with pytest.raises(t.SoldOut) as caught:
        small.sync.hold(buyer=ADA, event_id=small.event.id, quantity=4)
    error = caught.value
    assert isinstance(error, t.Refused) and isinstance(error, t.TicketingError)
    assert (error.code, error.available, error.retryable, error.retry_after) == ("sold_out", 3, False, None)
    assert error.ticket_type_id == small.event.ticket_types[0].id and str(error) == "Event sold out"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is t.SoldOut and again.available == 3 and str(again) == str(error)
    assert copy.copy(error).facts == error.facts


def test_every_refusal_has_its_own_class() -> None:
    every = _native._every_refusal()
    assert len(every) >= 28
    assert len({type(one) for one in every}) == len(every)
    for one in every:
        assert type(one) is not t.Refused and type(one).code == one.code
        for name in vars(type(one)):
            if not name.startswith("_"):
                getattr(one, name)


def test_all_invalid_fields_are_reported(small: Shop) -> None:
    with pytest.raises(t.InvalidRequest) as caught:
        small.sync.create_event(
            organizer=CLUB, title=" ", starts_at=NEXT_YEAR, location="", price=t.Money(1, "NGN"), capacity=0
        )
    assert [fault.field for fault in caught.value.fields] == ["title", "location", "capacity"]
    assert isinstance(caught.value, ValueError) and caught.value.code == "invalid"


def test_an_event_in_the_past_is_rejected(small: Shop) -> None:
    with pytest.raises(t.InvalidRequest, match="event_date: must not be in the past"):
        small.sync.create_event(
            organizer=CLUB, title="Late", starts_at=datetime(2000, 1, 1, tzinfo=timezone.utc), location="Lagos",
            price=t.Money(1, "NGN"),
        )


def test_invalid_arguments_raise_before_the_engine_is_called(small: Shop) -> None:
    hold = small.sync.hold
    with pytest.raises(t.InvalidRequest, match=r"quantity: must be at least 0 \(got -1\)"):
        hold(buyer=ADA, event_id=small.event.id, quantity=-1)
    with pytest.raises(t.InvalidRequest, match=r"quantity: must be less than 4294967296 \(got 4294967296\)"):
        hold(buyer=ADA, event_id=small.event.id, quantity=2**32)
    with pytest.raises(t.InvalidRequest, match=r"limit: must be at least 0 \(got -1\)"):
        small.sync.events(limit=-1)
    with pytest.raises(t.InvalidRequest):
        hold(buyer=ADA, event_id=small.event.id, quantity=0)
    with pytest.raises(t.InvalidRequest, match="lines: must not be given together with quantity"):
        hold(buyer=ADA, event_id=small.event.id, quantity=1, lines=[])
    with pytest.raises(t.InvalidRequest):
        hold(buyer=ADA, event_id=small.event.id, reference="no blanks, please")
    with pytest.raises(t.InvalidRequest):
        hold(buyer=t.Buyer(who=ADA.who, email="nobody"), event_id=small.event.id)
    with pytest.raises(t.InvalidRequest, match=r"must be timezone-aware, such as datetime\.now\(timezone\.utc\)"):
        small.sync.events(starts_from=datetime(2099, 1, 1))
    with pytest.raises(t.InvalidRequest):
        small.sync.ticket_by_code("not a code")
    with pytest.raises(TypeError, match=r"must be a Buyer \(got str\)"):
        hold(buyer="ada", event_id=small.event.id)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        hold(ADA, small.event.id)  # type: ignore[misc]
    with pytest.raises(t.EventUnknown) as unknown:
        hold(buyer=ADA, event_id=999)
    assert unknown.value.event_id == 999


def test_what_belongs_to_somebody_else_is_not_found(small: Shop) -> None:
    order = small.sync.hold(buyer=ADA, event_id=small.event.id)
    with pytest.raises(t.NotFound) as caught:
        small.sync.order(actor=buyer("eve").who, reference=order.reference)
    assert caught.value.facts["what"] == "Order"
    with pytest.raises(t.Forbidden):
        small.sync.cancel_event(actor=ADA.who, event_id=small.event.id)


def test_gateway_errors_have_classes() -> None:
    # An unknown outcome keeps its tickets held, so the event needs unlimited capacity.
    shop = make_shop(t.MemoryStorage(), capacity=None)
    shop.gateway.fail_next_open(t.GatewayRateLimited(retry_after=7))
    with pytest.raises(t.GatewayRateLimited) as limited:
        shop.sync.buy(buyer=ADA, event_id=shop.event.id)
    assert limited.value.code == "gateway_busy" and limited.value.retry_after == 7 and limited.value.retryable
    shop.gateway.fail_next_open(t.GatewayRejected(facts={"gateway_code": "nope"}))
    with pytest.raises(t.GatewayRejected) as rejected:
        shop.sync.buy(buyer=ADA, event_id=shop.event.id)
    assert rejected.value.facts["gateway_code"] == "nope" and not rejected.value.retryable
    for error in (
        t.GatewayNotSent,
        t.GatewayOutcomeUnknown,
        t.GatewayUnavailable,
        t.GatewayAuth,
        t.GatewayMalformed,
        t.GatewayUnsupported,
    ):
        shop.gateway.fail_next_open(error())
        with pytest.raises(error):
            shop.sync.buy(buyer=buyer(error.kind), event_id=shop.event.id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hold_for": timedelta(seconds=1)},
        {"mail_domain": "not a domain"},
        {"token_secret": "short"},
        {"token_secret": b"x" * 32, "token_lifetime": timedelta(seconds=1)},
    ],
)
def test_invalid_configuration_raises_in_the_constructor(wrong: dict[str, object]) -> None:
    with pytest.raises(t.ConfigurationError):
        t.Ticketing(t.MemoryStorage(), **wrong)  # type: ignore[arg-type]


def test_secrets_are_in_no_repr_and_no_message() -> None:
    with pytest.raises(t.ConfigurationError) as caught:
        t.PaystackGateway("pk_test_s3cr3t")
    assert "s3cr3t" not in str(caught.value)
    paystack = t.PaystackGateway("sk_test_s3cr3t", base_url="http://localhost:1/sandbox/paystack")
    smtp = t.SmtpMailer("localhost", sender="Box <box@example.com>", security="plain", user="u", password="s3cr3t")
    postgres = t.PostgresStorage("postgres://u:s3cr3t@localhost/db")
    engine = t.Ticketing(postgres, gateway=paystack, mailer=smtp)
    assert "s3cr3t" not in f"{paystack!r}{smtp!r}{postgres!r}{engine!r}"
    assert (paystack.name, paystack.mode) == ("paystack", t.Mode.TEST)
    with pytest.raises(t.ConfigurationError):
        t.SmtpMailer("mail.example.com", sender="nobody")
    with pytest.raises(ValueError, match=r"security: must be 'starttls', 'tls' or 'plain' \(got .none.\)"):
        t.SmtpMailer("mail.example.com", sender="b@example.com", security="none")  # type: ignore[arg-type]


def test_an_unreachable_storage_is_retryable(tmp_path: object) -> None:
    nowhere = t.Ticketing("postgres://nobody@127.0.0.1:1/nothing")
    with pytest.raises(t.StorageError) as caught:
        nowhere.categories()
    assert caught.value.retryable and "127.0.0.1" not in str(caught.value)


def test_calls_after_close_raise_closed(small: Shop) -> None:
    small.sync.close()
    small.sync.close()
    with pytest.raises(t.Closed):
        small.sync.categories()


def test_values_are_frozen_comparable_hashable_copyable_and_picklable(small: Shop) -> None:
    started = small.sync.buy(buyer=ADA, event_id=small.event.id)
    small.gateway.pay(started.attempt.reference)
    paid = small.sync.verify(actor=ADA.who, reference=started.attempt.reference)
    for value in (small.event, started, paid, small.sync.payment(actor=CLUB, reference=started.order.reference)):
        assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value)
        assert hash(copy.copy(value)) == hash(value)
        with pytest.raises(AttributeError):
            setattr(value, dataclasses.fields(value)[0].name, None)
    assert isinstance(paid, t.Fulfilled)
    # Secrets and addresses stay out of logs.
    assert paid.tickets[0].code not in repr(paid) and ADA.email not in repr(paid)
    assert paid.tickets[0].issued_at.tzinfo is timezone.utc
    assert paid.tickets[0].status in {"active"} and f"{paid.tickets[0].status}" == "active"


def test_money_is_exact() -> None:
    assert t.Money(Decimal("1E+3"), "NGN") == t.Money("1000.00", "NGN") == t.Money(1000, "NGN")
    assert str(t.Money("5", "JPY")) == "JPY 5" and t.Money("1.5", "KWD").amount.as_tuple().exponent == -3
    for amount, currency in (("1.001", "NGN"), ("-1", "NGN"), ("NaN", "NGN"), ("1", "XXX"), ("1", "ngn")):
        with pytest.raises(t.InvalidRequest):
            t.Money(amount, currency)
    for amount in (1.0, True, None):
        with pytest.raises(TypeError):
            t.Money(amount, "NGN")  # type: ignore[arg-type]
