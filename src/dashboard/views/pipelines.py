"""Pipelines: schedules, the last runs, and running one now."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

from typing import Any

import streamlit as st

from backends import core, prefect
from backends.fetch import Answer, gather
from look import formatting
from look.charts import run_bars
from look.parts import TONES, empty, heading, link, pill, show, table, title, trouble
from views.follow import follow
from views.parameters import form
from views.shared import RUN_COLUMNS, run_row, run_url


def page() -> None:
    """The list renews itself; forms stand outside of it, so that what somebody types stays."""
    _overview()
    said = gather(pipelines=prefect.deployments())
    if not said["pipelines"].known or not said["pipelines"].value:
        return
    _start(said["pipelines"].value)
    follow()
    _runs()


@st.fragment(run_every=5)
def _overview() -> None:
    said = gather(
        pipelines=prefect.deployments(),
        runs=prefect.runs(),
        next=prefect.upcoming(),
        registry=core.registry(),
    )
    pipelines = said["pipelines"]
    base = core.public_url(said["registry"].value, "prefect")
    count = formatting.plural(len(pipelines.value or []), "pipeline")
    show(title("Pipelines", f"{count} on this stack", link(base, "open Prefect") if base else ""))
    show(trouble("Prefect", pipelines))
    if pipelines.known and not pipelines.value:
        show(
            empty(
                "No pipeline is registered",
                "A folder in <code>pipelines/</code> with a <code>pipeline.yaml</code> is one; "
                "<code>./datalab up</code> registers it.",
            )
        )
    for each in pipelines.value or []:
        show(_card(each, said["runs"], said["next"], base))


def _card(pipeline: dict[str, Any], runs: Answer, upcoming: Answer, base: str | None) -> str:
    own = [run for run in runs.value or [] if run.get("deployment_id") == pipeline["id"]]
    last = own[0] if own else None
    bars = [
        (
            TONES.get(prefect.state(run).lower(), "none"),
            prefect.seconds(run) or 0.0,
            f"{run.get('name')}: {prefect.state(run).lower()}, {formatting.duration(prefect.seconds(run))}, "
            f"{formatting.clock(run.get('start_time') or run.get('expected_start_time'))}",
            run_url(base, run["id"]),
        )
        for run in reversed(own[:40])
    ]
    ended = [run for run in own if prefect.state(run) in prefect.ENDED]
    good = sum(1 for run in ended if prefect.state(run) == "COMPLETED")
    paused = pipeline.get("paused")
    state = pill("paused") if paused else pill(prefect.state(last)) if last else pill("none", "never ran")
    following = [run for run in upcoming.value or [] if run.get("deployment_id") == pipeline["id"]]
    coming = (
        f" · next {formatting.when(following[0].get('expected_start_time'))}"
        if following and not paused
        else ""
    )
    failure = ""
    if last and prefect.state(last) in ("FAILED", "CRASHED"):
        failure = f'<div style="color:var(--bad);overflow-wrap:anywhere">{formatting.text(formatting.clip(prefect.message(last), 600))}</div>'
    numbers = f"{good} of the last {len(ended)} completed" if ended else "no run has ended yet"
    took = f" · last took {formatting.duration(prefect.seconds(ended[0]))}" if ended else ""
    when = (
        f"last run {formatting.when(last.get('start_time') or last.get('expected_start_time'))}"
        if last
        else ""
    )
    return (
        f'<section class="dl-card {"bad" if failure else ""}"><div class="top"><div class="name">{formatting.text(pipeline["name"])}'
        f'</div>{state}</div><div class="about" style="min-height:0">{formatting.text(pipeline.get("description") or "")}</div>'
        f'{run_bars(bars)}{failure}<div class="foot"><span>{numbers}{took}</span>'
        f'<span>{when}</span><span>schedule: <span class="mono">{formatting.text(prefect.schedule_words(pipeline))}</span>{coming}</span>'
        f'<span>version <span class="mono">{formatting.text(pipeline.get("version") or "")}</span></span></div></section>'
    )


def _start(pipelines: list[dict[str, Any]]) -> None:
    names = [each["name"] for each in pipelines]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = names[0]
        if len(names) > 1:
            chosen = st.selectbox("Pipeline", names, key="pipeline", width=320, bind="query-params")
        pipeline = pipelines[names.index(chosen)]
        with st.popover(f"Run {chosen}", icon=":material/play_arrow:", width="content", type="primary"):
            _form(pipeline)
        word, icon = ("Resume schedule", "resume") if pipeline.get("paused") else ("Pause schedule", "pause")
        if pipeline.get("schedules") and st.button(word, icon=f":material/{icon}:"):
            said = prefect.pause(pipeline["id"], not pipeline.get("paused")).answer()
            if said.error:
                st.error(f"Prefect: {said.error}")
            else:
                st.rerun()


def _form(pipeline: dict[str, Any]) -> None:
    with st.form(f"run-{pipeline['id']}", border=False):
        values, problems = form(pipeline)
        sure = st.checkbox("Yes, run it on the real data of this stack")
        if not st.form_submit_button("Start the run", type="primary"):
            return
    if problems:
        st.error(" ".join(problems))
    elif not sure:
        st.warning("Confirm with the check box first: the run writes tables.")
    else:
        said = prefect.start(pipeline["id"], values).answer(10)
        if said.error:
            st.error(f"Prefect: {said.error}")
        else:
            st.session_state["followed"] = said.value["id"]
            st.rerun()


@st.fragment(run_every=5)
def _runs() -> None:
    said = gather(runs=prefect.runs(), pipelines=prefect.deployments(), registry=core.registry())
    base = core.public_url(said["registry"].value, "prefect")
    names = prefect.pipeline_names(said["pipelines"].value)
    rows = said["runs"].value or []
    failed = sum(1 for each in rows if prefect.state(each) in ("FAILED", "CRASHED"))
    show(heading("Runs", f"last {len(rows)}, {failed} failed") + trouble("Prefect", said["runs"]))
    if rows:
        show(table(RUN_COLUMNS, [run_row(each, base, names) for each in rows], tall=True, stack=True))
    elif said["runs"].known:
        show(
            empty(
                "Nothing has run yet",
                "Start one above, or <code>./datalab pipelines run medallion_etl</code>",
            )
        )
