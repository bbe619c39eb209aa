"""A schedule that Prefect's own page has switched off is paused here, too, and goes on from here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Backend


def deployment(paused: bool, *active: bool) -> dict[str, Any]:
    schedules = [{"id": f"s{i}", "active": each, "schedule": {}} for i, each in enumerate(active)]
    return {"id": "d1", "flow_id": "f1", "name": "ticker", "paused": paused, "schedules": schedules}


@pytest.mark.parametrize(
    ("given", "paused"),
    [
        (deployment(False, True), False),
        (deployment(True, True), True),
        (deployment(False, False), True),
        (deployment(False, True, False), False),
        (deployment(False), False),
        (deployment(True), True),
    ],
)
def test_a_pipeline_is_paused_if_no_run_starts_by_itself(
    configured: Callable[..., None], given: dict[str, Any], paused: bool
) -> None:
    from backends import prefect

    server = Backend(
        {
            "/api/deployments/filter": lambda: (200, [given]),
            "/api/flows/filter": lambda: (200, [{"id": "f1", "name": "ticker"}]),
        }
    )
    configured(prefect=server.url)
    said = prefect.deployments().answer()
    server.close()
    assert said.error is None
    assert [each["paused"] for each in said.value] == [paused]


def test_to_resume_switches_on_the_schedules_that_are_off(configured: Callable[..., None]) -> None:
    from backends import prefect

    server = Backend(
        {
            "/api/deployments/d1/resume_deployment": lambda: (200, None),
            "/api/deployments/d1/pause_deployment": lambda: (200, None),
            "/api/deployments/d1": lambda: (200, deployment(False, True, False)),
            "/api/deployments/d1/schedules/s1": lambda: (204, ""),
        }
    )
    configured(prefect=server.url)
    assert prefect.pause("d1", paused=False).answer().error is None
    path = "/api/deployments/d1"
    assert server.asked == [f"{path}/resume_deployment", path, f"{path}/schedules/s1"]
    server.asked.clear()
    assert prefect.pause("d1", paused=True).answer().error is None
    server.close()
    assert server.asked == [f"{path}/pause_deployment"]
