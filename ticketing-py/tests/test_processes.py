"""Processes: exit with work in flight, fork, prefork servers."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TIMES = int(os.environ.get("TICKETING_PY_EXITS", "40"))

START = """
import asyncio, os, sys, threading, time
from datetime import datetime, timezone, timedelta
import ticketing_py as t
from ticketing_py.testing import FakeGateway
ADA = t.Buyer(who=t.Principal.external("ada"), email="ada@example.com")
CLUB = t.Principal.external("club")
def event(tickets, **more):
    return tickets.create_event(organizer=CLUB, title="Party", location="Garden", price=t.Money(5, "EUR"),
                                starts_at=datetime(2099, 1, 1, tzinfo=timezone.utc), **more)
"""


def run(program: str, *arguments: object, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    source = START + textwrap.dedent(program)
    command = [sys.executable, "-c", source, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


IN_FLIGHT = """
class Slow:
    name, mode = "slow", t.Mode.TEST
    def open_checkout(self, charge): time.sleep(60)
    def fetch(self, reference): time.sleep(60)
    def refund(self, refund): time.sleep(60)
    def find_refund(self, refund): time.sleep(60)
    def read_webhook(self, webhook): raise t.BadSignature
class SlowAsync(Slow):
    async def open_checkout(self, charge): await asyncio.sleep(60)
    async def fetch(self, reference): await asyncio.sleep(60)
path, kind, after = sys.argv[1], sys.argv[2], float(sys.argv[3])
gateway = SlowAsync() if kind == "async" else Slow()
tickets = t.Ticketing(path, gateway=gateway)
made = event(tickets)
tickets.__enter__()
# Daemon threads that block in the engine and in the gateway when the interpreter exits.
def hold():
    while True:
        tickets.hold(buyer=ADA, event_id=made.id)
def buy():
    tickets.buy(buyer=ADA, event_id=made.id)
for work in (hold, hold, buy, buy):
    threading.Thread(target=work, daemon=True).start()
async def main():
    aio = t.AsyncTicketing(path, gateway=gateway)
    await aio.__aenter__()
    waiting = [asyncio.ensure_future(aio.hold(buyer=ADA, event_id=made.id)) for _ in range(50)]
    waiting += [asyncio.ensure_future(aio.buy(buyer=ADA, event_id=made.id)) for _ in range(4)]
    await asyncio.sleep(after)
    if kind == "hard":
        loop = asyncio.get_running_loop()
        raise SystemExit(0)
asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["plain", "async", "hard"])
def test_the_interpreter_exits_with_work_in_flight(kind: str, tmp_path: Path) -> None:
    for number in range(TIMES):
        done = run(IN_FLIGHT, tmp_path / f"{number}.db", kind, number % 8 * 0.01)
        assert done.returncode == 0, (number, done.returncode, done.stderr[-2000:])
        for bad in ("Fatal Python error", "panicked", "Segmentation"):
            assert bad not in done.stderr, done.stderr[-2000:]


def test_ctrl_c_ends_a_call_that_waits(tmp_path: Path) -> None:
    done = run(
        """
        import signal
        # Python leaves an ignored SIGINT ignored, and that is inherited: from a shell that runs the tests in the background, say.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        class Slow:
            name, mode = "slow", t.Mode.TEST
            def open_checkout(self, charge): time.sleep(60)
            fetch = refund = find_refund = read_webhook = open_checkout
        tickets = t.Ticketing(t.MemoryStorage(), gateway=Slow())
        made = event(tickets)
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        try:
            tickets.buy(buyer=ADA, event_id=made.id)
        except KeyboardInterrupt:
            print("stopped", time.monotonic() - began < 5)
        """
    )
    assert done.stdout == "stopped True\n", done.stderr


