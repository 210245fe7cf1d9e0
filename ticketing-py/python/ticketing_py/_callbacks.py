"""Runs what is written in Python and called by the engine: plain methods on a few threads, ``async`` ones on their loop.

No Rust frame is on a thread's stack while it is in code of others, and all threads are daemons: whatever that code does, the
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
"""So many plain methods run at once. More wait, and are given up when their time is over."""

_log = logging.getLogger("ticketing_py")


class _Threads:
    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.idle = 0
        self.alive = 0

    def put(self, job: Job) -> None:
        with self.lock:
            # One that is idle may be on its way to another job: at worst a thread too many is made.
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
            raise TypeError(f"{job.name} gives something to be awaited: it is to be written with `async def`")
    except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
        _log_trouble(job, job.fail(error))
    else:
        _log_trouble(job, job.finish(answer))


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
        _log_trouble(job, job.fail(error))
        if not isinstance(error, Exception):
            raise
    else:
        _log_trouble(job, job.finish(answer))


def _log_trouble(job: Job, trouble: BaseException | None) -> None:
    if trouble is not None:
        # Nobody planned for it, and to the engine it is one word: here is the rest.
        _log.error("%s failed: %s", job.name, type(trouble).__name__, exc_info=trouble)


class _Background:
    """A loop on a thread of its own, for ``async`` methods that nobody's loop waits for."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                threading.Thread(target=self.loop.run_forever, name="ticketing-loop", daemon=True).start()
            return self.loop


class _Here:
    """What belongs to this very process, and is made anew in a child."""

    def __init__(self) -> None:
        self.threads = _Threads()
        self.background = _Background()
        self.tasks: dict[int, asyncio.Task[None]] = {}


_here = _Here()


def _after_fork() -> None:
    global _here
    _here = _Here()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def submit(job: Job, loop: asyncio.AbstractEventLoop | None, is_async: bool) -> None:
    """Has a job done. Called by the engine's messenger, which must not be kept."""
    if not is_async:
        _here.threads.put(job)
        return
    if loop is None or loop.is_closed():
        loop = _here.background.get()
    loop.call_soon_threadsafe(_launch, job, loop)


def _launch(job: Job, loop: asyncio.AbstractEventLoop) -> None:
    here = _here
    task = loop.create_task(_run_async(job), name=job.name)
    here.tasks[id(job)] = task
    job.on_loop(loop)
    task.add_done_callback(lambda _: here.tasks.pop(id(job), None) and None)


def cancel(job: Job) -> None:
    """Nobody waits for the job any more. A plain method cannot be stopped; an ``async`` one is cancelled."""
    loop = job.loop()
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(_cancel, job)


def _cancel(job: Job) -> None:
    task = _here.tasks.get(id(job))
    if task is not None:
        task.cancel()
