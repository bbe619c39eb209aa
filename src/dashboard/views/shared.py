"""What several pages show the same way: runs of pipelines, alerts."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

from typing import Any

from backends import alertmanager, prefect
from backends.fetch import Answer
from look import formatting
from look.parts import link, pill

RUN_COLUMNS = (("Pipeline run", ""), ("State", ""), ("Started", ""), ("Took", "num"), ("Message", "wrap"))
ALERT_COLUMNS = (("Alert", ""), ("Severity", ""), ("Since", ""), ("What", "wrap"))


def run_row(run: dict[str, Any], prefect_url: str | None, names: dict[str, str]) -> list[str]:
    """A run as a table's row."""
    state = prefect.state(run)
    name = run.get("name") or run["id"][:8]
    message = prefect.message(run) if state in ("FAILED", "CRASHED", "CANCELLED") else ""
    pipeline = names.get(run.get("deployment_id") or "", "")
    return [
        f"<b>{formatting.text(pipeline)}</b> " + link(run_url(prefect_url, run["id"]), name),
        pill(state, str(run.get("state_name") or state).lower()),
        formatting.when(run.get("start_time") or run.get("expected_start_time")),
        formatting.duration(prefect.seconds(run)),
        formatting.text(formatting.clip(message, 400)) or '<span class="dim">–</span>',
    ]


def run_url(prefect_url: str | None, run_id: str) -> str | None:
    """A run's page in Prefect."""
    return f"{prefect_url.rstrip('/')}/runs/flow-run/{run_id}" if prefect_url else None


def active_alerts(firing: Answer, core_alerts: Answer) -> tuple[list[dict[str, Any]], Answer]:
    """What fires now, from Alertmanager, or from the core's memory while that does not answer; and whose word it is."""
    if firing.error is None:
        return [plain(each) for each in firing.value], firing
    if core_alerts.error is None:
        return [plain(each) for each in alertmanager.order(core_alerts.value["active"])], core_alerts
    return [plain(each) for each in firing.value or []], firing


def watched(firing: Answer) -> bool:
    """Whether the stack has an Alertmanager: without one, no alert only means that nobody looks."""
    return "not part of" not in (firing.error or "")


def plain(alert: dict[str, Any]) -> dict[str, Any]:
    """An alert of Alertmanager, of the core or of the central log, with the same names for the same things."""
    labels = alert.get("labels") if isinstance(alert.get("labels"), dict) else {}
    notes = alert.get("annotations") if isinstance(alert.get("annotations"), dict) else {}
    status = alert.get("status")
    said = status.get("state") if isinstance(status, dict) else status
    name = labels.get("alertname") or alert.get("name") or alert.get("alertname") or alert.get("alert") or "?"
    shown = {"active": "firing", "suppressed": "silenced"}.get(str(said), str(said or "firing"))
    return {
        "name": name,
        "severity": labels.get("severity") or alert.get("severity") or "info",
        # In the central log `service` is who wrote the line; what the alert says is beside it.
        "service": labels.get("service")
        or alert.get("log.service")
        or alert.get("service")
        or labels.get("job")
        or "",
        "since": alert.get("startsAt") or alert.get("since") or alert.get("at") or alert.get("_time"),
        "ended": alert.get("endsAt"),
        "what": notes.get("summary") or alert.get("summary") or alert.get("_msg") or "",
        "more": notes.get("description") or alert.get("description") or "",
        "status": shown,
        "labels": labels,
    }


def alert_row(alert: dict[str, Any]) -> list[str]:
    """An alert that fires as a table's row."""
    about = f'<div class="dim">{formatting.text(alert["service"])}</div>' if alert["service"] else ""
    silenced = f" {pill('silenced')}" if alert["status"] == "silenced" else ""
    return [
        f"<b>{formatting.text(alert['name'])}</b>{about}",
        pill(alert["severity"]) + silenced,
        formatting.when(alert["since"]),
        formatting.text(alert["what"]) + f'<div class="dim">{formatting.text(alert["more"])}</div>',
    ]
