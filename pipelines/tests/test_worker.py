"""What a killed worker leaves, and draining one, against a real Prefect server."""

from __future__ import annotations

import pytest
from conftest import Start, state_of

from datalab.prefect import worker
from datalab.prefect.worker import Api, drain, pause, put_right, resume


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
