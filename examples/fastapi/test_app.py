"""A purchase from registration to QR code: the application on uvicorn, a sandbox gateway beside it, httpx as the client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import ticketing_py as t

HERE = Path(__file__).parent
SERVER = Path(os.environ.get("TICKETING_SERVER", HERE.parent.parent / "target/debug/ticketing-http"))


def start(command: list[object], folder: Path, pattern: str, **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    """Starts a server. Returns it and the address that it prints."""
    log = folder / f"{Path(str(command[0])).name}.log"
    with log.open("wb") as out:
        known = {**os.environ, **environment}
        server = subprocess.Popen([str(part) for part in command], cwd=folder, env=known, stdout=out, stderr=out)
    for _ in range(200):
        found = re.search(pattern, re.sub(r"\x1b\[[0-9;]*m", "", log.read_text()))
        if found:
            return server, found[1]
        if server.poll() is not None:
            break
        time.sleep(0.1)
    server.kill()
    pytest.fail(f"{command}: {log.read_text()}")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[str, str]]:
    if not SERVER.exists():
        what = "the sandbox gateway is not built: cargo build -p ticketing-http"
        pytest.fail(what) if os.environ.get("CI") == "true" else pytest.skip(what)
    gateway, gateway_url = start([SERVER, "sandbox"], tmp_path, r"SANDBOX: .* at (http://[0-9a-z.:]+)", PORT="0")
    uvicorn = [sys.executable, "-m", "uvicorn", "--app-dir", HERE, "app:app", "--port", "0", "--no-access-log"]
    app, app_url = start(uvicorn, tmp_path, r"running on (http://[0-9.:]+)", PAYSTACK_BASE_URL=gateway_url)
    yield app_url, gateway_url
    for server in (app, gateway):
        server.terminate()
        assert server.wait(10) in {0, -15}


def test_buying_a_ticket(servers: tuple[str, str], tmp_path: Path) -> None:
    app_url, gateway_url = servers
    with httpx.Client(base_url=app_url) as api:
        assert api.get("/health").json() == {"status": "healthy"}
        ada = {"email": "ada@example.com", "name": "Ada Obi", "password": "correct horse battery"}
        assert api.post("/auth/register", json=ada).status_code == 201
        again = api.post("/auth/register", json=ada)
        assert (again.status_code, again.json()["detail"]) == (400, "Email already registered")
        wrong = api.post("/auth/login", json={"email": ada["email"], "password": "wrong horse battery"})
        assert wrong.status_code == 401
        token = api.post("/auth/login", json={"email": ada["email"], "password": ada["password"]}).json()["access_token"]
        api.headers["Authorization"] = f"Bearer {token}"
        assert api.get("/auth/me").json()["name"] == "Ada Obi"

        jazz = {"title": "Jazz Night", "event_date": "2099-12-31T20:00:00", "location": "Eko", "price": "5000", "capacity": 2}
        event = api.post("/events/", json=jazz).json()
        assert (event["price"], event["capacity"]) == ("5000.00", 2)
        assert [one["title"] for one in api.get("/events/").json()] == ["Jazz Night"]
        assert api.post("/events/", json={**jazz, "title": ""}).json()["code"] == "invalid"
        assert api.get("/events/99").status_code == 404
        with t.Ticketing(tmp_path / "tickets.db") as elsewhere:
            draft = elsewhere.unpublish_event(actor=elsewhere.event(event["id"]).organizer, event_id=event["id"])
            assert api.get(f"/events/{draft.id}").status_code == 404 and api.get("/events/").json() == []
            elsewhere.publish_event(actor=draft.organizer, event_id=draft.id)
        elsewhere.close()
        assert api.get(f"/events/{draft.id}").json() == event

        started = api.post("/payments/initialize", json={"event_id": event["id"]}).json()
        assert started["authorization_url"].startswith(gateway_url)
        reference = started["reference"]
        assert api.get(f"/payments/verify/{reference}").status_code == 202
        sold_out = api.post("/payments/initialize", json={"event_id": event["id"], "quantity": 2})
        assert (sold_out.status_code, sold_out.json()["code"]) == (400, "sold_out")

        httpx.post(f"{gateway_url}/simulate/{reference}", json={"action": "pay"}).raise_for_status()
        paid = api.get(f"/payments/verify/{reference}").json()
        assert paid["message"] == "Payment verified successfully"
        assert api.get(f"/payments/verify/{reference}").json()["message"] == "Payment already verified"
        (ticket,) = api.get("/tickets/my-tickets").json()
        assert [ticket] == paid["tickets"] and ticket["amount_paid"] == "5000.00"
        del api.headers["Authorization"]
        assert api.get(f"/tickets/{ticket['ticket_code']}").json() == ticket
        assert api.get(ticket["qr_code_path"]).content.startswith(b"\x89PNG")
        assert api.get("/tickets/my-tickets").status_code in {401, 403}
        forged = api.post("/payments/webhooks/paystack", json={}, headers={"x-paystack-signature": "00"})
        assert (forged.status_code, forged.json()["code"]) == (401, "bad_signature")
    for _ in range(100):
        mails = list((tmp_path / "outbox").glob("*.eml"))
        if mails:
            break
        time.sleep(0.1)
    assert b"Jazz Night" in mails[0].read_bytes()
