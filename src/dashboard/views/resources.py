"""Resources: CPU, memory and disk of every container, now and over time."""

from __future__ import annotations

import streamlit as st

from backends import resources
from backends.fetch import Answer, gather
from look import formatting
from look.charts import lines
from look.parts import empty, figure, grid, heading, meter, show, title, trouble

TIMES = {"15 min": 900, "1 hour": 3600, "6 hours": 21600, "24 hours": 86400}


def page() -> None:
    """The choice of time stays; the charts renew themselves."""
    show(title("Resources", "what the containers of this stack use"))
    chosen = st.segmented_control(
        "Time",
        list(TIMES),
        default="15 min",
        label_visibility="collapsed",
        key="time",
        bind="query-params",
    )
    _charts(TIMES[chosen or "15 min"])


@st.fragment(run_every=10)
def _charts(seconds: int) -> None:
    said = gather(
        memory=resources.memory(),
        cpu=resources.cpu(),
        memory_over=resources.memory_over(seconds),
        cpu_over=resources.cpu_over(seconds),
        disk=resources.disk(),
        volumes=resources.volumes(),
    )
    memory, cpu = said["memory"], said["cpu"]
    show(trouble("Prometheus", memory))
    if not memory.known:
        if memory.error and "not part of" in memory.error:
            show(
                empty(
                    "Prometheus is not part of this stack",
                    "<code>services.prometheus.enabled: true</code> in the stack's file adds it.",
                )
            )
        return
    if not memory.value.measured:
        show(
            empty(
                "Processor and memory of containers are not measured",
                "The cluster has no metrics API: metrics-server provides it.",
            )
        )
    elif not memory.value.by_container:
        show(
            empty(
                "Nothing is measured yet",
                "The agent's first measurement comes a few seconds after its start.",
            )
        )
    show(_figures(memory, cpu, said["disk"]))
    total = resources.total(said["memory_over"].value)
    left, right = st.columns(2)
    with left:
        chart = lines([("all containers", total)], formatting.size, filled=True)
        show(heading("Memory of all containers") + f'<div class="dl-card">{chart}</div>')
        top = lines(resources.top(said["memory_over"].value), formatting.size)
        show(heading("Memory by container", "largest eight") + f'<div class="dl-card">{top}</div>')
    with right:
        machine = cpu.value.machine if cpu.known else None
        whole = [("all containers", resources.total(said["cpu_over"].value))]
        chart = lines(whole, _cores, limit=machine, limit_words="cores of the machine", filled=True)
        show(heading("CPU of all containers") + f'<div class="dl-card">{chart}</div>')
        show(
            heading("CPU by container", "largest eight")
            + f'<div class="dl-card">{lines(resources.top(said["cpu_over"].value), _cores)}</div>'
        )
    show(heading("Memory against its limit", "now"))
    show(f'<div class="dl-card">{_limits(memory)}</div>')
    _volumes(said["volumes"])


def _cores(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _figures(memory: Answer, cpu: Answer, disk: Answer) -> str:
    use = memory.value
    share = (
        f"{formatting.percent(use.used / use.limit)} of all limits, {formatting.size(use.limit)}"
        if use.limit
        else ""
    )
    machine = cpu.value.machine if cpu.known else None
    cores = _cores(cpu.value.cores) if cpu.known and cpu.value.cores is not None else formatting.NONE
    cards = [
        figure("Memory", formatting.size(use.used) if use.by_container else formatting.NONE, share),
        figure("CPU", cores,
               f"of {formatting.number(machine)} cores" if machine else "cores"),
        figure("Containers", formatting.number(len(use.by_container))),
    ]  # fmt: skip
    if disk.known and disk.value:
        free, size = disk.value
        cards.append(
            figure(
                "Disk free",
                formatting.size(free),
                f"of {formatting.size(size)}",
                tone="bad" if free < size * 0.1 else "",
            )
        )
    return grid(cards, "10rem", small=True)


def _limits(memory: Answer) -> str:
    use = memory.value
    names = sorted(use.by_container, key=lambda name: -use.by_container[name])
    return "".join(
        meter(
            name,
            use.by_container[name],
            use.limits.get(name),
            f"{formatting.size(use.by_container[name])} of {formatting.size(use.limits.get(name))}",
        )
        for name in names
    )


def _volumes(volumes: Answer) -> None:
    if volumes.known and volumes.value:
        show(heading("Volumes", "used of their declared size"))
        rows = "".join(
            meter(name, used, size, f"{formatting.size(used)} of {formatting.size(size)}")
            for name, used, size in volumes.value
        )
        show(f'<div class="dl-card">{rows}</div>')
