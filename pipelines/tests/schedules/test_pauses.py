"""A pause by hand over registrations, against a real Prefect server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from test_registrar import Registrar, definition, registrar  # noqa: F401 - the fixture

from datalab.prefect.api import Api

pytestmark = pytest.mark.server
CRON = {"cron": "*/5 * * * *", "timezone": "UTC"}
OTHER = {"cron": "*/7 * * * *", "timezone": "Europe/Berlin"}


def deployment(api: Api) -> Any:
    return api.call("GET", "/deployments/name/ticker/ticker")


def standing(api: Api) -> tuple[bool, list[bool]]:
    found = deployment(api)
    return found["paused"], [each["active"] for each in found["schedules"]]


def pause_deployment(api: Api) -> None:
    api.call("POST", f"/deployments/{deployment(api)['id']}/pause_deployment")


def switch_off_schedule(api: Api) -> None:
    found = deployment(api)
    path = f"/deployments/{found['id']}/schedules/{found['schedules'][0]['id']}"
    api.call("PATCH", path, {"active": False})


STAYS = (
    "ticker: its schedule stays paused (paused by hand); "
    "resume it with ./datalab pipelines resume ticker --stack elsewhere"
)


@pytest.fixture
def ticker(registrar: Registrar, api: Api) -> Iterator[Registrar]:  # noqa: F811
    """One pipeline, registered as version 1, on a server without any other."""
    registrar.environment["DATALAB_STACK"] = "elsewhere"
    assert registrar.run()[0] == 0
    registrar.add("ticker")
    code, lines, error = registrar.run(definition("ticker", schedule=CRON))
    assert (code, lines[-1], error) == (0, "registered ticker 1", "")
    assert standing(api) == (False, [True])
    yield registrar
    # The server is the session's: other tests expect it as it was.
    for name in ("ticker/ticker", "datalab-health/roundtrip"):
        api.call("DELETE", f"/deployments/{api.call('GET', f'/deployments/name/{name}')['id']}")


@pytest.mark.parametrize(
    ("by_hand", "kept"),
    [(pause_deployment, (True, [True])), (switch_off_schedule, (False, [False]))],
)
def test_a_pause_by_hand_outlives_new_code_and_a_new_schedule(
    ticker: Registrar, api: Api, by_hand: Callable[[Api], None], kept: tuple[bool, list[bool]]
) -> None:
    by_hand(api)
    assert ticker.run(definition("ticker", schedule=CRON))[1] == ["unchanged ticker 1", STAYS]
    assert ticker.run(definition("ticker", "2", schedule=CRON))[1] == ["registered ticker 2", STAYS]
    assert standing(api) == kept
    assert ticker.run(definition("ticker", "3", schedule=OTHER))[1] == ["registered ticker 3", STAYS]
    assert standing(api) == kept
    assert deployment(api)["schedules"][0]["schedule"]["cron"] == "*/7 * * * *"
    every = {"intervalSeconds": 300}
    assert ticker.run(definition("ticker", "4", schedule=every))[1] == ["registered ticker 4", STAYS]
    assert ticker.run(definition("ticker", "5", schedule=every))[1] == ["registered ticker 5", STAYS]
    assert standing(api) == kept
    runs = api.call("POST", "/flow_runs/filter", {"deployments": {"name": {"any_": ["ticker"]}}})
    assert [run["expected_start_time"] for run in runs] == []


@pytest.mark.parametrize("by_hand", [pause_deployment, switch_off_schedule])
def test_a_changed_declaration_wins_over_the_hand(
    ticker: Registrar, api: Api, by_hand: Callable[[Api], None]
) -> None:
    by_hand(api)
    assert ticker.run(definition("ticker", "2", schedule=CRON, paused=True))[1] == ["registered ticker 2"]
    assert standing(api) == (True, [True])
    assert ticker.run(definition("ticker", "3", schedule=CRON))[1] == ["registered ticker 3"]
    assert standing(api) == (False, [True])


def test_a_resume_by_hand_outlives_new_code_too(ticker: Registrar, api: Api) -> None:
    ticker.run(definition("ticker", "2", schedule=CRON, paused=True))
    api.call("POST", f"/deployments/{deployment(api)['id']}/resume_deployment")
    lines = ticker.run(definition("ticker", "3", schedule=CRON, paused=True))[1]
    assert lines == [
        "registered ticker 3",
        "ticker: its schedule stays active (resumed by hand, its definition says paused: true); "
        "pause it with ./datalab pipelines pause ticker --stack elsewhere",
    ]
    assert standing(api) == (False, [True])


def test_a_schedule_that_a_person_added_is_not_taken_for_ours(ticker: Registrar, api: Api) -> None:
    theirs = {"schedule": {"interval": 3600.0}, "active": False}
    api.call("POST", f"/deployments/{deployment(api)['id']}/schedules", [theirs])
    assert ticker.run(definition("ticker", "2", schedule=CRON))[1] == ["registered ticker 2"]
    assert standing(api) == (False, [True])


def test_without_the_last_bundle_a_pause_is_kept(ticker: Registrar, api: Api) -> None:
    pause_deployment(api)
    (ticker.folder / "lake" / "artifacts" / "pipelines" / "ticker" / "1.tar.gz").unlink()
    assert ticker.run(definition("ticker", "2", schedule=CRON))[1] == ["registered ticker 2", STAYS]
    assert standing(api) == (True, [True])
