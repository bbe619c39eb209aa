"""Use of CPU, memory and disk, from what the host agent and node exporter measure. The only place with metric names."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from backends import prometheus
from backends.fetch import Answer, ask
from backends.prometheus import Series
from settings import settings

USED = "datalab_container_memory_working_set_bytes"
LIMIT = "datalab_container_memory_limit_bytes"
CPU = "datalab_container_cpu_seconds_total"


@dataclass(frozen=True)
class Memory:
    """Bytes by container, their limits, and the budget of all together."""

    by_container: dict[str, float]
    limits: dict[str, float]
    budget: float | None

    @property
    def used(self) -> float:
        """Bytes of all containers."""
        return sum(self.by_container.values())

    @property
    def limit(self) -> float:
        """Limits of all containers."""
        return sum(self.limits.values())


@dataclass(frozen=True)
class Cpu:
    """Cores in use, and how many the machine has."""

    cores: float | None
    machine: float | None
    by_container: dict[str, float]


def memory() -> Future[Answer]:
    """Memory now."""
    return ask(("resources", "memory"), _memory, 8)


def _memory() -> Memory:
    return Memory(
        prometheus.by(prometheus.now(f"sum by (workload) ({USED})"), "workload"),
        prometheus.by(prometheus.now(f"sum by (workload) ({LIMIT})"), "workload"),
        settings().budget_bytes,
    )


def cpu() -> Future[Answer]:
    """CPU over the last minute."""
    return ask(("resources", "cpu"), _cpu, 8)


def _cpu() -> Cpu:
    by_container = prometheus.by(prometheus.now(f"sum by (workload) (rate({CPU}[1m]))"), "workload")
    machine = prometheus.now('count(count by (cpu) (node_cpu_seconds_total))')
    return Cpu(
        sum(by_container.values()) if by_container else None,
        machine[0].last if machine and machine[0].points else None,
        by_container,
    )


def memory_over(seconds: int) -> Future[Answer]:
    """Memory by workload over time."""
    return prometheus.over(f"sum by (workload) ({USED})", seconds)


def cpu_over(seconds: int) -> Future[Answer]:
    """Cores in use by workload over time."""
    return prometheus.over(f"sum by (workload) (rate({CPU}[1m]))", seconds)


def top(series: list[Series] | None, most: int = 8) -> list[tuple[str, list[tuple[float, float]]]]:
    """The largest lines by their newest value, by name."""
    ordered = sorted(series or [], key=lambda each: -(each.last if each.points else 0))
    return [(each.labels.get("workload") or "?", each.points) for each in ordered[:most]]


def total(series: list[Series] | None) -> list[tuple[float, float]]:
    """All lines added up."""
    sums: dict[float, float] = {}
    for each in series or []:
        for at, value in each.points:
            sums[at] = sums.get(at, 0.0) + value
    return sorted(sums.items())
