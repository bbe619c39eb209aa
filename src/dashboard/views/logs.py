"""Logs: all services together, newest first, with filters that stay while new lines come in."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import streamlit as st

from backends import core, logs
from backends.fetch import gather
from look import formatting
from look.parts import empty, link, show, title, trouble

TIMES = {"15 min": "15m", "1 hour": "1h", "6 hours": "6h", "24 hours": "1d", "7 days": "7d"}
LIMIT = 300


def page() -> None:
    """Filters outside of the fragment, lines inside. What is chosen is in the address: it can be sent."""
    registry = gather(registry=core.registry())["registry"]
    url = core.public_url(registry.value, "logs")
    show(title("Logs", "every container of the stack", link(url, "open VictoriaLogs") if url else ""))
    first, second, third, fourth = st.columns([3, 3, 2, 1.4], vertical_alignment="bottom")
    text = first.text_input("Text", placeholder="words, -without", key="text", bind="query-params")
    services = second.multiselect(
        "Services", list(core.by_name(registry.value)), placeholder="all", key="services", bind="query-params"
    )
    levels = third.multiselect(
        "Levels", list(logs.LEVELS), placeholder="all", key="levels", bind="query-params"
    )
    time = fourth.selectbox("Time", list(TIMES), index=1, key="time", bind="query-params")
    live = st.toggle("Live", value=True, key="live", bind="query-params")
    query = logs.compose(tuple(services), tuple(levels), text, TIMES[time])
    st.fragment(_lines, run_every=2 if live else None)(query)


def _lines(query: str) -> None:
    said = logs.search(query, LIMIT).answer()
    show(trouble("logs", said))
    if not said.known:
        if said.error and "not part of" in said.error:
            show(
                empty(
                    "Central logs are not part of this stack",
                    "<code>./datalab services logs NAME</code> reads one service's. "
                    "<code>services.logs.enabled: true</code> and <code>services.agent.enabled: true</code> "
                    "in the stack's file add them.",
                )
            )
        return
    if not said.value:
        show(empty("No line matches", "Take a longer time, fewer words, or all services."))
        return
    lines = "".join(_line(each) for each in said.value if message_of(each).strip())
    count = f"{len(said.value)} lines" + (f", the newest {LIMIT}" if len(said.value) == LIMIT else "")
    show(
        f'<div class="dim" style="margin-bottom:.3rem">{count}</div><div class="dl-scroll dl-log">{lines}</div>'
    )


def _line(line: dict) -> str:
    level = logs.level_of(line)
    at = str(line.get("_time", ""))
    who = line.get("workload") or line.get("service") or line.get("container") or ""
    message = formatting.clip(message_of(line), 3000)
    return (
        f'<div class="l {level}"><span class="d" title="{formatting.text(at)}">{formatting.text(at[5:10])} {formatting.text(at[11:19])}</span>'
        f'<span class="s" title="{formatting.text(who)}">{formatting.text(who)}</span><span class="v">{level}</span>'
        f'<span class="m">{formatting.text(message)}</span></div>'
    )


def message_of(line: dict) -> str:
    """What a line says; of an alert's record the sentence instead of its JSON."""
    if line.get("event") == "alert" and line.get("alert"):
        about = line.get("log.service") or ""
        return f"alert {line['alert']} {about} {line.get('status', '')}: {line.get('summary', '')}"
    return str(line.get("_msg") or "")
