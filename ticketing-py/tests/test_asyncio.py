"""Cancellation, many event loops, no leaks."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import resource
import sys
import threading
import time
from pathlib import Path

import pytest
import ticketing_py as t
from conftest import ADA, NEXT_YEAR, Shop, make_shop
from test_python_gateways import AsyncGateway, sell
from ticketing_py import _native


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


def test_both_facades_have_the_same_methods() -> None:
    def shape(kind: type) -> dict[str, inspect.Signature]:
        dunder = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
        members = inspect.getmembers(kind, inspect.isfunction)
        return {
            dunder.get(name, name): inspect.Signature(list(inspect.signature(method).parameters.values()))
            for name, method in members
        }

    sync, aio = shape(t.Ticketing), shape(t.AsyncTicketing)
    assert sync == aio and len(sync) > 38
    for name, method in inspect.getmembers(t.AsyncTicketing, inspect.isfunction):
        waits = inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        assert waits is not (name in {"__init__", "__repr__"}), name
        assert method.__doc__ or name.startswith("__"), name
    for name, method in inspect.getmembers(t.Ticketing, inspect.isfunction):
        assert not inspect.iscoroutinefunction(method), name


async def idle() -> None:
    """Waits until the engine has no task: a finished call's task may outlive its answer by a moment."""
    for _ in range(100):
        if _native._tasks() == 0:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{_native._tasks()} tasks are left")


async def test_a_cancelled_call_is_dropped() -> None:
    gateway = AsyncGateway()
    _, aio, event_id = sell(gateway)
    started = await aio.buy(buyer=ADA, event_id=event_id)
    gateway.delay = 30
    await idle()
    verifying = asyncio.create_task(aio.verify(actor=ADA.who, reference=started.attempt.reference))
    await asyncio.sleep(0.1)
    assert _native._tasks() > 0
    verifying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await verifying
    await idle()
    # Cancellation reaches the gateway's own method too.
    await asyncio.sleep(0.1)
    assert gateway.cancelled == 1


async def test_a_cancelled_buy_still_records_its_checkout() -> None:
    gateway = AsyncGateway()
    _, aio, event_id = sell(gateway)
    gateway.delay = 0.2
    buying = asyncio.create_task(aio.buy(buyer=ADA, event_id=event_id, attempt_reference="left-1"))
    await asyncio.sleep(0.1)
    buying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await buying
    await asyncio.sleep(0.3)
    # The buyer can still pay there and gets the ticket.
    gateway.inner.pay("left-1")
    assert isinstance(await aio.verify(actor=ADA.who, reference="left-1"), t.Fulfilled)


async def test_a_timeout_leaves_nothing_half_done(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "t.db", capacity=None)
    for _ in range(200):
        with pytest.raises((asyncio.TimeoutError, TimeoutError)):
            await asyncio.wait_for(shop.aio.hold(buyer=ADA, event_id=shop.event.id), 0.00001)
    await idle()
    event = await shop.aio.event(shop.event.id)
    orders = await shop.aio.orders(actor=ADA.who, count=True)
    assert event.stock.held == orders.total
    await shop.aio.close()
    shop.sync.close()


async def test_calls_work_with_create_task_and_wait_for(small: Shop) -> None:
    task = asyncio.create_task(small.aio.event(small.event.id))
    assert await task == small.event
    assert await asyncio.wait_for(small.aio.event(small.event.id), 5) == small.event


def test_many_loops_in_sequence(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "t.db", capacity=None)

    async def one() -> None:
        await asyncio.gather(*(shop.aio.hold(buyer=ADA, event_id=shop.event.id) for _ in range(3)))

    asyncio.run(one())
    gc.collect()
    before = open_files()
    for _ in range(50):
        asyncio.run(one())
    gc.collect()
    assert open_files() <= before + 4
    assert shop.sync.event(shop.event.id).stock.held == 153
    shop.sync.close()
    asyncio.run(shop.aio.close())


