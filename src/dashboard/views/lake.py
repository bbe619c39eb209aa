"""Lake: tables by layer, their quality, what is in them, and SQL."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

from typing import Any

import streamlit as st

from backends.fetch import Answer, gather
from lake import client
from lake.worker import QUARANTINE
from look import formatting
from look.parts import empty, figure, grid, heading, note, pill, show, table, title, trouble
from views.sql_box import ON_PAGE, for_page, sql_box

ABOUT = {"bronze": "what came, as it came", "silver": "typed, checked", "gold": "ready to use"}


def page() -> None:
    """Tables above, one table below, SQL at the end."""
    tables = client.tables().answer(20)
    good = [each for each in tables.value or [] if "error" not in each]
    total = formatting.size(sum(each["bytes"] for each in good))
    show(title("Lake", f"{formatting.plural(len(good), 'table')}, {total}", _fresh(tables)))
    show(trouble("lake", tables))
    if tables.known and not good:
        show(
            empty(
                "The lake is empty",
                "Load a file: <code>./datalab data ingest flights.csv flights</code>, then "
                "<code>./datalab pipelines run medallion_etl</code> makes silver and gold of it.",
            )
        )
    for each in tables.value or []:
        if "error" in each:
            show(
                note(
                    "bad",
                    f"<b>{formatting.text(each['layer'])}.{formatting.text(each['name'])}</b>: {formatting.text(each['error'])}",
                )
            )
    if not good:
        return
    show(grid([_layer(layer, good) for layer in ABOUT], "14rem", small=True))
    names = [f"{each['layer']}.{each['name']}" for each in good]
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    # A link to a table opens it; the address says what else was chosen.
    asked = st.query_params.get("table") in names
    chosen = left.selectbox("Table", names, index=_first(names), key="table", bind="query-params")
    if right.button("Refresh", icon=":material/refresh:", width="stretch"):
        from backends.fetch import forget

        forget("lake")
        st.rerun()
    overview, one, ask = st.tabs(
        ["All tables", "Table", "SQL"],
        default="Table" if asked else "All tables",
        key="view",
        bind="query-params",
    )
    with overview:
        show(_all(good, gather(20, quality=client.quality())["quality"]))
    with one:
        _one(next(each for each in good if f"{each['layer']}.{each['name']}" == chosen))
    with ask:
        sql_box(chosen)


def _fresh(answer: Answer) -> str:
    return f'<span class="dim">read {formatting.ago(answer.at)}</span>' if answer.known else ""


def _first(names: list[str]) -> int:
    """A table that people like to see first: of gold, but not the one with metrics."""
    return next(
        (n for n, name in enumerate(names) if name.startswith("gold.") and name != "gold.metrics"),
        len(names) - 1,
    )


def _layer(layer: str, tables: list[dict[str, Any]]) -> str:
    own = [each for each in tables if each["layer"] == layer]
    rows = sum(each["rows"] for each in own if not each["name"].endswith(QUARANTINE))
    aside = f"rows in {formatting.plural(len(own), 'table')}, {formatting.size(sum(each['bytes'] for each in own))}"
    return figure(f"{layer}: {ABOUT[layer]}", formatting.number(rows), aside)


def quality_of(tables: list[dict[str, Any]], metrics: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Rows in quarantine and rows in all, of each table that has a quarantine or a measured one."""
    found: dict[str, tuple[int, int]] = {}
    for each in reversed(metrics):
        if each.get("quarantined") is not None and each.get("layer") == "silver":
            bad = int(each["quarantined"])
            found[f"{each['layer']}.{each['table']}"] = (bad, bad + int(each.get("rows_out") or 0))
    rows = {f"{each['layer']}.{each['name']}": each["rows"] for each in tables}
    for name, count in rows.items():
        beside = rows.get(name + QUARANTINE)
        if beside is not None:
            found[name] = (beside, beside + count)
    return found


def _all(tables: list[dict[str, Any]], metrics: Answer) -> str:
    quality = quality_of(tables, metrics.value or [])
    last = {}
    for each in reversed(metrics.value or []):
        last[f"{each['layer']}.{each['table']}"] = each
    columns = (("Table", ""), ("Rows", "num"), ("Columns", "num"), ("Size", "num"), ("Version", "num"),
               ("Updated", ""), ("Quality", ""), ("Last write took", "num"))  # fmt: skip
    rows = []
    for each in tables:
        name = f"{each['layer']}.{each['name']}"
        took = last.get(name, {}).get("seconds")
        rows.append(
            [
                f'<span class="dim">{formatting.text(each["layer"])}.</span><b>{formatting.text(each["name"])}</b>',
                formatting.number(each["rows"]),
                formatting.number(each["columns"]),
                formatting.size(each["bytes"]),
                formatting.number(each["version"]),
                formatting.when(each["updated"]),
                quality_pill(quality.get(name)),
                formatting.duration(float(took)) if took is not None else formatting.NONE,
            ]
        )
    return table(columns, rows) + trouble("gold.metrics", metrics)


def quality_pill(counts: tuple[int, int] | None) -> str:
    """How many rows passed the contract, as a state with a word."""
    if counts is None:
        return f'<span class="dim">{formatting.NONE}</span>'
    bad, total = counts
    if bad == 0:
        return pill("passing", "all rows pass")
    share = bad / total if total else 1.0
    return pill(
        "failing" if share > 0.05 else "warning", f"{bad:,} in quarantine ({formatting.percent(share)})"
    )


def _one(info: dict[str, Any]) -> None:
    said = client.table(info["layer"], info["name"], info["version"]).answer(20)
    show(trouble("lake", said))
    if not said.known:
        return
    found = said.value
    figures = [
        figure("Rows", formatting.number(info["rows"])),
        figure("Size", formatting.size(info["bytes"])),
        figure("Version", formatting.number(info["version"])),
        figure("Updated", formatting.when(info["updated"]), formatting.clock(info["updated"]), word=True),
    ]
    show(grid(figures, "9rem", small=True))
    if found["reasons"]:
        reasons = [
            [formatting.text(each["reason"]), formatting.number(each["rows"])] for each in found["reasons"]
        ]
        show(heading("Why rows are in quarantine") + table((("Reason", "wrap"), ("Rows", "num")), reasons))
    rows, cut = for_page(found["rows"])
    aside = f"{len(rows)} of {formatting.number(info['rows'])}"
    if cut:
        aside += f"; {formatting.plural(cut, 'value')} cut at {ON_PAGE:,} characters"
    show(heading("First rows", aside))
    st.dataframe(rows, hide_index=True, width="stretch", height=min(38 + 35 * max(1, len(rows)), 380))
    columns = [
        [
            formatting.text(each["name"]),
            f'<span class="mono">{formatting.text(each["type"])}</span>',
            "yes" if each["nullable"] else "no",
        ]
        for each in found["columns"]
    ]
    history = [
        [
            str(each["version"]),
            formatting.when(each["at"]),
            formatting.text(each["operation"]),
            formatting.number(each["rows"]),
            formatting.number(each["files"]),
        ]
        for each in found["history"]
    ]
    schema_head = (("Column", ""), ("Type", ""), ("NULL", ""))
    history_head = (
        ("Version", "num"),
        ("When", ""),
        ("Operation", ""),
        ("Rows added", "num"),
        ("Files", "num"),
    )
    left, right = st.columns(2)
    with left:
        show(
            heading("Schema", formatting.plural(len(columns), "column"))
            + table(schema_head, columns, tall=True)
        )
    with right:
        show(heading("History", "newest first") + table(history_head, history, tall=True))
