"""Administration: finding accounts, making administrators, stopping abusers, and what the audit log says of it."""

from __future__ import annotations

import pytest
import ticketing_py as t
from conftest import CLUB, Shop
from test_proofs import PASSWORD, account, recovery_codes


def admin(shop: Shop, name: str = "root") -> t.Account:
    made = account(shop, name)
    return shop.sync.administer_account(actor=None, account_id=made.id, role=t.Role.ADMIN)


def test_administrators_and_the_operator_find_accounts(shop: Shop) -> None:
    sync, root, ada, eve = shop.sync, admin(shop), account(shop, "ada"), account(shop, "eve")
    for actor in (None, root.principal):
        assert [one.id for one in sync.accounts(actor=actor)] == [root.id, ada.id, eve.id]
        first = sync.accounts(actor=actor, limit=2, count=True)
        assert first.items == (root, ada) and first.more and first.total == 3
        assert sync.accounts(actor=actor, skip=2).items == (eve,)
        assert sync.accounts(actor=actor, text="ADA@exam").items == (ada,)
        assert sync.accounts(actor=actor, text="ev").items == (eve,)
        assert sync.accounts(actor=actor, role=t.Role.ADMIN).items == (root,)
        assert sync.accounts(actor=actor, role=t.Role.ADMIN, is_active=False).items == ()
        assert sync.account(actor=actor, account_id=eve.id) == eve
        with pytest.raises(t.NotFound):
            sync.account(actor=actor, account_id=eve.id + 1)
    with pytest.raises(t.InvalidRequest):
        sync.accounts(actor=None, limit=1001)
    with pytest.raises(t.InvalidRequest):
        sync.accounts(actor=None, text="x" * 201)
    with pytest.raises(TypeError):
        sync.accounts(actor="root")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        sync.accounts()  # type: ignore[call-arg]


def test_others_may_not(shop: Shop) -> None:
    sync, root, ada = shop.sync, admin(shop), account(shop, "ada")
    key = sync.make_api_key(maker_id=root.id, password=PASSWORD, name="Shop", permissions=[t.Permission.VIEW]).key
    for actor in (ada.principal, CLUB, key.principal):
        with pytest.raises(t.Forbidden):
            sync.accounts(actor=actor)
        with pytest.raises(t.Forbidden):
            sync.account(actor=actor, account_id=ada.id)
        with pytest.raises(t.Forbidden):
            sync.administer_account(actor=actor, account_id=ada.id, role=t.Role.ADMIN)
        with pytest.raises(t.Forbidden):
            sync.audit_of_account(actor=actor, account_id=ada.id)
    assert sync.account(actor=None, account_id=ada.id).role is t.Role.MEMBER


def test_an_account_is_disabled_for_a_reason_and_enabled_again(shop: Shop) -> None:
    sync, root, ada = shop.sync, admin(shop), account(shop, "ada")
    session = sync.login(name=ada.email, password=PASSWORD)
    disabled = sync.administer_account(
        actor=root.principal, account_id=ada.id, is_active=False, reason="  Sells forged tickets "
    )
    assert (disabled.is_active, disabled.disabled_reason) == (False, "Sells forged tickets")
    assert "forged" not in repr(disabled)
    assert sync.accounts(actor=root.principal, is_active=False).items == (disabled,)
    with pytest.raises(t.Unauthenticated):
        sync.authenticate(session.token)
    with pytest.raises(t.Unauthenticated):
        sync.login(name=ada.email, password=PASSWORD)
    again = sync.administer_account(
        actor=root.principal, account_id=ada.id, is_active=False, reason="Sells forged tickets"
    )
    assert again == disabled
    assert sync.administer_account(actor=None, account_id=ada.id, is_active=False) == disabled, "the reason stays"
    removed = sync.administer_account(actor=None, account_id=ada.id, reason=None)
    assert (removed.is_active, removed.disabled_reason) == (False, None)
    for is_active, reason in ((None, "for no change"), (True, "why"), (False, "x" * 501)):
        with pytest.raises(t.InvalidRequest) as caught:
            sync.administer_account(actor=None, account_id=ada.id, is_active=is_active, reason=reason)
        assert [fault.field for fault in caught.value.fields] == ["reason"]
    enabled = sync.administer_account(actor=None, account_id=ada.id, is_active=True)
    assert enabled.is_active
    with pytest.raises(t.Unauthenticated):
        sync.authenticate(session.token)
    lines = sync.audit_of_account(actor=root.principal, account_id=ada.id)
    assert [(one.actor, one.action, one.before, one.after) for one in lines] == [
        (str(root.principal), "account.disabled", "active", "disabled"),
        ("operator", "account.enabled", "disabled", "active"),
    ]
    assert {(one.account_id, one.order_id, one.subject, one.reason) for one in lines} == {(ada.id, None, None, "")}
    assert lines.items[0].id < lines.items[1].id and lines.items[0].at <= lines.items[1].at
    first = sync.audit_of_account(actor=None, account_id=ada.id, limit=1, count=True)
    assert first.items == lines.items[:1] and first.more and first.total == 2
    with pytest.raises(t.NotFound):
        sync.audit_of_account(actor=None, account_id=ada.id + 1)
    with pytest.raises(t.NotFound):
        sync.administer_account(actor=None, account_id=ada.id + 1, is_active=False)


