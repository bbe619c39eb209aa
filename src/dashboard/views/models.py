"""Models: experiments, runs with their metrics, registered models."""

from __future__ import annotations

from typing import Any

import streamlit as st

from backends import core, mlflow
from backends.fetch import Answer, gather
from look import formatting
from look.parts import empty, figure, grid, heading, link, pill, show, table, title, trouble

SHOWN_METRICS = 5


@st.fragment(run_every=15)
def page() -> None:
    """Experiments and models side by side with the runs of the chosen experiments."""
    said = gather(experiments=mlflow.experiments(), models=mlflow.models(), registry=core.registry())
    experiments, models = said["experiments"], said["models"]
    url = core.public_url(said["registry"].value, "mlflow")
    show(title("Models", "experiments and the model registry", link(url, "open MLflow") if url else ""))
    show(trouble("MLflow", experiments) or trouble("MLflow", models))
    if not experiments.known:
        if "not part of" in (experiments.error or ""):
            show(
                empty(
                    "MLflow is not part of this stack",
                    "<code>services.mlflow.enabled: true</code> in the stack's file adds it.",
                )
            )
        return
    ids = tuple(each["experiment_id"] for each in experiments.value)
    runs = mlflow.runs(ids).answer()
    show(_figures(experiments, models, runs))
    _models(models, url)
    _runs(experiments.value, runs, url)


def _figures(experiments: Answer, models: Answer, runs: Answer) -> str:
    found = runs.value or []
    running = sum(1 for each in found if each["status"] == "RUNNING")
    last = formatting.when(found[0]["start"]) if found else "none yet"
    return grid(
        [
            figure("Experiments", formatting.number(len(experiments.value or []))),
            figure(
                "Runs",
                formatting.number(len(found)) + ("+" if len(found) >= 100 else ""),
                f"{running} running, last: {last}",
            ),
            figure("Registered models", formatting.number(len(models.value or []))),
        ],
        "11rem",
        small=True,
    )


def _models(models: Answer, url: str | None) -> None:
    show(heading("Registered models"))
    if not models.value:
        show(
            empty(
                "No model is registered",
                "<code>mlflow.register_model(...)</code> in a notebook or a pipeline adds one.",
            )
        )
        return
    rows = []
    for each in models.value:
        versions = mlflow.versions(each["name"]).answer().value or []
        newest = versions[0] if versions else {}
        aliases = ", ".join(f"{a['alias']} → v{a['version']}" for a in each.get("aliases", []))
        page_url = f"{url.rstrip('/')}/#/models/{each['name']}" if url else None
        updated = each.get("last_updated_timestamp")
        rows.append(
            [
                f"<b>{link(page_url, each['name'])}</b>",
                f"v{newest.get('version', '?')}" if newest else formatting.NONE,
                str(len(versions)),
                formatting.text(aliases) or formatting.NONE,
                pill(str(newest.get("status", "unknown"))),
                formatting.when(int(updated) / 1000 if updated else None),
                formatting.text(each.get("description") or "") or formatting.NONE,
            ]
        )
    columns = (
        ("Model", ""),
        ("Newest", ""),
        ("Versions", "num"),
        ("Aliases", ""),
        ("State", ""),
        ("Changed", ""),
        ("About", "wrap"),
    )
    show(table(columns, rows))


def _runs(experiments: list[dict[str, Any]], runs: Answer, url: str | None) -> None:
    names = {each["experiment_id"]: each["name"] for each in experiments}
    found = runs.value or []
    used = [name for name in names.values() if any(names.get(run["experiment"]) == name for run in found)]
    show(heading("Runs", "newest first") + trouble("MLflow", runs))
    if not found:
        show(
            empty(
                "No run is logged",
                "<code>mlflow.start_run()</code> in a notebook logs one; its settings are in place there.",
            )
        )
        return
    chosen = (
        st.pills(
            "Experiment",
            used,
            selection_mode="multi",
            label_visibility="collapsed",
            key="experiment",
            bind="query-params",
        )
        if len(used) > 1
        else []
    )
    shown = [run for run in found if not chosen or names.get(run["experiment"]) in chosen]
    metrics = list(dict.fromkeys(name for run in shown for name in run["metrics"]))[:SHOWN_METRICS]
    columns = [("Run", ""), ("Experiment", ""), ("State", ""), ("Started", ""), ("Took", "num")]
    columns += [(name, "num") for name in metrics] + [("Parameters", "wrap")]
    rows = []
    for run in shown:
        page_url = f"{url.rstrip('/')}/#/experiments/{run['experiment']}/runs/{run['id']}" if url else None
        parameters = ", ".join(f"{key}={value}" for key, value in list(run["params"].items())[:6])
        rows.append(
            [
                link(page_url, run["name"]),
                formatting.text(names.get(run["experiment"], run["experiment"])),
                pill(run["status"] or "unknown"),
                formatting.when(run["start"]),
                formatting.duration(run["seconds"]),
                *[formatting.number(run["metrics"].get(name)) for name in metrics],
                f'<span class="dim">{formatting.text(parameters)}</span>',
            ]
        )
    show(table(columns, rows, tall=True))
