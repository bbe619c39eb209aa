"""A box for SQL over the lake: read-only, bounded in rows, time and memory."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import csv
import io
from typing import Any

import streamlit as st

from lake import client
from look import formatting
from look.parts import empty, note, show


def sql_box(chosen: str) -> None:
    """Ctrl-Enter in the box, or the button, runs what is written."""
    st.session_state.setdefault("sql", f"SELECT *\nFROM {chosen}\nLIMIT 100")
    with st.form("sql-form", border=False):
        sql = st.text_area(
            "SQL",
            key="sql",
            height=130,
            help=f"One SELECT over bronze.*, silver.* and gold.*; at most {client.QUERY_ROWS:,} rows and "
            f"{client.QUERY_SECONDS} s. It can read nothing else and change nothing.",
        )
        submitted = st.form_submit_button("Run", type="primary", icon=":material/play_arrow:")
    if submitted:
        st.session_state["sql-result"] = _run(sql)
    result = st.session_state.get("sql-result")
    if result is None:
        show(
            empty("Ask the lake", "DuckDB's SQL, tables as <code>silver.flights</code>. Ctrl-Enter runs it.")
        )
    elif "problem" in result:
        hint = f'<div class="dim">→ {formatting.text(result["hint"])}</div>' if result["hint"] else ""
        show(
            note(
                "bad",
                f'<span class="mono" style="white-space:pre-wrap">{formatting.text(result["problem"])}</span>{hint}',
            )
        )
    else:
        _table(result)


def _run(sql: str) -> dict[str, Any]:
    try:
        return client.query(sql)
    except client.QueryFailed as error:
        return {"problem": str(error), "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - a busy or broken lake is said here, not as a crash of the page
        return {"problem": str(error) or type(error).__name__, "hint": ""}


def _table(result: dict[str, Any]) -> None:
    rows = result["rows"]
    cut = f" (the first {len(rows):,}; there are more)" if result["more"] else ""
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        show(
            f'<span class="dim">{formatting.plural(len(rows), "row")}{cut} in {formatting.duration(result["seconds"])}</span>'
        )
    if not rows:
        show(empty("No rows", "The query is right, and nothing matches it."))
        return
    right.download_button(
        "CSV",
        to_csv(rows),
        "query.csv",
        "text/csv",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
    )
    st.dataframe(rows, hide_index=True, width="stretch", height=min(38 + 35 * len(rows), 480))


def to_csv(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV. A text that a spreadsheet would take for a formula gets a ' in front."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _harmless(value) for key, value in row.items()})
    return out.getvalue()


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(value):
        return "'" + value
    return value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
