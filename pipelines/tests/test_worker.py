"""What a killed worker leaves, and draining one, against a real Prefect server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from datalab import worker
from datalab.worker import Api, ApiError, drain, pause, put_right, resume

Start = Callable[[str], str]


@pytest.fixture
def api(prefect_server: dict[str, str]) -> Api:
    return Api(prefect_server["PREFECT_API_URL"], prefect_server["PREFECT_API_AUTH_STRING"])


@pytest.fixture
def deployment(api: Api) -> str:
    """One that runs once at a time, in the pool."""
    try:
        api.call("POST", "/work_pools/", {"name": worker.POOL, "type": "process", "base_job_template": {}})
    except ApiError as error:
        assert error.status == 409
    # The server is the session's: a worker of another test's counts as online for a while after its end.
    for left in api.call("POST", f"/work_pools/{worker.POOL}/workers/filter", {"limit": 200}):
        api.call("DELETE", f"/work_pools/{worker.POOL}/workers/{quote(left['name'])}")
    flow = api.call("POST", "/flows/", {"name": "worker-test"})["id"]
    body = {"name": str(uuid.uuid4()), "flow_id": flow, "work_pool_name": worker.POOL, "concurrency_limit": 1}
    return str(api.call("POST", "/deployments/", body)["id"])


@pytest.fixture
def start(api: Api, deployment: str) -> Iterator[Start]:
    """Makes a run and takes it as far as this state, as a worker and its process do."""
    made: list[str] = []

    def start_(state: str) -> str:
        run = str(api.call("POST", f"/deployments/{deployment}/create_flow_run", {})["id"])
        made.append(run)
        steps = ["PENDING", "RUNNING", "CANCELLING"]
        for step in steps[: steps.index(state) + 1]:
            answer = api.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": step}})
            assert answer["status"] == "ACCEPT", answer
        return run

    yield start_
    for run in made:
        api.call("DELETE", f"/flow_runs/{run}")


def state_of(api: Api, run: str) -> dict[str, Any]:
    return dict(api.call("GET", f"/flow_runs/{run}")["state"])


def test_a_claimed_run_is_scheduled_again(api: Api, start: Start) -> None:
    run = start("PENDING")
    assert put_right(api, "worker", "here")["rescheduled"] != []
    assert state_of(api, run)["type"] == "SCHEDULED"
    assert put_right(api, "worker", "here") == {"crashed": [], "rescheduled": []}


@pytest.mark.parametrize("state", ["RUNNING", "CANCELLING"])
def test_a_run_that_died_is_crashed_and_its_slot_is_free(api: Api, start: Start, state: str) -> None:
    dead = start(state)
    assert len(put_right(api, "worker", "here")["crashed"]) == 1
    assert state_of(api, dead)["message"] == "Its worker was killed."
    assert state_of(api, dead)["type"] == "CRASHED"
    start("RUNNING")  # accepted: the deployment runs only once at a time


def test_what_another_worker_may_be_at_is_left_to_it(api: Api, start: Start) -> None:
    run = start("RUNNING")
    api.call("POST", f"/work_pools/{worker.POOL}/workers/heartbeat", {"name": "another"})
    try:
        assert put_right(api, "worker", "here") == {"crashed": [], "rescheduled": []}
        assert state_of(api, run)["type"] == "RUNNING"
    finally:
        api.call("DELETE", f"/work_pools/{worker.POOL}/workers/another")


def is_paused(api: Api) -> bool:
    return bool(api.call("GET", f"/work_pools/{worker.POOL}")["is_paused"])


def test_a_drain_pauses_the_pool_until_a_worker_starts(api: Api, deployment: str) -> None:
    assert drain(api, 5) == {"finished": [], "cancelled": [], "rescheduled": [], "crashed": []}
    assert is_paused(api)
    resume(api)
    assert not is_paused(api)


def test_a_pool_that_people_paused_stays_paused(api: Api, deployment: str) -> None:
    api.call("PATCH", f"/work_pools/{worker.POOL}", {"is_paused": True})
    try:
        pause(api)
        resume(api)
        assert is_paused(api)
    finally:
        api.call("PATCH", f"/work_pools/{worker.POOL}", {"is_paused": False})


def test_a_drain_leaves_no_run_running(api: Api, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CANCEL_SECONDS", 1)
    run = start("RUNNING")  # nobody is at work on it: it can neither end nor be cancelled
    try:
        done = drain(api, 1)
        assert len(done["crashed"]) == 1
        assert state_of(api, run)["type"] == "CRASHED"
    finally:
        resume(api)


def test_a_run_that_ends_is_waited_for(api: Api, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start("RUNNING")
    polls = iter(range(100))

    def sleep(_: float) -> None:
        if next(polls) == 2:
            api.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "COMPLETED"}})

    monkeypatch.setattr(worker.time, "sleep", sleep)
    try:
        assert len(drain(api, 30)["finished"]) == 1
        assert state_of(api, run)["type"] == "COMPLETED"
    finally:
        resume(api)
