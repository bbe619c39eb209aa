"""Prefect's worker that rests while there is no run: `python -m datalab.prefect.event_worker ARGUMENT...`.

Asking the server for runs every second costs the server, the database and the worker a thirtieth of a core
around the clock. This worker listens to the server's events and asks for runs

- at once when something happens to a run, a deployment or the pool, and every second for a while after it;
- in time for the next scheduled run;
- every 15 seconds otherwise;
- every second while it is not connected to the events.

Before its first question, and after it could not ask for a while, it leaves out what was missed
(catch_up.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from datalab.prefect.api import Api, ApiError, say
from datalab.prefect.catch_up import catch_up

# The worker's health check fails after 30 s without a poll, its work pool is not ready after 60 s.
IDLE_SECONDS = 15.0
# What follows an event, such as the runs that a new schedule makes, may come some seconds after it.
ATTENTIVE_SECONDS = 15.0
RETRY_SECONDS = 5.0
# Longer without an answer, by the clock that goes on while the machine sleeps: runs may have been missed.
AWAY_SECONDS = 120.0
PREFIXES = ["prefect.flow-run.", "prefect.deployment.", "prefect.work-pool.", "prefect.work-queue."]
HEARTBEAT = "prefect.flow-run.heartbeat"


class Pace:
    """When to ask the server next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._attentive_until = 0.0
        self._alarm: float | None = None
        self._wake = asyncio.Event()
        self.listening = False

    def ring(self) -> None:
        """Something has happened."""
        self._attentive_until = self._clock() + ATTENTIVE_SECONDS
        self._wake.set()

    def lost(self) -> None:
        """Nothing can be heard."""
        self.listening = False
        self._wake.set()

    def alarm(self, seconds: float | None) -> None:
        """The next run is due then; None: none is known."""
        self._alarm = None if seconds is None else self._clock() + seconds

    def delay(self) -> float:
        """Seconds until the server must be asked."""
        now = self._clock()
        if not self.listening or now < self._attentive_until:
            return 0.0
        return max(0.0, min(IDLE_SECONDS, IDLE_SECONDS if self._alarm is None else self._alarm - now))

    async def turn(self) -> None:
        """Wait until it is time to ask."""
        self._wake.clear()
        delay = self.delay()
        if delay > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), delay)


def split(runs: list[Any], now: datetime, prefetch: float) -> tuple[list[Any], float | None]:
    """The runs whose time has come, and in how many seconds that of the next one comes."""
    horizon = now + timedelta(seconds=prefetch)
    due, later = [], []
    for each in runs:
        at = each.flow_run.next_scheduled_start_time
        (later if at is not None and at > horizon else due).append(each)
    first = min((each.flow_run.next_scheduled_start_time for each in later), default=None)
    return due, None if first is None else (first - horizon).total_seconds()


async def listen(pace: Pace) -> None:
    """Ring for every event that may mean work, whatever happens to the server."""
    from prefect.events.clients import get_events_subscriber
    from prefect.events.filters import EventFilter, EventNameFilter

    while True:
        names = EventNameFilter(prefix=PREFIXES, exclude_name=[HEARTBEAT])
        # A server that restarts is no error: until it is back the worker asks every second.
        with contextlib.suppress(Exception):
            async with get_events_subscriber(
                filter=EventFilter(event=names), reconnection_attempts=0
            ) as events:
                pace.listening = True
                pace.ring()  # for what happened before
                async for _ in events:
                    pace.ring()
        pace.lost()
        await asyncio.sleep(RETRY_SECONDS)


def leave_out_missed_runs() -> None:
    """Say what is left out. If that fails, runs are late, as they were: nothing is lost."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return
    try:
        for line in catch_up(Api(url, os.environ.get("PREFECT_API_AUTH_STRING"))):
            say(line)
    except ApiError as error:
        say(f"missed runs are not left out: {error}")


def install(worker: type[Any]) -> None:
    """Make a class of Prefect's workers wait for its turn before it asks, and look ahead when it does."""
    ask, fetch = worker.get_and_submit_flow_runs, worker._get_scheduled_flow_runs

    async def get_and_submit_flow_runs(self: Any) -> Any:
        if not hasattr(self, "_pace"):
            self._pace = Pace()
            self._listener = asyncio.create_task(listen(self._pace))
            self._answered = None
        await self._pace.turn()
        if self._answered is None or time.time() - self._answered > AWAY_SECONDS:
            await asyncio.to_thread(leave_out_missed_runs)
        asked = await ask(self)
        self._answered = time.time()
        return asked

    async def get_scheduled_flow_runs(self: Any) -> list[Any]:
        prefetch = self._prefetch_seconds
        self._prefetch_seconds = prefetch + 2 * IDLE_SECONDS
        try:
            found = await fetch(self)
        finally:
            self._prefetch_seconds = prefetch
        due, alarm = split(found, datetime.now(UTC), int(prefetch))
        self._pace.alarm(alarm)
        if due:
            # They may have to wait for a slot, and are asked for again every second.
            self._pace.ring()
        return due

    worker.get_and_submit_flow_runs = get_and_submit_flow_runs
    worker._get_scheduled_flow_runs = get_scheduled_flow_runs


def main(arguments: list[str]) -> None:
    """Become `prefect worker start ARGUMENT...`."""
    from prefect.cli import app
    from prefect.workers.base import BaseWorker

    install(BaseWorker)
    sys.argv = ["prefect", "worker", "start", *arguments]
    app()


if __name__ == "__main__":
    main(sys.argv[1:])
