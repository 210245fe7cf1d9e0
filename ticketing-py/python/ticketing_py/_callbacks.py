"""Runs the methods of gateways and mailers that are written in Python: plain ones on a few threads, ``async`` ones on a loop.

While a thread runs such a method, no Rust frame is on its stack, and all threads are daemons. So whatever the method does, the
interpreter can exit.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import Job

THREADS = 16
"""How many plain methods run at once. Further calls wait until their timeout."""

_log = logging.getLogger("ticketing_py")


class _Threads:
    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.idle = 0
        self.alive = 0

    def put(self, job: Job) -> None:
        with self.lock:
            # An idle thread may be about to take another job: at worst, one thread too many is started.
            if self.idle <= self.jobs.qsize() and self.alive < THREADS:
                threading.Thread(target=self.work, name=f"ticketing-{self.alive}", daemon=True).start()
                self.alive += 1
        self.jobs.put(job)

    def work(self) -> None:
        while True:
            with self.lock:
                self.idle += 1
            job = self.jobs.get()
            with self.lock:
                self.idle -= 1
            _run(job)


def _run(job: Job) -> None:
    try:
        call = job.begin()
        if call is None:
            return
        method, argument = call
        answer = method(argument)
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError(f"{job.name} returned an awaitable: declare it with `async def`")
    except BaseException as error:  # noqa: BLE001 - the engine waits for an answer, whatever was raised
        _log_unexpected(job, job.fail(error))
    else:
        _log_unexpected(job, job.finish(answer))


async def _run_async(job: Job) -> None:
    try:
        call = job.begin()
        if call is None:
            return
        method, argument = call
        answer = await method(argument)
    except asyncio.CancelledError as error:
        job.fail(error)
        raise
    except BaseException as error:  # noqa: BLE001
        _log_unexpected(job, job.fail(error))
        if not isinstance(error, Exception):
            raise
    else:
        _log_unexpected(job, job.finish(answer))


def _log_unexpected(job: Job, error: BaseException | None) -> None:
    if error is not None:
        # The engine only sees an error kind, so the exception itself is logged here.
        _log.error("%s failed: %s", job.name, type(error).__name__, exc_info=error)


class _Background:
    """A loop on a thread of its own, for ``async`` methods of calls that came from no loop."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                threading.Thread(target=self.loop.run_forever, name="ticketing-loop", daemon=True).start()
            return self.loop


class _ProcessState:
    """The state of this process. A forked child gets a new one."""

    def __init__(self) -> None:
        self.threads = _Threads()
        self.background = _Background()
        self.tasks: dict[int, asyncio.Task[None]] = {}


_state = _ProcessState()


def _after_fork() -> None:
    global _state
    _state = _ProcessState()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def submit(job: Job, loop: asyncio.AbstractEventLoop | None, is_async: bool) -> None:
    """Starts a job. The engine's messenger calls this, so it must not block."""
    if not is_async:
        _state.threads.put(job)
        return
    if loop is None or loop.is_closed():
        loop = _state.background.get()
    loop.call_soon_threadsafe(_launch, job, loop)


def _launch(job: Job, loop: asyncio.AbstractEventLoop) -> None:
    state = _state
    task = loop.create_task(_run_async(job), name=job.name)
    state.tasks[id(job)] = task
    job.on_loop(loop)
    task.add_done_callback(lambda _: state.tasks.pop(id(job), None) and None)


def cancel(job: Job) -> None:
    """Gives a job up. A plain method cannot be stopped; an ``async`` one is cancelled."""
    loop = job.loop()
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(_cancel, job)


def _cancel(job: Job) -> None:
    task = _state.tasks.get(id(job))
    if task is not None:
        task.cancel()
