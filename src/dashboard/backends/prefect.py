"""Prefect: deployments, their runs, and starting, pausing and following them. Plain REST, no client."""

from __future__ import annotations

from typing import Any

from backends.fetch import Question, ask, call, forget

#: What the platform's own runs carry, which prove that the worker works.
OWN_TAGS = {"datalab-system", "datalab-health"}
OWN_FLOWS = "datalab-"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def _post(path: str, body: Any = None) -> Any:
    answer = call("prefect", "POST", f"/api{path}", body=body or {})
    return answer.json() if answer.content else None


def deployments() -> Question:
    """Every pipeline: schedule, parameters, whether it is paused."""
    return ask(("prefect", "deployments"), _deployments, 10)


def _deployments() -> list[dict[str, Any]]:
    found = _post("/deployments/filter", {"limit": 200, "sort": "NAME_ASC"})
    flows = {each["id"]: each["name"] for each in _post("/flows/filter", {"limit": 200})}
    return [
        {**each, "flow": flows.get(each["flow_id"], each["name"]), "paused": _paused(each)}
        for each in found
        if not OWN_TAGS.intersection(each.get("tags", []))
        and not flows.get(each["flow_id"], "").startswith(OWN_FLOWS)
    ]


def _paused(deployment: dict[str, Any]) -> bool:
    """Paused as a whole, or with its schedules switched off on Prefect's own page."""
    schedules = deployment.get("schedules") or []
    off = bool(schedules) and not any(each.get("active", True) for each in schedules)
    return bool(deployment.get("paused")) or off


def pipeline_names(found: list[dict[str, Any]] | None) -> dict[str, str]:
    """Names of pipelines by the id of their deployment."""
    return {each["id"]: each["name"] for each in found or []}


def runs(limit: int = 100) -> Question:
    """The last runs of all pipelines, newest first."""
    return ask(("prefect", "runs", limit), lambda: _runs(limit), 4)


def _runs(limit: int) -> list[dict[str, Any]]:
    wanted = {
        "flow_runs": {"state": {"type": {"not_any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": min(200, limit + 20),
    }
    found = _post("/flow_runs/filter", wanted)
    return [each for each in found if not OWN_TAGS.intersection(each.get("tags", []))][:limit]


def upcoming() -> Question:
    """The next scheduled runs, soonest first."""
    wanted = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 50,
    }
    return ask(("prefect", "upcoming"), lambda: _post("/flow_runs/filter", wanted), 10)


def run(run_id: str) -> Question:
    """One run as it is now."""
    return ask(
        ("prefect", "run", run_id), lambda: call("prefect", "GET", f"/api/flow_runs/{run_id}").json(), 0.8
    )


def run_logs(run_id: str, limit: int = 200) -> Question:
    """What a run has written, oldest first."""
    wanted = {
        "logs": {"flow_run_id": {"any_": [run_id]}},
        "sort": "TIMESTAMP_ASC",
        "limit": limit,
    }
    return ask(("prefect", "logs", run_id), lambda: _post("/logs/filter", wanted), 1.5)


def start(deployment_id: str, parameters: dict[str, Any]) -> Question:
    """Starts a run now; the answer is the new run."""
    body = {
        "state": {"type": "SCHEDULED", "message": "started in the dashboard"},
        "parameters": parameters,
        "tags": ["dashboard"],
    }
    path = f"/deployments/{deployment_id}/create_flow_run"

    def work() -> Any:
        made = _post(path, body)
        forget("prefect", "runs")
        return made

    # Asked once per click: nothing of it is kept.
    return ask(("prefect", "start", deployment_id, object()), work, 0)


def pause(deployment_id: str, paused: bool) -> Question:
    """Pauses a pipeline's schedule, or lets it go on."""
    word = "pause_deployment" if paused else "resume_deployment"

    def work() -> Any:
        done = _post(f"/deployments/{deployment_id}/{word}")
        if not paused:
            _switch_on(deployment_id)
        forget("prefect", "deployments")
        return done

    return ask(("prefect", word, deployment_id, object()), work, 0)


def _switch_on(deployment_id: str) -> None:
    """Schedules that were switched off alone."""
    path = f"/api/deployments/{deployment_id}"
    for each in call("prefect", "GET", path).json().get("schedules") or []:
        if not each.get("active", True):
            call("prefect", "PATCH", f"{path}/schedules/{each['id']}", body={"active": True})


def seconds(flow_run: dict[str, Any]) -> float | None:
    """How long a run took, or takes until now."""
    value = flow_run.get("total_run_time") or flow_run.get("estimated_run_time")
    return float(value) if value else None


def state(flow_run: dict[str, Any]) -> str:
    """A run's state in capitals: COMPLETED, FAILED, RUNNING, ..."""
    return str(flow_run.get("state_type") or "PENDING")


def message(flow_run: dict[str, Any]) -> str:
    """What a run said when its state changed last."""
    return str((flow_run.get("state") or {}).get("message") or "")


def schedule_words(deployment: dict[str, Any]) -> str:
    """When a pipeline runs by itself, in a few words."""
    words = []
    for each in deployment.get("schedules") or []:
        if not each.get("active", True):
            continue
        what = each.get("schedule") or {}
        if what.get("cron"):
            zone = what.get("timezone") or "UTC"
            words.append(f"{what['cron']} ({zone})")
        elif what.get("interval"):
            words.append(f"every {_duration(float(what['interval']))}")
        elif what.get("rrule"):
            words.append("by a calendar rule")
    return ", ".join(words) if words else "only when started"


def _duration(value: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= size and value % size == 0:
            return f"{value / size:g} {name}"
    return f"{value:g} s"
