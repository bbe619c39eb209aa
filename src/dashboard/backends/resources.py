"""Use of CPU, memory and disk, as agent and node exporter measure it. The one place with metric names."""

from __future__ import annotations

from dataclasses import dataclass

from backends import prometheus
from backends.fetch import Question, ask
from backends.prometheus import Series
from settings import settings

USED = "datalab_container_memory_bytes"
LIMIT = "datalab_container_memory_limit_bytes"
CPU = "datalab_container_cpu_seconds_total"
MEASURED = "datalab_agent_usage_measured"


@dataclass(frozen=True)
class Memory:
    """Bytes by container, their limits, and the sum of the limits that the stack declares."""

    by_container: dict[str, float]
    limits: dict[str, float]
    declared: float | None
    #: False where what runs the containers does not tell.
    measured: bool = True

    @property
    def used(self) -> float:
        """Bytes of all containers."""
        return sum(self.by_container.values())

    @property
    def limit(self) -> float:
        """What all containers together may use."""
        return self.declared or sum(self.limits.values())


@dataclass(frozen=True)
class Cpu:
    """Cores in use, and how many the machine has."""

    cores: float | None
    machine: float | None
    by_container: dict[str, float]


def memory() -> Question:
    """Memory now."""
    return ask(("resources", "memory"), _memory, 8)


def _memory() -> Memory:
    measured = prometheus.now(f"max({MEASURED})")
    return Memory(
        prometheus.by(prometheus.now(f"sum by (workload) ({USED})"), "workload"),
        prometheus.by(prometheus.now(f"sum by (workload) ({LIMIT})"), "workload"),
        settings().limit_bytes,
        not (measured and measured[0].points and measured[0].last == 0),
    )


def cpu() -> Question:
    """CPU over the last minute."""
    return ask(("resources", "cpu"), _cpu, 8)


def _cpu() -> Cpu:
    by_container = prometheus.by(prometheus.now(f"sum by (workload) (rate({CPU}[1m]))"), "workload")
    machine = prometheus.now("count(count by (cpu) (node_cpu_seconds_total))")
    return Cpu(
        sum(by_container.values()) if by_container else None,
        machine[0].last if machine and machine[0].points else None,
        by_container,
    )


def lake_totals() -> Question:
    """Tables, rows and bytes of the lake as the core's collector measures them; None when it does not."""
    return ask(("resources", "lake"), _lake_totals, 15)


def _lake_totals() -> tuple[int, int, int] | None:
    found = prometheus.by(
        prometheus.now(
            'label_replace(count(datalab_table_version), "what", "tables", "", "")'
            ' or label_replace(sum(datalab_table_rows), "what", "rows", "", "")'
            ' or label_replace(sum(datalab_table_bytes), "what", "bytes", "", "")'
        ),
        "what",
    )
    if "tables" not in found:
        return None
    return int(found["tables"]), int(found.get("rows", 0)), int(found.get("bytes", 0))


def disk() -> Question:
    """Free bytes and size of the machine's disk, or None when nobody measures it."""
    return ask(("resources", "disk"), _disk, 15)


def _disk() -> tuple[float, float] | None:
    free = prometheus.now('max(node_filesystem_avail_bytes{mountpoint="/"})')
    size = prometheus.now('max(node_filesystem_size_bytes{mountpoint="/"})')
    return (free[0].last, size[0].last) if free and size else None


def volumes() -> Question:
    """Name, used bytes and declared size of every volume, the fullest first."""
    return ask(("resources", "volumes"), _volumes, 30)


def _volumes() -> list[tuple[str, float, float]]:
    used = prometheus.by(prometheus.now("max by (volume) (datalab_volume_size_bytes)"), "volume")
    sizes = prometheus.by(prometheus.now("max by (volume) (datalab:volume_declared_bytes)"), "volume")
    # Those without a declared size hold settings, not data.
    found = [(name, used[name], sizes[name]) for name in used if sizes.get(name)]
    prefix = f"datalab-{settings().stack}-"
    return sorted(
        ((name.removeprefix(prefix), bytes_, size) for name, bytes_, size in found),
        key=lambda each: -each[1] / each[2],
    )


def memory_over(seconds: int) -> Question:
    """Memory by workload over time."""
    return prometheus.over(f"sum by (workload) ({USED})", seconds)


def cpu_over(seconds: int) -> Question:
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
