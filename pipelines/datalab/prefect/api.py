"""The few calls of Prefect's API that the worker's own program needs.

Plain HTTP, because importing Prefect costs seconds of a worker's start.
"""

from __future__ import annotations

import base64
import json
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

POOL = "default"
ACTIVE = ("PENDING", "RUNNING", "CANCELLING")
# A claimed run is Running well before this; older than it, nobody is at work on it.
CLAIM_SECONDS = 60


class ApiError(Exception):
    """Prefect's API did not do what it was asked."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Run:
    """A flow run that has not ended."""

    id: str
    name: str
    state: str
    since: datetime
    host: str | None  # where its process was started, when Prefect knows it

    @property
    def age(self) -> float:
        return (datetime.now(UTC) - self.since).total_seconds()


class Api:
    """The few calls that are needed."""

    def __init__(self, url: str, auth: str | None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if auth:
            self._headers["Authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON; every failure is an ApiError. The server's own get seconds to pass."""
        for tries in range(8):
            try:
                return self._once(method, path, body)
            except ApiError as error:
                if tries == 7 or (error.status is not None and error.status < 500):
                    raise
                time.sleep(1)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: object) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as error:
            detail = error.read(500).decode(errors="replace")
            raise ApiError(f"{method} {path} answered {error.code}: {detail}", error.code) from None
        except OSError as error:
            raise ApiError(f"{method} {path}: {getattr(error, 'reason', error)}") from None
        return json.loads(text) if text else None

    def runs(self) -> list[Run]:
        """The pool's runs that are claimed, running or being cancelled."""
        found = self.call(
            "POST",
            "/flow_runs/filter",
            {
                "flow_runs": {"state": {"type": {"any_": list(ACTIVE)}}},
                "work_pools": {"name": {"any_": [POOL]}},
                "limit": 200,
            },
        )
        return [
            Run(
                id=each["id"],
                name=each["name"],
                state=each["state"]["type"],
                since=_time(each["state"]["timestamp"]),
                host=host if (host := (each.get("infrastructure_pid") or "").rpartition(":")[0]) else None,
            )
            for each in found
        ]

    def unchanged(self, run: Run) -> bool:
        """Whether a run is still in the state that it was listed in."""
        try:
            state = self.call("GET", f"/flow_runs/{run.id}")["state"]
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return (state["type"], _time(state["timestamp"])) == (run.state, run.since)

    def set_state(self, run: Run, type_: str, message: str) -> None:
        """Move a run; one that is gone needs no move."""
        state: dict[str, Any] = {"type": type_, "message": message}
        if type_ == "SCHEDULED":
            state["state_details"] = {"scheduled_time": datetime.now(UTC).isoformat()}
        try:
            # Forced: of what died while it was being cancelled, Prefect takes no other end than Cancelled.
            self.call("POST", f"/flow_runs/{run.id}/set_state", {"state": state, "force": True})
        except ApiError as error:
            if error.status != 404:
                raise

    def other_workers(self, name: str) -> bool:
        """Whether another worker of the pool has reported lately."""
        workers = self.call("POST", f"/work_pools/{POOL}/workers/filter", {"limit": 200})
        return any(each["status"] == "ONLINE" and each["name"] != name for each in workers)

    def forget_worker(self, name: str) -> None:
        """Take a worker off the pool's list; another may have done it."""
        try:
            self.call("DELETE", f"/work_pools/{POOL}/workers/{quote(name)}")
        except ApiError as error:
            if error.status != 404:
                raise


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def say(line: str) -> None:
    """One line per action, to stderr. What begins with dots is only for those who watch."""
    print(line, file=sys.stderr, flush=True)
