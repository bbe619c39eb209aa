"""When the worker asks the server for runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from datalab.prefect import event_worker
from datalab.prefect.event_worker import ATTENTIVE_SECONDS, IDLE_SECONDS, Pace, split

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    pace = Pace(clock)
    pace.listening = True
    return pace


def response(seconds: float | None) -> Any:
    """A run that is due in so many seconds, as the server answers it."""
    at = None if seconds is None else NOW + timedelta(seconds=seconds)
    return SimpleNamespace(flow_run=SimpleNamespace(next_scheduled_start_time=at))


def test_nothing_happens_so_it_rests(pace: Pace) -> None:
    assert pace.delay() == IDLE_SECONDS


def test_an_event_makes_it_ask_at_once_and_for_a_while(pace: Pace, clock: Clock) -> None:
    pace.ring()
    assert pace.delay() == 0
    clock.now += ATTENTIVE_SECONDS - 1
    assert pace.delay() == 0
    clock.now += 1
    assert pace.delay() == IDLE_SECONDS


def test_without_events_it_asks_at_every_turn(pace: Pace) -> None:
    pace.lost()
    assert pace.delay() == 0


def test_it_asks_in_time_for_the_next_scheduled_run(pace: Pace, clock: Clock) -> None:
    pace.alarm(6)
    assert pace.delay() == 6
    clock.now += 7
    assert pace.delay() == 0
    pace.alarm(None)
    assert pace.delay() == IDLE_SECONDS


def test_an_event_ends_its_rest() -> None:
    async def rest_and_ring() -> None:
        pace = Pace()
        pace.listening = True
        turn = asyncio.create_task(pace.turn())
        await asyncio.sleep(0)
        assert not turn.done()
        pace.ring()
        await turn

    asyncio.run(rest_and_ring())


def test_runs_whose_time_has_not_come_are_left_and_remembered() -> None:
    runs = [response(None), response(-5), response(10), response(14), response(30)]
    assert split(runs, NOW, 10) == (runs[:3], 4.0)
    assert split(runs[:2], NOW, 10) == (runs[:2], None)
    assert split([], NOW, 10) == ([], None)


class Stub:
    """What of Prefect's worker is changed."""

    def __init__(self) -> None:
        self._prefetch_seconds = 10
        self.asked: list[float] = []
        self.found: list[Any] = []

    async def get_and_submit_flow_runs(self) -> list[Any]:
        return await self._get_scheduled_flow_runs()

    async def _get_scheduled_flow_runs(self) -> list[Any]:
        self.asked.append(self._prefetch_seconds)
        return self.found


def test_a_worker_looks_ahead_but_takes_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    class Worker(Stub):
        pass

    async def silence(pace: Pace) -> None:
        pace.listening = True

    monkeypatch.setattr(event_worker, "listen", silence)
    event_worker.install(Worker)
    worker = Worker()
    soon = response(None)
    later = SimpleNamespace(
        flow_run=SimpleNamespace(next_scheduled_start_time=datetime.now(UTC) + timedelta(seconds=25))
    )
    worker.found = [soon, later]

    async def ask() -> tuple[list[Any], bool]:
        taken = await worker.get_and_submit_flow_runs()
        return taken, worker._pace.delay() == 0

    taken, attentive = asyncio.run(ask())
    assert taken == [soon]
    assert attentive
    assert worker.asked == [10 + 2 * IDLE_SECONDS]
    assert worker._prefetch_seconds == 10


def test_prefects_worker_still_has_what_is_changed() -> None:
    from prefect.workers.base import BaseWorker
    from prefect.workers.process import ProcessWorker

    for name in ("get_and_submit_flow_runs", "_get_scheduled_flow_runs"):
        assert asyncio.iscoroutinefunction(getattr(BaseWorker, name))
        assert getattr(ProcessWorker, name) is getattr(BaseWorker, name)