# `os.fork` warns about threads since Python 3.12. The tests show that forking works anyway.
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_an_engine_in_use_at_a_fork_is_refused_in_the_child_and_works_in_the_parent(tmp_path: Path) -> None:
    done = run(
        """
        import warnings; warnings.simplefilter("ignore")
        path = sys.argv[1]
        with t.Ticketing(path) as tickets:
            made = event(tickets)
            children = []
            for _ in range(8):
                child = os.fork()
                if child == 0:
                    try:
                        tickets.event(made.id)
                        os._exit(1)
                    except t.Forked as error:
                        assert error.code == "forked" and "make a new one in the child" in str(error)
                    # Any file: SQLite would wait for locks that nobody in this process will release.
                    try:
                        t.Ticketing(path + ".child").open()
                        os._exit(2)
                    except t.Forked as error:
                        assert "SQLite" in str(error)
                    # A new engine on another storage works, plain and with asyncio, also in a grandchild.
                    fresh = t.Ticketing(t.MemoryStorage())
                    with fresh:
                        assert event(fresh).id == 1
                    fresh.close()
                    async def main():
                        aio = t.AsyncTicketing(t.MemoryStorage())
                        async with aio:
                            return (await aio.categories()).items
                    assert asyncio.run(main()) == ()
                    grandchild = os.fork()
                    if grandchild == 0:
                        with t.Ticketing(t.MemoryStorage()) as again:
                            event(again)
                        del tickets, fresh
                        os._exit(0)
                    os._exit(0 if os.waitpid(grandchild, 0)[1] == 0 else 3)
                children.append(child)
            assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 8
            assert tickets.event(made.id) == made
        print("ok")
        """,
        tmp_path / "t.db",
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_an_engine_not_used_before_a_fork_works_in_every_child(tmp_path: Path) -> None:
    """As with `gunicorn --preload`: the parent imports the application, the children serve it."""
    done = run(
        """
        import warnings; warnings.simplefilter("ignore")
        tickets = t.AsyncTicketing(sys.argv[1], gateway=FakeGateway())
        def serve():
            async def main():
                async with tickets:
                    for number in range(20):
                        await tickets.hold(buyer=ADA, event_id=1)
            asyncio.run(main())
        first = os.fork()
        if first == 0:
            async def make():
                async with tickets:
                    await event(tickets, capacity=60)
                await tickets.close()
            asyncio.run(make())
            sys.exit(0)     # a complete exit, with every atexit hook
        assert os.waitpid(first, 0)[1] == 0
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                serve()
                sys.exit(0)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        with t.Ticketing(sys.argv[1]) as check:
            print(codes, check.event(1).available)
        """,
        tmp_path / "t.db",
    )
    assert (done.returncode, done.stdout) == (0, "[0, 0, 0] 0\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_file_closed_before_a_fork_can_be_opened_by_the_children(tmp_path: Path) -> None:
    done = run(
        """
        import warnings; warnings.simplefilter("ignore")
        with t.Ticketing(sys.argv[1]) as tickets:
            event(tickets)
        tickets.close()
        children = []
        for _ in range(8):
            child = os.fork()
            if child == 0:
                with t.Ticketing(sys.argv[1]) as mine:
                    mine.hold(buyer=ADA, event_id=1)
                sys.exit(0)
            children.append(child)
        print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
        """,
        tmp_path / "t.db",
    )
    assert (done.returncode, done.stdout) == (0, "[0, 0, 0, 0, 0, 0, 0, 0]\n"), done.stderr


def test_multiprocessing_by_fork_and_by_spawn(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        START
        + textwrap.dedent(
            """
            import multiprocessing
            def work(number):
                with t.Ticketing(sys.argv[1]) as tickets:
                    return tickets.hold(buyer=ADA, event_id=1).id
            if __name__ == "__main__":
                import warnings; warnings.simplefilter("ignore")
                with t.Ticketing(sys.argv[1]) as tickets:
                    event(tickets)
                tickets.close()
                for how in ("fork", "spawn"):
                    with multiprocessing.get_context(how).Pool(2) as pool:
                        print(how, len(set(pool.map(work, range(4)))))
            """
        )
    )
    command = [sys.executable, str(program), str(tmp_path / "t.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "fork 4\nspawn 4\n", done.stderr
