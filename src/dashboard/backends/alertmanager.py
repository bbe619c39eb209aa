"""Alertmanager: what fires now, and what is silenced."""

from __future__ import annotations

from typing import Any

from backends.fetch import Question, ask, call

#: Fires always, to prove that alerts find their way: nothing that people should see.
HEARTBEAT = "Heartbeat"


def active() -> Question:
    """Alerts that fire now, the most severe first."""
    return ask(("alertmanager", "alerts"), _active, 5)


def _active() -> list[dict[str, Any]]:
    params = {"active": "true", "silenced": "true", "inhibited": "true"}
    found = call("alertmanager", "GET", "/api/v2/alerts", params=params).json()
    return order([each for each in found if each["labels"].get("alertname") != HEARTBEAT])


def order(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Silenced ones last; critical before warning before info; newest first."""
    rank = {"critical": 0, "warning": 1, "info": 2}
    newest = sorted(alerts, key=lambda each: str(each.get("startsAt", "")), reverse=True)
    return sorted(
        newest,
        key=lambda each: (silenced(each), rank.get((each.get("labels") or {}).get("severity", ""), 3)),
    )


def silenced(alert: dict[str, Any]) -> bool:
    """Whether somebody silenced it, or a graver alert explains it."""
    status = alert.get("status")
    return isinstance(status, dict) and status.get("state") == "suppressed"