def test_many_loops_at_once(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "t.db", capacity=None)
    errors: list[BaseException] = []

    async def some() -> None:
        for _ in range(10):
            await asyncio.gather(*(shop.aio.hold(buyer=ADA, event_id=shop.event.id) for _ in range(5)))

    def run() -> None:
        try:
            asyncio.run(some())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert shop.sync.event(shop.event.id).stock.held == 400
    shop.sync.close()
    asyncio.run(shop.aio.close())


def test_a_call_without_a_running_loop_raises(small: Shop) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        small.aio._engine.event(1)


def test_uvloop_works(tmp_path: Path) -> None:
    """uvicorn[standard] uses it."""
    uvloop = pytest.importorskip("uvloop")

    async def some(path: Path) -> int:
        tickets = t.AsyncTicketing(path)
        async with tickets:
            done = await asyncio.gather(*(tickets.events() for _ in range(100)))
            with pytest.raises(t.NotFound):
                await tickets.event(404)
        await tickets.close()
        return len(done)

    def run() -> None:
        loop = uvloop.new_event_loop()
        assert loop.run_until_complete(some(tmp_path / "t.db")) == 100
        loop.close()

    run()
    gc.collect()
    before = open_files()
    for _ in range(10):
        run()
    gc.collect()
    assert open_files() <= before + 4


class NoReaders(asyncio.SelectorEventLoop):
    """Like the proactor loop of Windows: it has no `add_reader`."""

    def add_reader(self, *_: object) -> None:  # type: ignore[override]
        raise NotImplementedError


def test_a_loop_without_add_reader_works(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "t.db", capacity=None)

    async def some() -> int:
        done = await asyncio.gather(*(shop.aio.hold(buyer=ADA, event_id=shop.event.id) for _ in range(20)))
        await shop.aio.close()
        return len(done)

    loop = NoReaders()
    assert loop.run_until_complete(some()) == 20
    loop.close()
    shop.sync.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_ten_thousand_async_calls_do_not_leak(kind: str, tmp_path: Path) -> None:
    shop = make_shop(t.MemoryStorage() if kind == "memory" else tmp_path / "t.db", capacity=None)

    async def calls(count: int) -> None:
        for _ in range(count // 100):
            asked = [shop.aio.event(shop.event.id) for _ in range(99)]
            await asyncio.gather(*asked, shop.aio.categories())
            with pytest.raises(t.EventUnknown):
                await shop.aio.hold(buyer=ADA, event_id=404)

    await calls(2_000)
    grown: list[tuple[int, int, int]] = []
    for _ in range(4):
        gc.collect()
        objects, files = len(gc.get_objects()), open_files()
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await calls(2_500)
        # Pending callbacks are not a leak.
        await asyncio.sleep(0.01)
        gc.collect()
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - kilobytes
        grown.append((len(gc.get_objects()) - objects, open_files() - files, more))
    # One-time allocations grow one round; a leak grows every round.
    assert min(objects for objects, _, _ in grown) < 100, grown
    assert min(files for _, files, _ in grown) <= 0, grown
    assert min(kilobytes for _, _, kilobytes in grown) < 500, grown
    await idle()
    await shop.aio.close()
    shop.sync.close()


def test_ten_thousand_plain_calls_do_not_leak(small: Shop) -> None:
    for _ in range(1_000):
        small.sync.event(small.event.id)
    gc.collect()
    objects = len(gc.get_objects())
    for _ in range(10_000):
        small.sync.event(small.event.id)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100


def test_other_threads_run_while_a_call_waits(tmp_path: Path) -> None:
    """The interpreter lock is released: a counting thread keeps running while another hashes passwords."""
    shop = make_shop(t.MemoryStorage())
    ticks, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0.001)

    counting = threading.Thread(target=count)
    counting.start()
    for number in range(5):
        shop.sync.register(email=f"u{number}@example.com", name="User", password="correct horse battery")
    stop.set()
    counting.join()
    assert ticks[0] > 20
    assert NEXT_YEAR == shop.event.starts_at
