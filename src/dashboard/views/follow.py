"""Follows one run until it ends."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import streamlit as st

from backends import core, prefect
from backends.fetch import gather
from look import formatting
from look.parts import link, pill, show, trouble
from views.shared import run_url


def follow() -> None:
    """Shows the run that was started here, renewed each second until it has ended."""
    run_id = st.session_state.get("followed")
    if run_id is None:
        return
    if st.session_state.get("followed-ended") == run_id:
        _once(run_id)
    else:
        st.fragment(_once, run_every=1)(run_id)


def _once(run_id: str) -> None:
    said = gather(run=prefect.run(run_id), logs=prefect.run_logs(run_id), registry=core.registry())
    show(trouble("Prefect", said["run"]))
    if not said["run"].known:
        return
    run = said["run"].value
    state = prefect.state(run)
    url = run_url(core.public_url(said["registry"].value, "prefect"), run_id)
    lines = "".join(
        f'<div class="l {"error" if each["level"] >= 40 else "warning" if each["level"] >= 30 else ""}">'
        f'<span class="d">{formatting.clock(each["timestamp"])[11:19]}</span><span class="s">{formatting.text(each["name"])}</span>'
        f'<span class="v">{_level(each["level"])}</span><span class="m">{formatting.text(formatting.clip(each["message"], 2000))}</span></div>'
        for each in (said["logs"].value or [])[-60:]
    )
    message = (
        f'<div class="dim">{formatting.text(formatting.clip(prefect.message(run), 600))}</div>'
        if state in prefect.ENDED
        else ""
    )
    show(
        f'<section class="dl-card"><div class="top"><div class="name">run {link(url, run.get("name") or run_id[:8])}</div>'
        f"{pill(state, str(run.get('state_name') or state).lower())}</div>"
        f'<div class="dim">{formatting.duration(prefect.seconds(run))} · started {formatting.when(run.get("start_time"))}</div>{message}'
        f'<div class="dl-log" style="margin-top:.5rem">{lines}</div></section>'
    )
    if state in prefect.ENDED and st.session_state.get("followed-ended") != run_id:
        st.session_state["followed-ended"] = run_id
        st.rerun()


def _level(number: int) -> str:
    return "error" if number >= 40 else "warning" if number >= 30 else "info" if number >= 20 else "debug"
