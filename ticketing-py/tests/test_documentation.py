"""Every example in the documentation works."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
import ticketing_py
from conftest import ADA, CLUB, NEXT_YEAR, SECRET, buyer
from ticketing_py import AsyncTicketing, MemoryMailer, MemoryStorage, Money, Ticketing
from ticketing_py.testing import FakeGateway

PACKAGE = Path(ticketing_py.__file__).parent
HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def modules() -> Iterator[ModuleType]:
    for name in MODULES:
        yield ticketing_py if name == "__init__" else importlib.import_module(f"ticketing_py.{name}")


def world(is_async: bool) -> dict[str, object]:
    """The names that the examples can use."""
    storage, gateway = MemoryStorage(), FakeGateway()
    shop = Ticketing(storage, gateway=gateway, token_secret=SECRET)
    event = shop.create_event(
        organizer=CLUB, title="Jazz night", starts_at=NEXT_YEAR, location="Lagos", price=Money(5000, "NGN"), capacity=4
    )
    grace = buyer("grace")
    started = shop.buy(buyer=grace, event_id=event.id)
    gateway.pay(started.attempt.reference)
    shop.verify(actor=grace.who, reference=started.attempt.reference)
    tickets = AsyncTicketing(storage, gateway=gateway, token_secret=SECRET) if is_async else shop
    known = {"tickets": tickets, "gateway": gateway, "event": event, "ada": ADA, "grace": grace, "club": CLUB}
    return {**vars(ticketing_py), **known, "next_year": NEXT_YEAR}


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for module in modules() for test in finder.find(module) if test.examples]


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_docstring_example(test: doctest.DocTest) -> None:
    loop = asyncio.new_event_loop()
    is_async = any("await " in example.source for example in test.examples)
    for example in test.examples:
        # The prompt of `python -m asyncio` accepts it as it is.
        example.source = re.sub(r"\bawait (\w[\w.]*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))", r"run(\1)", example.source)
    test.globs = {**world(is_async), "run": loop.run_until_complete}
    output: list[str] = []
    flags = doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE
    failed = doctest.DocTestRunner(optionflags=flags).run(test, out=output.append)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert failed.failed == 0, "".join(output)


def test_docstring_examples_are_found() -> None:
    assert len(examples()) > 15


def block(text: str, mark: str) -> str:
    _, _, rest = text.partition(mark)
    _, _, rest = rest.partition("```python\n")
    return rest.partition("```")[0]


@pytest.mark.parametrize("readme", [ROOT / "README.md", HERE.parent / "README.md"], ids=["workspace", "package"])
def test_readme_script_runs(readme: Path, tmp_path: Path) -> None:
    script = block(readme.read_text(), "<!-- ticketing-py/tests/test_documentation.py runs this script. -->")
    assert 0 < len(script.splitlines()) <= 20
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ticket.png").read_bytes().startswith(b"\x89PNG") and (tmp_path / "tickets.db").exists()


def test_readme_section_on_editing_events_runs() -> None:
    names = world(is_async=False)
    names |= {"shop": names["tickets"], "band": CLUB, "soon": NEXT_YEAR, "price": Money(5000, "NGN")}
    exec(block((HERE.parent / "README.md").read_text(), "## Editing events"), names)
    event = names["event"]
    assert isinstance(event, ticketing_py.Event)
    assert [(one.name, one.stock.capacity) for one in event.ticket_types] == [("Stalls", 350), ("Box", 8)]
    assert event.rules == ticketing_py.SalesRules(sales_until=NEXT_YEAR, max_per_order=6)


def test_readme_section_on_promo_codes_runs() -> None:
    names = world(is_async=False)
    names |= {"shop": names["tickets"], "band": CLUB}
    exec(block((HERE.parent / "README.md").read_text(), "## Promo codes"), names)
    code, order, guests = names["code"], names["order"], names["guests"]
    assert isinstance(code, ticketing_py.PromoCode) and isinstance(order, ticketing_py.Order)
    assert (order.total, code.version) == (Money(8000, "NGN"), 2) and isinstance(guests, list) and len(guests) == 20


def test_readme_section_on_series_runs() -> None:
    names = world(is_async=False) | {"timedelta": timedelta}
    names |= {"shop": names["tickets"], "band": CLUB, "soon": NEXT_YEAR, "price": Money(5000, "NGN")}
    exec(block((HERE.parent / "README.md").read_text(), "## Series"), names)
    series, copies = names["series"], names["copies"]
    assert isinstance(series, ticketing_py.Page) and isinstance(copies, list)
    assert len(series) == len(copies) + 1 == 54 and list(series)[1:] == copies


def test_readme_section_on_attendees_runs() -> None:
    names = world(is_async=False)
    names |= {"shop": names["tickets"], "band": CLUB, "soon": NEXT_YEAR}
    exec(block((HERE.parent / "README.md").read_text(), "## Attendees"), names)
    rows, message = names["rows"], names["message"]
    assert isinstance(rows, list) and isinstance(message, ticketing_py.Message)
    assert [(row["name"], row["status"], row["answer_diet"]) for row in rows] == [
        (None, "transferred", None),
        ("Zoë", "active", "nuts"),
    ]


def test_readme_section_on_accounts_runs() -> None:
    mails, readme = MemoryMailer(), (HERE.parent / "README.md").read_text()
    names = {**vars(ticketing_py), "storage": MemoryStorage(), "mailer": mails, "secret": SECRET}
    exec(block(readme, "## Accounts"), names)
    shop, press_button = names["shop"], names["press_button"]
    assert isinstance(shop, Ticketing) and callable(press_button)
    shop.run_upkeep()
    (token,) = re.findall(r"https://tickets\.example\.com/proof\?token=(tkp_\w+)", mails.sent()[0].text)
    assert press_button(token) == "ada@example.com is yours."
    assert press_button(token) == "This link was used, or is too old."

    admin = shop.register(email="root@example.com", name="Root", password="correct horse battery")
    shop.set_role(admin.id, role=ticketing_py.Role.ADMIN)
    spammer = shop.register(email="eve@spam.example", name="Eve", password="correct horse battery")
    exec(block(readme, "Administrators, and your application"), names | {"admin": admin})
    assert [one.id for one in shop.accounts(actor=None, is_active=False)] == [spammer.id]


def test_generated_files_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, HERE / "unasync.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_everything_public_has_a_docstring_and_is_exported() -> None:
    for name in ticketing_py.__all__:
        thing = getattr(ticketing_py, name)
        if isinstance(thing, type):
            assert thing.__doc__ and not thing.__doc__.startswith(f"{name}("), name
    for error in vars(ticketing_py.errors).values():
        if isinstance(error, type) and issubclass(error, ticketing_py.TicketingError):
            assert getattr(ticketing_py, error.__name__) is error


def test_version_equals_the_workspace_version() -> None:
    import importlib.metadata

    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert ticketing_py.__version__ == version == importlib.metadata.version("ticketing-py")


def test_package_has_licences_readme_and_types() -> None:
    import importlib.metadata

    package = importlib.metadata.distribution("ticketing-py")
    files = {path.name for path in package.files or []}
    assert {"LICENSE-MIT", "LICENSE-APACHE"} <= files
    assert package.metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert "Write a payment gateway" in (package.metadata.get_payload() or "")
    assert {path.name for path in PACKAGE.iterdir()} >= {"py.typed", "_native.pyi"}
    for licence in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert (HERE.parent / licence).read_bytes() == (ROOT / licence).read_bytes()
