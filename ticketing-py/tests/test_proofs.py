"""Proofs by mail: verifying an address, a new password, a new address. And the settings about accounts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
import ticketing_py as t
from conftest import NEXT_YEAR, SECRET, Shop
from test_sales import code_of
from ticketing_py.testing import ManualClock

PASSWORD = "correct horse battery"
NEW = "staple battery horse"
TOKEN = re.compile(r"tkp_\d+_\w+")


def account(shop: Shop, name: str) -> t.Account:
    return shop.sync.register(email=f"{name}@example.com", name=name, password=PASSWORD, username=name)


def tokens(shop: Shop, to: str) -> list[str]:
    """The tokens that were mailed to an address."""
    shop.sync.run_upkeep()
    return [token for mail in shop.mails.sent_to(to) for token in TOKEN.findall(mail.text)]


def recovery_codes(shop: Shop, of: t.Account) -> tuple[str, ...]:
    """Gives an account a second factor."""
    shop.sync.mark_verified(of.id)
    begun = shop.sync.begin_second_factor(of.id, password=PASSWORD, issuer="Club")
    return shop.sync.confirm_second_factor(of.id, code=code_of(begun.secret))


def test_an_address_is_verified_with_the_token_that_was_mailed_to_it(shop: Shop) -> None:
    sync, ada = shop.sync, account(shop, "ada")
    assert not ada.is_verified and tokens(shop, ada.email) == []
    sync.send_verification(ada.id)
    (token,) = tokens(shop, ada.email)
    opened = t.ProofState(purpose=t.ProofPurpose.VERIFY_EMAIL, is_open=True)
    assert sync.proof(token) == opened == sync.proof(token), "looking uses nothing up"
    sync.send_verification(ada.id)
    first, second = tokens(shop, ada.email)
    assert first == token != second and sync.proof(first) == sync.proof(second) == opened
    for other in (sync.confirm_email, sync.undo_email_change, lambda token: sync.reset_password(token, password=NEW)):
        with pytest.raises(t.ProofUnknown):
            other(token)
    verified = sync.verify_email(token)
    assert verified.is_verified and verified.id == ada.id
    with pytest.raises(t.ProofUnknown):
        sync.verify_email(token)
    used = sync.proof(token)
    assert used is not None and not used.is_open
    sync.send_verification(ada.id)
    assert len(tokens(shop, ada.email)) == 2, "a verified address gets no mail"


def test_wrong_tokens_and_accounts_are_unknown(small: Shop) -> None:
    sync, ada = small.sync, account(small, "ada")
    sync.send_verification(ada.id)
    (token,) = tokens(small, ada.email)
    symbol = "0" if token[-1] != "0" else "1"
    for wrong in ("", "nonsense", "tkp_1_", token[:-1], token[:-1] + symbol, token.replace("tkp_", "tkp_9")):
        assert sync.proof(wrong) is None
        with pytest.raises(t.ProofUnknown):
            sync.verify_email(wrong)
        with pytest.raises(t.ProofUnknown):
            sync.reset_password(wrong, password=NEW)
    with pytest.raises(t.NotFound):
        sync.send_verification(ada.id + 1)
    with pytest.raises(t.NotFound):
        sync.change_password(ada.id + 1, current=PASSWORD, new=NEW)
    with pytest.raises(t.NotFound):
        sync.change_email(ada.id + 1, password=PASSWORD, email="new@example.com")
    with pytest.raises(TypeError):
        sync.proof(7)  # type: ignore[arg-type]


def test_a_forgotten_password_is_replaced(shop: Shop) -> None:
    sync, ada = shop.sync, account(shop, "ada")
    session = sync.login(name=ada.email, password=PASSWORD)
    sync.forgot_password(ada.email)
    (replaced,) = tokens(shop, ada.email)
    sync.forgot_password("ADA@example.com")
    (token,) = (each for each in tokens(shop, ada.email) if each != replaced)
    with pytest.raises(t.ProofUnknown):
        sync.reset_password(replaced, password=NEW)
    with pytest.raises(t.InvalidRequest) as short:
        sync.reset_password(token, password="short")
    assert [fault.field for fault in short.value.fields] == ["password"]
    changed = sync.reset_password(token, password=NEW)
    assert changed.is_verified and changed.username is None, "who registered the address had chosen it"
    with pytest.raises(t.ProofUnknown):
        sync.reset_password(token, password=PASSWORD)
    with pytest.raises(t.Unauthenticated):
        sync.authenticate(session.token)
    with pytest.raises(t.Unauthenticated):
        sync.login(name=ada.email, password=PASSWORD)
    assert sync.login(name=ada.email, password=NEW).account == changed
    assert len(tokens(shop, ada.email)) == 2 and len(shop.mails.sent_to(ada.email)) == 3, "it was told by mail"


def test_nobody_learns_who_has_an_account(small: Shop) -> None:
    sync = small.sync
    for email in ("nobody@example.com", account(small, "ada").email):
        for _ in range(3):
            sync.forgot_password(email)
        with pytest.raises(t.TooManyProofs) as refused:
            sync.forgot_password(email)
        assert refused.value.again_at > datetime.now(timezone.utc)
    assert tokens(small, "nobody@example.com") == [] and len(tokens(small, "ada@example.com")) >= 1
    with pytest.raises(t.InvalidRequest):
        sync.forgot_password("no address")


def test_a_password_is_changed(shop: Shop) -> None:
    sync, ada = shop.sync, account(shop, "ada")
    before = sync.login(name=ada.email, password=PASSWORD)
    with pytest.raises(t.Unauthenticated):
        sync.change_password(ada.id, current="wrong", new=NEW)
    with pytest.raises(t.InvalidRequest):
        sync.change_password(ada.id, current=PASSWORD, new="password123")
    session = sync.change_password(ada.id, current=PASSWORD, new=NEW, client="Firefox on Windows")
    assert sync.authenticate(session.token).id == ada.id
    with pytest.raises(t.Unauthenticated):
        sync.authenticate(before.token)
    assert [one.client for one in sync.sessions(ada.id)] == ["Firefox on Windows"]
    with pytest.raises(t.Unauthenticated):
        sync.change_password(ada.id, current=PASSWORD, new=NEW)


def test_a_changed_password_and_address_need_a_code_of_the_second_factor(shop: Shop) -> None:
    sync, ada = shop.sync, account(shop, "ada")
    codes = recovery_codes(shop, ada)
    with pytest.raises(t.InvalidRequest) as missing:
        sync.change_password(ada.id, current=PASSWORD, new=NEW)
    assert [fault.field for fault in missing.value.fields] == ["code"]
    with pytest.raises(t.SecondFactorWrong):
        sync.change_password(ada.id, current=PASSWORD, new=NEW, code="wrong")
    assert sync.change_password(ada.id, current=PASSWORD, new=NEW, code=codes[0]).account.has_second_factor
    with pytest.raises(t.InvalidRequest):
        sync.change_email(ada.id, password=NEW, email="new@example.com")
    with pytest.raises(t.SecondFactorWrong):
        sync.change_email(ada.id, password=NEW, email="new@example.com", code=codes[0])
    sync.change_email(ada.id, password=NEW, email="new@example.com", code=codes[1])
    (token,) = tokens(shop, "new@example.com")
    assert sync.confirm_email(token).email == "new@example.com"


def test_an_address_is_changed_and_the_change_undone(shop: Shop) -> None:
    sync, ada, eve = shop.sync, account(shop, "ada"), account(shop, "eve")
    session = sync.login(name=ada.email, password=PASSWORD)
    with pytest.raises(t.EmailTaken):
        sync.change_email(ada.id, password=PASSWORD, email=eve.email)
    with pytest.raises(t.Unauthenticated):
        sync.change_email(ada.id, password="wrong", email="new@example.com")
    for email in (ada.email, "no address"):
        with pytest.raises(t.InvalidRequest):
            sync.change_email(ada.id, password=PASSWORD, email=email)
    sync.change_email(ada.id, password=PASSWORD, email="other@example.com")
    (replaced,) = tokens(shop, "other@example.com")
    sync.change_email(ada.id, password=PASSWORD, email="new@example.com")
    with pytest.raises(t.ProofUnknown):
        sync.confirm_email(replaced)
    (token,) = tokens(shop, "new@example.com")
    assert sync.authenticate(session.token).email == ada.email
    changed = sync.confirm_email(token)
    assert (changed.email, changed.is_verified) == ("new@example.com", True)
    assert sync.authenticate(session.token) == changed, "sessions go on"
    with pytest.raises(t.ProofUnknown):
        sync.confirm_email(token)

    (undo,) = tokens(shop, ada.email)
    assert sync.proof(undo) == t.ProofState(purpose=t.ProofPurpose.UNDO_EMAIL, is_open=True)
    with pytest.raises(t.EmailTaken):
        account(shop, "ada")
    assert sync.undo_email_change(undo).email == ada.email
    for name in (ada.email, "new@example.com"):
        with pytest.raises(t.Unauthenticated):
            sync.login(name=name, password=PASSWORD)
    with pytest.raises(t.ProofUnknown):
        sync.undo_email_change(undo)
    (reset,) = (each for each in tokens(shop, ada.email) if each != undo)
    sync.reset_password(reset, password=NEW)
    assert sync.login(name=ada.email, password=NEW).account.id == ada.id


async def test_proofs_with_asyncio(small: Shop) -> None:
    aio = small.aio
    ada = await aio.register(email="ada@example.com", name="Ada", password=PASSWORD)
    await aio.send_verification(ada.id)
    (token,) = tokens(small, ada.email)
    assert (await aio.verify_email(token)).is_verified
    await aio.forgot_password(ada.email)
    _, token = tokens(small, ada.email)
    state = await aio.proof(token)
    assert state is not None and state.purpose is t.ProofPurpose.RESET_PASSWORD
    await aio.reset_password(token, password=NEW)
    session = await aio.change_password(ada.id, current=NEW, new=PASSWORD)
    assert await aio.authenticate(session.token) == session.account
    await aio.change_email(ada.id, password=PASSWORD, email="new@example.com")
    (token,) = tokens(small, "new@example.com")
    assert (await aio.confirm_email(token)).email == "new@example.com"
    undo = tokens(small, ada.email)[-1]
    assert (await aio.undo_email_change(undo)).email == ada.email
    with pytest.raises(t.ProofUnknown):
        await aio.undo_email_change(undo)


def test_mails_link_to_the_page_that_takes_the_token_until_it_expires() -> None:
    clock, mails = ManualClock(datetime(2030, 1, 1, tzinfo=timezone.utc)), t.MemoryMailer()
    sync = t.Ticketing(
        t.MemoryStorage(), mailer=mails, token_secret=SECRET, clock=clock, proof_url="https://tickets.example.com/proof"
    )
    ada = sync.register(email="ada@example.com", name="Ada", password=PASSWORD)
    sync.forgot_password(ada.email)
    sync.run_upkeep()
    (mail,) = mails.sent_to(ada.email)
    found = re.search(r"https://tickets\.example\.com/proof\?token=(tkp_\w+)", mail.text)
    assert found is not None
    state = sync.proof(found[1])
    assert state is not None and state.is_open
    clock.advance(timedelta(minutes=31))
    assert sync.proof(found[1]) == t.ProofState(purpose=t.ProofPurpose.RESET_PASSWORD, is_open=False)
    with pytest.raises(t.ProofUnknown):
        sync.reset_password(found[1], password=NEW)
    sync.close()


def test_keys_of_a_sandbox_are_not_valid_elsewhere() -> None:
    storage = t.MemoryStorage()
    sandbox = t.Ticketing(storage, token_secret=SECRET, test_keys=True)
    live = t.Ticketing(storage, token_secret=SECRET)
    ada = sandbox.register(email="ada@example.com", name="Ada", password=PASSWORD)
    made = sandbox.make_api_key(maker_id=ada.id, password=PASSWORD, name="Shop", permissions=[t.Permission.VIEW])
    other = live.make_api_key(maker_id=ada.id, password=PASSWORD, name="Shop", permissions=[t.Permission.VIEW])
    assert made.token.startswith("tk_test_") and other.token.startswith("tk_live_")
    assert sandbox.authenticate_caller(made.token).who == made.key.principal
    for engine, token in ((live, made.token), (sandbox, other.token)):
        with pytest.raises(t.Unauthenticated):
            engine.authenticate_caller(token)


def test_only_verified_accounts_sell_if_the_application_says_so(small: Shop) -> None:
    strict = t.Ticketing(t.MemoryStorage(), token_secret=SECRET, verified_organizers=True)
    for engine, is_draft in ((small.sync, False), (strict, True)):
        ada = engine.register(email="ada@example.com", name="Ada", password=PASSWORD)
        event = engine.create_event(
            organizer=ada.principal, title="Soul", starts_at=NEXT_YEAR, location="Lagos", price=t.Money(5, "NGN")
        )
        assert (event.status is t.EventStatus.DRAFT) == is_draft
    with pytest.raises(t.EmailUnverified):
        strict.publish_event(actor=ada.principal, event_id=event.id)
    strict.mark_verified(ada.id)
    assert strict.publish_event(actor=ada.principal, event_id=event.id).status is t.EventStatus.ACTIVE


def test_members_need_a_verified_address_unless_the_application_says_otherwise(small: Shop) -> None:
    lenient = t.Ticketing(t.MemoryStorage(), token_secret=SECRET, unproved_members=True)
    with pytest.raises(t.EmailUnverified):
        small.sync.found_organisation(founder_id=account(small, "ada").id, name="Band")
    ada = lenient.register(email="ada@example.com", name="Ada", password=PASSWORD)
    assert lenient.found_organisation(founder_id=ada.id, name="Band").founder_id == ada.id


def test_an_address_is_verified_by_a_code(shop: Shop) -> None:
    sync, ada = shop.sync, account(shop, "ada")
    asked = sync.send_code(ada.id)
    assert asked is not None and asked.challenge.startswith("tkc_") and "tkc_" not in repr(asked)
    sync.run_upkeep()
    (mail,) = shop.mails.sent_to(ada.email)
    (code,) = re.findall(r"^\d{6}$", mail.text, re.MULTILINE)
    with pytest.raises(t.InvalidRequest):
        sync.verify_email_by_code(asked.challenge, "12345")
    with pytest.raises(t.ProofUnknown):
        sync.verify_email_by_code("tkc_1_nonsense", code)
    with pytest.raises(t.MailCodeWrong) as wrong:
        sync.verify_email_by_code(asked.challenge, "000000" if code != "000000" else "000001")
    assert wrong.value.left == 4
    assert sync.verify_email_by_code(asked.challenge, code).is_verified
    with pytest.raises(t.ProofUnknown):
        sync.verify_email_by_code(asked.challenge, code)
    assert sync.send_code(ada.id) is None, "it is verified"
