"""Overview: whether all is well, at a glance."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from backends import alertmanager, core, prefect, resources
from backends.fetch import Answer, Question, gather
from lake import client as lake
from look import formatting
from look.parts import empty, figure, grid, heading, pill, show, table, title, trouble
from settings import settings
from views.service_card import card
from views.shared import ALERT_COLUMNS, RUN_COLUMNS, active_alerts, alert_row, run_row, watched

NEW = "overview-new"


def page() -> None:
    """The whole page is one fragment: it renews itself, and the browser keeps what has not changed."""
    st.session_state[NEW] = True
    _page()


@st.fragment(run_every=5)
def _page() -> None:
    questions = {
        "registry": core.registry(),
        "health": core.health(),
        "firing": alertmanager.active(),
        "alerts": core.alerts(),
        "runs": prefect.runs(),
        "deployments": prefect.deployments(),
        "memory": resources.memory(),
        "cpu": resources.cpu(),
        "totals": resources.lake_totals(),
    }
    if not st.session_state.pop(NEW, False):
        # A renewal. What is on the page stays until all answers are there: an emptied page scrolls to its
        # top.
        _draw(_with_tables(gather(**questions), questions, 1.0), [None] * 3)
        return
    places = [st.empty() for _ in range(3)]
    said = _with_tables(gather(0.35, **questions), questions, 0.05)
    _draw(said, places)
    # Who is slow must not keep the others from the screen.
    if any(each.waiting for each in said.values()):
        _draw(gather(**questions), places)


def _with_tables(
    said: dict[str, Answer], questions: dict[str, Question], patience: float
) -> dict[str, Answer]:
    """The answers, and those about tables where nothing measures them."""
    if said["totals"].waiting or said["totals"].value:
        return said
    questions["tables"] = lake.tables(60)
    return {**said, "tables": questions["tables"].answer(patience)}


def _draw(said: dict[str, Answer], places: list[Any]) -> None:
    registry, health = said["registry"], said["health"]
    links = registry.value or {}
    fresh = f'<span class="dim">updated {formatting.clock(time.time())[11:]}</span>'
    firing, source = active_alerts(said["firing"], said["alerts"])
    figures = [
        _state(health, firing),
        _alerts(firing, source) if watched(said["firing"]) else _unwatched(said["firing"]),
        _runs(said["runs"]),
        _lake(said["totals"], said.get("tables")),
        _memory(said["memory"]),
        _cpu(said["cpu"]),
    ]
    show(
        title("Overview", f"Stack {settings().stack}: {_summary(health)}", fresh)
        + trouble("core", health)
        + (trouble("service registry", registry) if not health.error else "")
        + grid(figures, "10.5rem", small=True),
        places[0],
    )
    alerts = ""
    if firing:
        alerts = heading("Active alerts", '<a href="alerts" target="_self">all alerts</a>')
        alerts += table(ALERT_COLUMNS, [alert_row(each) for each in firing[:8]], stack=True)
    count = formatting.plural(len(core.by_name(links) or core.by_name(health.value)), "service")
    side = f"{count} · bars: how long the last checks took"
    show(alerts + heading("Services", side) + _services(registry, health), places[1])
    more = '<a href="pipelines" target="_self">all pipelines</a>'
    show(
        heading("Last pipeline runs", more) + _last_runs(said["runs"], said["deployments"], links), places[2]
    )


def _summary(health: Answer) -> str:
    services = (health.value or {}).get("services", [])
    if not services:
        return "what the platform is made of is not known"
    well = sum(1 for each in services if each["state"] == "healthy")
    checks = [check for each in services for check in each["checks"]]
    passing = sum(1 for check in checks if check.get("ok"))
    healthy = f"{well} of {formatting.plural(len(services), 'service')} healthy"
    return f"{healthy}, {passing} of {len(checks)} checks pass"


def _why(answer: Answer) -> str:
    if answer.waiting:
        return "asking…"
    return formatting.text(answer.error or "not measured yet")


def _state(health: Answer, firing: list[dict]) -> str:
    state = "unknown" if health.error else str(health.value["state"])
    tone = {"degraded": "warn", "down": "bad"}.get(state, "")
    aside = (
        f"checked {formatting.ago((health.value or {}).get('at'))}"
        if health.known
        else "the core does not answer"
    )
    critical = [each for each in firing if each["severity"] == "critical" and each["status"] == "firing"]
    if state == "healthy" and critical:
        # All checks pass, and something is wrong all the same: no green beside it.
        about = f"all checks pass; {formatting.plural(len(critical), 'critical alert')}"
        return figure("Platform", pill("critical", "Alerting"), about, word=True, tone="bad")
    return figure("Platform", f"{pill(state, state.capitalize())}", aside, word=True, tone=tone)


def _alerts(firing: list[dict], source: Answer) -> str:
    if source.error and not source.known:
        return figure("Active alerts", formatting.NONE, _why(source))
    worst = firing[0]["severity"] if firing else ""
    tone = {"critical": "bad", "warning": "warn"}.get(worst, "")
    return figure(
        "Active alerts",
        str(len(firing)),
        f"worst: {formatting.text(worst)}" if firing else "nothing fires",
        tone=tone,
    )


def _unwatched(firing: Answer) -> str:
    return figure("Active alerts", formatting.NONE, _why(firing))


def _runs(runs: Answer) -> str:
    if not runs.known:
        return figure("Runs, 24 h", formatting.NONE, _why(runs))
    day = [
        each
        for each in runs.value
        if (formatting.moment(each.get("expected_start_time")) or 0) > time.time() - 86400
    ]
    failed = sum(1 for each in day if prefect.state(each) in ("FAILED", "CRASHED"))
    active = sum(1 for each in day if prefect.state(each) in ("RUNNING", "PENDING"))
    aside = f"{failed} failed" + (f", {active} running" if active else "")
    return figure("Runs, 24 h", f"{len(day):,}", aside, tone="bad" if failed else "")


def _lake(totals: Answer, tables: Answer | None) -> str:
    """From what the core measures all the time; only without that, the lake itself is read."""
    label = "Rows in the lake"
    if totals.known and totals.value:
        count, rows, size = totals.value
    elif tables is not None and tables.known:
        good = [each for each in tables.value if "error" not in each]
        count, rows, size = len(good), sum(each["rows"] for each in good), sum(each["bytes"] for each in good)
    else:
        return figure(label, formatting.NONE, _why(tables or totals))
    return figure(
        label, formatting.number(rows), f"{formatting.plural(count, 'table')}, {formatting.size(size)}"
    )


def _memory(memory: Answer) -> str:
    if not memory.known or not memory.value.used:
        return figure("Memory", formatting.NONE, _why(memory))
    use = memory.value
    return figure("Memory", formatting.size(use.used), f"of {formatting.size(use.limit)} limits")


def _cpu(cpu: Answer) -> str:
    if not cpu.known or cpu.value.cores is None:
        return figure("CPU", formatting.NONE, _why(cpu))
    of = f"of {formatting.number(cpu.value.machine)} cores" if cpu.value.machine else "cores in use"
    return figure("CPU", formatting.number(round(cpu.value.cores, 2)), of)


def _services(registry: Answer, health: Answer) -> str:
    known, states = core.by_name(registry.value), core.by_name(health.value)
    names = list(known) + [name for name in states if name not in known]
    if not names:
        return empty(
            "No service is known",
            "The core does not answer. <code>./datalab platform status</code> says why.",
        )
    rank = {"down": 0, "degraded": 1, "starting": 2}
    names.sort(key=lambda name: rank.get(states.get(name, {}).get("state", ""), 3))
    return grid([card(known.get(name, {"name": name}), states.get(name), health) for name in names])


def _last_runs(runs: Answer, deployments: Answer, links: dict) -> str:
    problem = trouble("prefect", runs)
    if not runs.known:
        return problem
    if not runs.value:
        return problem + empty(
            "No pipeline has run yet",
            "Load a file and run the first one: <code>./datalab data ingest flights.csv flights</code>, then "
            "<code>./datalab pipelines run medallion_etl</code>",
        )
    base = core.public_url(links, "prefect")
    names = prefect.pipeline_names(deployments.value)
    return problem + table(RUN_COLUMNS, [run_row(each, base, names) for each in runs.value[:6]], stack=True)
