"""Overview: whether all is well, at a glance."""

from __future__ import annotations

import time

import streamlit as st

from backends import alertmanager, core, prefect, resources
from backends.fetch import Answer, gather
from lake import client as lake
from look import words
from look.parts import empty, figure, grid, heading, pill, show, table, title, trouble
from views.service_card import card
from views.shared import ALERT_COLUMNS, RUN_COLUMNS, active_alerts, alert_row, run_row



@st.fragment(run_every=5)
def page() -> None:
    """The whole page is one fragment: it renews itself, and the browser keeps what has not changed."""
    said = gather(
        registry=core.registry(),
        health=core.health(),
        firing=alertmanager.active(),
        alerts=core.alerts(),
        runs=prefect.runs(),
        tables=lake.tables(60),
        memory=resources.memory(),
        cpu=resources.cpu(),
    )
    registry, health = said["registry"], said["health"]
    state = str((health.value or {}).get("state", "unknown")) if not health.error else "unknown"
    links = registry.value or {}
    fresh = f'<span class="dim">updated {words.clock(time.time())[11:]}</span>'
    show(title("Overview", f"Stack {links.get('stack', '')}: {_summary(health)}", fresh))
    show(trouble("core", health) + (trouble("service registry", registry) if not health.error else ""))
    firing, source = active_alerts(said["firing"], said["alerts"])
    show(grid([_state(state, health), _alerts(firing, source), _runs(said["runs"]), _lake(said["tables"]),
               _memory(said["memory"]), _cpu(said["cpu"])], "10.500rem", small=True))  # fmt: skip
    if firing:
        show(heading("Active alerts") + table(ALERT_COLUMNS, [alert_row(each) for each in firing[:8]]))
    show(heading("Services", f"{words.plural(len(core.by_name(links)), 'service')}, bars: latency of the last checks"))
    show(_services(registry, health))
    show(heading("Last pipeline runs", '<a href="/pipelines" target="_self">all pipelines</a>'))
    show(_last_runs(said["runs"], links))


def _summary(health: Answer) -> str:
    services = (health.value or {}).get("services", [])
    if not services:
        return "what the platform is made of is not known"
    well = sum(1 for each in services if each["state"] == "healthy")
    checks = [check for each in services for check in each["checks"]]
    passing = sum(1 for check in checks if check.get("ok"))
    return f"{well} of {words.plural(len(services), 'service')} healthy, {passing} of {len(checks)} checks pass"


def _state(state: str, health: Answer) -> str:
    tone = {"degraded": "warn", "down": "bad"}.get(state, "")
    aside = f"checked {words.ago((health.value or {}).get('at'))}" if health.known else "the core does not answer"
    return figure("Platform", f"{pill(state, state.capitalize())}", aside, word=True, tone=tone)


def _alerts(firing: list[dict], source: Answer) -> str:
    if source.error and not source.known:
        return figure("Active alerts", words.NONE, words.text(source.error))
    worst = firing[0]["severity"] if firing else ""
    tone = {"critical": "bad", "warning": "warn"}.get(worst, "")
    return figure("Active alerts", str(len(firing)), f"worst: {words.text(worst)}" if firing else "nothing fires", tone=tone)


def _runs(runs: Answer) -> str:
    if not runs.known:
        return figure("Runs, 24 h", words.NONE, words.text(runs.error or ""))
    day = [each for each in runs.value if (words.moment(each.get("expected_start_time")) or 0) > time.time() - 86400]
    failed = sum(1 for each in day if prefect.state(each) in ("FAILED", "CRASHED"))
    active = sum(1 for each in day if prefect.state(each) in ("RUNNING", "PENDING"))
    aside = f"{failed} failed" + (f", {active} running" if active else "")
    return figure("Runs, 24 h", f"{len(day):,}", aside, tone="bad" if failed else "")


def _lake(tables: Answer) -> str:
    if not tables.known:
        return figure("Lake", words.NONE, words.text(tables.error or ""))
    good = [each for each in tables.value if "error" not in each]
    aside = f"{words.plural(len(good), 'table')}, {words.size(sum(each['bytes'] for each in good))}"
    return figure("Rows in the lake", words.number(sum(each["rows"] for each in good)), aside)


def _memory(memory: Answer) -> str:
    if not memory.known or not memory.value.used:
        return figure("Memory", words.NONE, words.text(memory.error or "not measured yet"))
    use = memory.value
    budget = use.budget or use.limit
    aside = f"of {words.size(budget)} {'budget' if use.budget else 'limits'}" if budget else "no budget known"
    tone = "warn" if use.budget and use.used > use.budget else ""
    return figure("Memory", words.size(use.used), aside, tone=tone)


def _cpu(cpu: Answer) -> str:
    if not cpu.known or cpu.value.cores is None:
        return figure("CPU", words.NONE, words.text(cpu.error or "not measured yet"))
    of = f"of {words.number(cpu.value.machine)} cores" if cpu.value.machine else "cores in use"
    return figure("CPU", words.number(round(cpu.value.cores, 2)), of)


def _services(registry: Answer, health: Answer) -> str:
    known, states = core.by_name(registry.value), core.by_name(health.value)
    names = list(known) + [name for name in states if name not in known]
    if not names:
        return empty("No service is known", "The core does not answer. <code>./datalab platform status</code> says why.")
    rank = {"down": 0, "degraded": 1}
    names.sort(key=lambda name: rank.get(states.get(name, {}).get("state", ""), 2))
    return grid([card(known.get(name, {"name": name}), states.get(name), health) for name in names])


def _last_runs(runs: Answer, links: dict) -> str:
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
    return problem + table(RUN_COLUMNS, [run_row(each, base) for each in runs.value[:6]])


