"""Prometheus: instant and range queries, and the questions that several pages ask."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from backends.fetch import Question, Unavailable, ask, call

#: Points of a line: enough for a chart a screen wide.
POINTS = 120


@dataclass(frozen=True)
class Series:
    """One line: its labels, and points of (seconds since 1970, value)."""

    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1] if self.points else math.nan


def instant(query: str, ttl: float = 8) -> Question:
    """Series with one point each."""
    return ask(("prometheus", "instant", query), lambda: now(query), ttl)


def over(query: str, seconds: int, ttl: float = 10) -> Question:
    """Series over the last `seconds`."""
    return ask(("prometheus", "range", query, seconds), lambda: _range(query, seconds), ttl)


def now(query: str) -> list[Series]:
    """Asks at once: for work that is already bounded by `ask`."""
    found = _data(call("prometheus", "GET", "/api/v1/query", params={"query": query, "timeout": "3s"}).json())
    return [Series(each["metric"], _points([each["value"]])) for each in found]


def _range(query: str, seconds: int) -> list[Series]:
    end = time.time()
    step = max(5, seconds // POINTS)
    params = {"query": query, "start": end - seconds, "end": end, "step": step, "timeout": "3s"}
    found = _data(call("prometheus", "GET", "/api/v1/query_range", params=params).json())
    return [Series(each["metric"], _points(each["values"])) for each in found]


def _data(said: dict[str, Any]) -> list[dict[str, Any]]:
    if said.get("status") != "success":
        raise Unavailable(f"it refused the query: {said.get('error', 'no reason given')}")
    return list(said["data"]["result"])


def _points(values: list[list[Any]]) -> list[tuple[float, float]]:
    return [(float(at), float(value)) for at, value in values if math.isfinite(float(value))]


def by(series: list[Series] | None, label: str) -> dict[str, float]:
    """The newest value by a label; several series with the same label are added up."""
    found: dict[str, float] = {}
    for each in series or []:
        name = each.labels.get(label, "")
        if each.points:
            found[name] = found.get(name, 0.0) + each.last
    return found