def test_one_active_administrator_stays(small: Shop) -> None:
    sync, root = small.sync, admin(small)
    for wants in ({"role": t.Role.MEMBER}, {"is_active": False}):
        with pytest.raises(t.LastAdmin):
            sync.administer_account(actor=root.principal, account_id=root.id, **wants)  # type: ignore[arg-type]
    with pytest.raises(t.LastAdmin):
        sync.set_role(root.id, role=t.Role.MEMBER)
    with pytest.raises(t.LastAdmin):
        sync.set_active(root.id, active=False)
    second = admin(small, "second")
    demoted = sync.administer_account(actor=second.principal, account_id=root.id, role=t.Role.MEMBER)
    assert demoted.role is t.Role.MEMBER
    with pytest.raises(t.Forbidden):
        sync.accounts(actor=root.principal)
    actions = [line.action for line in sync.audit_of_account(actor=None, account_id=root.id)]
    assert actions == ["account.promoted", "account.demoted"]


def test_sessions_are_ended_and_a_lost_second_factor_removed(shop: Shop) -> None:
    sync, root, ada = shop.sync, admin(shop), account(shop, "ada")
    session = sync.login(name=ada.email, password=PASSWORD)
    sync.administer_account(actor=root.principal, account_id=ada.id, ends_sessions=True)
    with pytest.raises(t.Unauthenticated):
        sync.authenticate(session.token)
    later = sync.login(name=ada.email, password=PASSWORD)
    sync.administer_account(actor=root.principal, account_id=ada.id, ends_sessions=True)
    with pytest.raises(t.Unauthenticated):
        sync.authenticate(later.token)
    recovery_codes(shop, ada)
    with pytest.raises(t.SecondFactorWanted):
        sync.login(name=ada.email, password=PASSWORD)
    for _ in range(2):
        reset = sync.administer_account(actor=root.principal, account_id=ada.id, removes_second_factor=True)
        assert not reset.has_second_factor
    assert sync.login(name=ada.email, password=PASSWORD).account == reset
    actions = [line.action for line in sync.audit_of_account(actor=root.principal, account_id=ada.id)]
    assert actions == ["account.sessions_ended", "account.sessions_ended", "account.second_factor_removed"]
    sync.run_upkeep()
    assert any("second factor" in mail.text for mail in shop.mails.sent_to(ada.email)), "its owner was told"


async def test_administration_with_asyncio(small: Shop) -> None:
    aio, root, ada = small.aio, admin(small), account(small, "ada")
    page = await aio.accounts(actor=root.principal, text="ada")
    assert page.items == (ada,) == ((await aio.account(actor=None, account_id=ada.id)),)
    disabled = await aio.administer_account(actor=root.principal, account_id=ada.id, is_active=False, reason=t.UNSET)
    assert (disabled.is_active, disabled.disabled_reason) == (False, None)
    (line,) = await aio.audit_of_account(actor=root.principal, account_id=ada.id)
    assert isinstance(line, t.AuditLine) and line.action == "account.disabled"
