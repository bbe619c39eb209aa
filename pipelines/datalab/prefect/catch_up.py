"""Runs that a stop has made late: at most one of each pipeline makes up for them.

Prefect schedules runs an hour and more ahead, and goes on while only the worker is away; all of them would
start at once when it comes back. The worker looks for them before it asks for its first runs, and again
whenever it could not ask for a while: the server was away, or the machine slept.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from datalab.prefect.api import Api, ApiError

TAG = "datalab"
# A deployment's tag, from `catchUp` of its schedule. Without one: one.
NONE, ALL = "catch-up:none", "catch-up:all"
# A run that is due for less was not missed: the worker is just being restarted.
GRACE = timedelta(minutes=2)
PAGE = 200


def tags(schedule: dict[str, Any] | None) -> list[str]:
    """What a deployment carries for its schedule."""
    return {"none": [NONE], "all": [ALL]}.get((schedule or {}).get("catchUp", "one"), [])


def catch_up(api: Api, now: datetime | None = None) -> list[str]:
    """Drop the missed runs that nothing is to make up for; a line for each pipeline that had some."""
    now = now or datetime.now(UTC)
    chosen = {"tags": {"all_": [TAG]}}
    due: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in _pages(
        api, "/flow_runs/filter", {**_due(now), "deployments": chosen}, "EXPECTED_START_TIME_ASC"
    ):
        # One that has begun before waits for its retry.
        if run["auto_scheduled"] and run["run_count"] == 0:
            due[run["deployment_id"]].append(run)
    lines = []
    for deployment in _pages(api, "/deployments/filter", {"deployments": chosen}, "NAME_ASC") if due else []:
        runs = due.get(deployment["id"], [])
        missed = [run for run in runs if datetime.fromisoformat(run["expected_start_time"]) < now - GRACE]
        kept = runs[-1] if runs and NONE not in deployment["tags"] else None
        dropped = [run for run in missed if run is not kept]
        if ALL in deployment["tags"] or not dropped:
            continue
        for run in dropped:
            _delete(api, run["id"])
        rest = "" if kept is None else f", that of {kept['expected_start_time']} makes up for them"
        lines.append(f"{deployment['name']}: {len(dropped)} missed runs are left out{rest}")
    return lines


def _due(now: datetime) -> dict[str, Any]:
    state = {"type": {"any_": ["SCHEDULED"]}}
    return {"flow_runs": {"state": state, "expected_start_time": {"before_": now.isoformat()}}}


def _pages(api: Api, path: str, wanted: dict[str, Any], sort: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := api.call("POST", path, {**wanted, "sort": sort, "limit": PAGE, "offset": len(found)}):
        found += page
    return found


def _delete(api: Api, run: str) -> None:
    """Another worker may have done it."""
    try:
        api.call("DELETE", f"/flow_runs/{run}")
    except ApiError as error:
        if error.status != 404:
            raise
