"""Runs that a stop has made late, against a real Prefect server; when the worker looks for them is first."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_registrar import Registrar, definition, registrar  # noqa: F401 - the fixture

from datalab.prefect import event_worker
from datalab.prefect.api import Api
from datalab.prefect.catch_up import catch_up, tags

CRON = {"cron": "*/5 * * * *", "timezone": "UTC"}


def test_the_worker_looks_before_its_first_question_and_after_every_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened: list[str] = []

    class Worker:
        _prefetch_seconds = 10
        away = False

        async def get_and_submit_flow_runs(self) -> None:
            if self.away:
                raise OSError("away")
            happened.append("asks")

        async def _get_scheduled_flow_runs(self) -> list[Any]:
            return []

    async def silence(_pace: object) -> None:
        pass

    now = 1000.0
    monkeypatch.setattr(event_worker, "listen", silence)
    monkeypatch.setattr(event_worker.time, "time", lambda: now)
    monkeypatch.setattr(event_worker, "leave_out_missed_runs", lambda: happened.append("leaves out"))
    event_worker.install(Worker)

    async def work() -> None:
        nonlocal now
        worker = Worker()
        for seconds in (0, 15, 110, 121):
            now += seconds
            await worker.get_and_submit_flow_runs()
        # The server goes away, for a minute and for three.
        for seconds in (60, 120):
            now += seconds
            worker.away = True
            with pytest.raises(OSError, match="away"):
                await worker.get_and_submit_flow_runs()
            worker.away = False
        happened.append("is back")
        await worker.get_and_submit_flow_runs()

    asyncio.run(work())
    assert happened == [
        "leaves out", "asks", "asks", "asks", "leaves out", "asks",
        "leaves out", "is back", "leaves out", "asks",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (None, []),
        (CRON, []),
        ({**CRON, "catchUp": "none"}, ["catch-up:none"]),
        ({"intervalSeconds": 60, "catchUp": "all"}, ["catch-up:all"]),
    ],
)
def test_a_deployment_carries_what_is_not_the_default(
    schedule: dict[str, Any] | None, expected: list[str]
) -> None:
    assert tags(schedule) == expected


@pytest.fixture
def scheduled(registrar: Registrar, api: Api) -> Iterator[dict[str, list[dict[str, Any]]]]:  # noqa: F811
    """Three pipelines that differ in `catchUp` only, with the runs that the server has scheduled for them."""
    for name in ("one", "none", "all"):
        registrar.add(name)
    code, _, error = registrar.run(
        definition("one", schedule=CRON),
        definition("none", schedule={**CRON, "catchUp": "none"}),
        definition("all", schedule={**CRON, "catchUp": "all"}),
    )
    assert code == 0, error
    end = time.monotonic() + 120
    while any(len(waiting(api, name)) < 10 for name in ("one", "none", "all")):
        assert time.monotonic() < end, "the server has scheduled no runs"
        time.sleep(0.5)
    yield {name: waiting(api, name) for name in ("one", "none", "all")}
    # The server is the session's: other tests expect it as it was.
    for found in api.call("POST", "/deployments/filter", {}):
        api.call("DELETE", f"/deployments/{found['id']}")


def waiting(api: Api, name: str) -> list[dict[str, Any]]:
    """The runs of a pipeline that have not begun, by time."""
    wanted = {
        "deployments": {"name": {"any_": [name]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_ASC",
    }
    found: list[dict[str, Any]] = api.call("POST", "/flow_runs/filter", wanted)
    return found


def times(runs: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(each["expected_start_time"]) for each in runs]


@pytest.mark.server
def test_at_most_one_run_makes_up_for_the_missed_ones(
    scheduled: dict[str, list[dict[str, Any]]], api: Api
) -> None:
    # As if the platform had been away until after the seventh run was due.
    planned = times(scheduled["one"])
    now = planned[6] + timedelta(minutes=3)
    # Started by hand, and one that waits for its retry: neither is a missed run of the schedule.
    deployment = scheduled["one"][0]["deployment_id"]
    body = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": planned[0].isoformat()}}}
    by_hand = api.call("POST", f"/deployments/{deployment}/create_flow_run", body)["id"]
    begun = scheduled["one"][1]["id"]
    for state in ({"type": "RUNNING"}, {"type": "SCHEDULED", "name": "AwaitingRetry"}):
        api.call("POST", f"/flow_runs/{begun}/set_state", {"state": state, "force": True})
    kept_anyway = {by_hand, begun}

    lines = catch_up(api, now)
    seventh = scheduled["one"][6]["expected_start_time"]
    assert sorted(lines) == [
        "none: 7 missed runs are left out",
        f"one: 5 missed runs are left out, that of {seventh} makes up for them",
    ]
    assert times([run for run in waiting(api, "one") if run["id"] not in kept_anyway]) == planned[6:]
    assert kept_anyway <= {run["id"] for run in waiting(api, "one")}
    assert times(waiting(api, "none")) == times(scheduled["none"])[7:]
    assert times(waiting(api, "all")) == times(scheduled["all"])
    assert catch_up(api, now) == []


@pytest.mark.server
def test_a_worker_that_restarts_leaves_nothing_out(
    scheduled: dict[str, list[dict[str, Any]]], api: Api
) -> None:
    first = times(scheduled["one"])[0]
    assert catch_up(api, first + timedelta(seconds=100)) == []
    assert catch_up(api, datetime.now(UTC)) == []
    assert {name: times(waiting(api, name)) for name in scheduled} == {
        name: times(runs) for name, runs in scheduled.items()
    }


def put_back(home: str, minutes: int) -> None:
    """Make all scheduled runs so much earlier, as if time had passed while nothing ran."""
    earlier = f"-{minutes} minutes"
    shifted = "strftime('%Y-%m-%d %H:%M:%f', {}, ?) || '000'"
    with contextlib.closing(sqlite3.connect(Path(home) / "prefect.db", timeout=30)) as database, database:
        database.execute(
            f"UPDATE flow_run SET expected_start_time = {shifted.format('expected_start_time')},"
            f" next_scheduled_start_time = {shifted.format('next_scheduled_start_time')}"
            " WHERE state_type = 'SCHEDULED'",
            (earlier, earlier),
        )
        database.execute(
            "UPDATE flow_run_state SET state_details = json_set(state_details, '$.scheduled_time',"
            " (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', expected_start_time) FROM flow_run"
            "  WHERE flow_run.state_id = flow_run_state.id))"
            " WHERE id IN (SELECT state_id FROM flow_run WHERE state_type = 'SCHEDULED')"
        )


@pytest.mark.server
def test_a_worker_that_comes_back_starts_one_run_of_each_pipeline(
    registrar: Registrar,  # noqa: F811
    scheduled: dict[str, list[dict[str, Any]]],
    prefect_server: dict[str, str],
    api: Api,
) -> None:
    # Its runs would all start, and take long.
    api.call("DELETE", f"/deployments/{scheduled['all'][0]['deployment_id']}")
    put_back(prefect_server["PREFECT_HOME"], 40)
    now = datetime.now(UTC)
    missed = [at for at in times(waiting(api, "one")) if at < now]
    assert len(missed) >= 6
    environment = {
        **registrar.environment,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    arguments = ["--pool", "default", "--type", "process", "--limit", "2"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "datalab.prefect.event_worker", *arguments],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deployments = {"deployments": {"name": {"any_": ["one"]}}}
    try:
        end = time.monotonic() + 150
        runs: list[dict[str, Any]] = []
        while "COMPLETED" not in {run["state_type"] for run in runs}:
            assert time.monotonic() < end, [run["state_name"] for run in runs]
            time.sleep(0.5)
            wanted = {**deployments, "flow_runs": {"state": {"type": {"not_any_": ["SCHEDULED"]}}}}
            runs = api.call("POST", "/flow_runs/filter", wanted)
    finally:
        worker.terminate()
        said = worker.communicate(timeout=60)[1]
    assert [at for at in times(waiting(api, "one")) if at < now] == []
    assert [run["state_type"] for run in runs if times([run])[0] < now] == ["COMPLETED"]
    assert times(runs)[-1] == missed[-1]
    assert f"one: {len(missed) - 1} missed runs are left out" in said
    assert [at for at in times(waiting(api, "none")) if at < now - timedelta(minutes=2)] == []
