"""Shared fixtures: a shop with an event of three tickets at NGN 5,000, on every storage."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ticketing_py import AsyncTicketing, Buyer, Event, MemoryMailer, MemoryStorage, Money, Principal, Ticketing
from ticketing_py.testing import FakeGateway

NEXT_YEAR = datetime(2099, 12, 31, 20, tzinfo=timezone.utc)
CLUB = Principal.external("club")
SECRET = "only for tests: at least 32 bytes of it"


def buyer(name: str) -> Buyer:
    return Buyer(who=Principal.external(name), email=f"{name}@example.com")


ADA = buyer("ada")


@dataclass
class Shop:
    """Both facades on the same storage."""

    sync: Ticketing
    aio: AsyncTicketing
    gateway: FakeGateway
    mails: MemoryMailer
    event: Event

    def pay(self, reference: str) -> None:
        self.gateway.pay(reference)


def missing(what: str) -> None:
    """Skips the test. Fails it in CI, where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a temporary PostgreSQL server. Without PostgreSQL, the tests are skipped."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        missing("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="ticketing-py-"))
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    bin_ = programs[-1].parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    subprocess.run([*user, bin_ / "initdb", "-D", data, "-A", "trust", "-U", "t"], check=True, capture_output=True)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    pg_ctl = [*user, bin_ / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    subprocess.run([*pg_ctl, "-o", options, "start"], check=True, capture_output=True)
    yield f"postgres://t@127.0.0.1:{port}"
    subprocess.run([*pg_ctl, "-m", "immediate", "stop"], check=True, capture_output=True)
    shutil.rmtree(folder)


def make_shop(storage: object, capacity: int | None = 3) -> Shop:
    gateway, mails = FakeGateway(), MemoryMailer()
    options = {"gateway": gateway, "mailer": mails, "token_secret": SECRET, "mail_domain": "example.com"}
    sync = Ticketing(storage, **options)  # type: ignore[arg-type]
    aio = AsyncTicketing(storage, **options)  # type: ignore[arg-type]
    event = sync.create_event(
        organizer=CLUB,
        title="Jazz night",
        starts_at=NEXT_YEAR,
        location="Lagos",
        price=Money("5000.00", "NGN"),
        capacity=capacity,
    )
    return Shop(sync, aio, gateway, mails, event)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    match request.param:
        case "memory":
            return MemoryStorage()
        case "sqlite":
            return tmp_path / "tickets.db"
        case _:
            server = request.getfixturevalue("postgres")
            name = f"t{uuid.uuid4().hex}"
            subprocess.run(["createdb", "--maintenance-db", f"{server}/postgres", name], check=True)
            return f"{server}/{name}"


@pytest.fixture
def shop(storage: object) -> Iterator[Shop]:
    shop = make_shop(storage)
    yield shop
    shop.sync.close()


@pytest.fixture
def small() -> Iterator[Shop]:
    """The same in memory, for tests that do not depend on the storage."""
    shop = make_shop(MemoryStorage())
    yield shop
    shop.sync.close()
