"""Measures the cost of calling the engine from Python. Runs the same calls as `benches/src/bin/bridge.rs` and compares them.

    pip install ./ticketing-py        # a release build: a debug build is not comparable
    python benches/python/bridge.py [--without-rust]

Every time is the median of single calls in sequence. The overhead is the difference to the median of the same call in Rust.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import ticketing_py as t

CALLS, TASKS, SECONDS = 5_000, 256, 5.0
ADA = t.Buyer(who=t.Principal.external("ada"), email="ada@example.com")
SOON = datetime.now(timezone.utc) + timedelta(days=1)


async def median(call: Callable[[], Awaitable[object]], count: int) -> float:
    times = []
    for _ in range(count):
        began = time.perf_counter_ns()
        await call()
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times)


async def measure(storage: t.MemoryStorage | Path) -> dict[str, float]:
    shop = t.AsyncTicketing(storage)
    event = await shop.create_event(
        organizer=t.Principal.external("organiser"),
        title="Hot event",
        starts_at=SOON,
        location="Lagos",
        price=t.Money(5000, "NGN"),
        capacity=1_000_000_000,
    )
    one = [t.Line(quantity=1, ticket_type_id=event.ticket_types[0].id)]

    def hold() -> Awaitable[object]:
        return shop.hold(buyer=ADA, event_id=event.id, lines=one)

    seen = {
        "event_ns": await median(lambda: shop.event(event.id), CALLS),
        "hold_ns": await median(hold, CALLS // 5),
    }
    done, began = 0, time.perf_counter()

    async def rush() -> None:
        nonlocal done
        while time.perf_counter() - began < SECONDS:
            await hold()
            done += 1

    await asyncio.gather(*(rush() for _ in range(TASKS)))
    seen["holds_per_second"] = done / (time.perf_counter() - began)
    await shop.close()
    return seen


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        python = {
            "memory": asyncio.run(measure(t.MemoryStorage())),
            "sqlite": asyncio.run(measure(Path(folder) / "bench.db")),
        }
    rust: dict[str, dict[str, float]] = {}
    if "--without-rust" not in sys.argv:
        root = Path(__file__).resolve().parent.parent.parent
        command = ["cargo", "run", "--release", "--quiet", "-p", "benches", "--bin", "bridge"]
        rust = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)
    print("| storage | call | Rust | Python | overhead |\n|---|---|---:|---:|---:|")
    for storage, seen in python.items():
        for call in ("event", "hold"):
            mine, theirs = seen[f"{call}_ns"] / 1000, rust.get(storage, {}).get(f"{call}_ns", float("nan")) / 1000
            print(f"| {storage} | `{call}`, p50 | {theirs:.1f} µs | {mine:.1f} µs | {mine - theirs:.1f} µs |")
        theirs = rust.get(storage, {}).get("holds_per_second", float("nan"))
        mine = seen["holds_per_second"]
        print(f"| {storage} | `hold` from {TASKS} tasks | {theirs:,.0f}/s | {mine:,.0f}/s | {mine / theirs:.0%} |")


if __name__ == "__main__":
    main()
