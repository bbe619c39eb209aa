"""A box for SQL over the lake: read-only, bounded in rows, time and memory."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

from typing import Any

import streamlit as st

from lake import client
from lake.worker import LONGEST
from look import formatting
from look.parts import empty, note, show

#: A page shows so much of a text; the CSV has all of it.
ON_PAGE = 2000


def sql_box(chosen: str) -> None:
    """Ctrl-Enter in the box, or the button, runs what is written."""
    with st.form("sql-form", border=False):
        sql = st.text_area(
            "SQL",
            f"SELECT *\nFROM {chosen}\nLIMIT 100",
            key="sql",
            bind="query-params",
            height=130,
            help=f"One SELECT over bronze.*, silver.* and gold.*; at most {client.QUERY_ROWS:,} rows and "
            f"{client.QUERY_SECONDS} s. It can read nothing else and change nothing.",
        )
        submitted = st.form_submit_button("Run", type="primary", icon=":material/play_arrow:")
    if submitted:
        st.session_state["sql-result"] = (sql, _run(sql))
    asked, result = st.session_state.get("sql-result", (sql, None))
    if asked != sql:
        result = None  # it would stand below another query
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
    lost = result.get("cut", 0)
    shown, long = for_page(rows)
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        show(
            f'<span class="dim">{formatting.plural(len(rows), "row")}{cut} in {formatting.duration(result["seconds"])}</span>'
        )
    if not rows:
        show(empty("No rows", "The query is right, and nothing matches it."))
        return
    if lost:
        show(
            note(
                "warn",
                f"{formatting.plural(lost, 'value')} longer than {LONGEST:,} characters: cut here and in the CSV. "
                "<code>./datalab data query --json</code> has them whole.",
            )
        )
    elif long:
        show(
            f'<span class="dim">{formatting.plural(long, "value")} cut at {ON_PAGE:,} characters here; the CSV has all of them.</span>'
        )
    right.download_button(
        "CSV",
        to_csv(rows),
        "query.csv",
        "text/csv",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
    )
    st.dataframe(shown, hide_index=True, width="stretch", height=min(38 + 35 * len(rows), 480))


def for_page(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Rows as a page shows them, and how many of their values are cut there."""
    cut = 0

    def short(value: Any) -> Any:
        nonlocal cut
        if not isinstance(value, str) or len(value) <= ON_PAGE:
            return value
        cut += 1
        return formatting.clip(value, ON_PAGE)

    return [{key: short(value) for key, value in row.items()} for row in rows], cut


def to_csv(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV, whole. A text that a spreadsheet would take for a formula gets a ' in front.

    An empty text is "", NULL is nothing: as `datalab data ingest` reads them.
    """
    lines = [
        [_harmless(name) for name in rows[0]],
        *([_harmless(value) for value in row.values()] for row in rows),
    ]
    return "".join(",".join(_field(value) for value in line) + "\n" for line in lines)


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    quoted = text == "" or any(each in text for each in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text


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
