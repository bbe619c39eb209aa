"""The type of a column of text: the first one that every value of the table fits, looked at row by row."""

from __future__ import annotations

import duckdb

from datalab.duck import one_row
from datalab.lake import quote

# In order of preference; varchar is what is left.
LADDER = ("boolean", "bigint", "double", "date", "timestamp", "timestamptz")
SAMPLE_ROWS = 20_000

_NUMBER = r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_ZONE = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"


def literal(value: object) -> str:
    """A value as an SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def present(column: str, nulls: tuple[str, ...]) -> str:
    """A text column's value, with the texts that stand for NULL taken out."""
    name = quote(column)
    listed = ", ".join(literal(each) for each in nulls) or "NULL"
    return f"(CASE WHEN trim({name}) IN ({listed}) THEN NULL ELSE {name} END)"


def cast(value: str, kind: str, strict: bool = False) -> str:
    """SQL that gives `value` as `kind`, NULL where it is none.

    `strict` is what inference asks for: nothing that would come back different (007, +5, 1e3 as a bigint).
    """
    text = f"trim({value})"
    if kind == "varchar":
        return value
    if kind == "bigint":
        tried = f"TRY_CAST({text} AS BIGINT)"
        fits = f"{tried}::VARCHAR = {text}" if strict else f"regexp_full_match({text}, '[+-]?[0-9]+')"
        return f"(CASE WHEN {fits} THEN {tried} END)"
    if kind == "double":
        number = f"regexp_full_match({text}, '{_NUMBER}')"
        if strict:
            # An integer too long for a bigint is an identifier, not a quantity: as a double it would change.
            whole = f"(regexp_full_match({text}, '[+-]?[0-9]+') AND TRY_CAST({text} AS BIGINT) IS NULL)"
            number = f"({number} AND NOT {whole})"
        elif kind == "double":
            number = f"regexp_full_match({text}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?')"
        tried = f"TRY_CAST({text} AS DOUBLE)"
        return f"(CASE WHEN {number} AND isfinite({tried}) THEN {tried} END)"
    if kind == "boolean":
        yes, no = ("'true'", "'false'") if strict else ("'true','t','yes','y','1'", "'false','f','no','n','0'")
        return f"(CASE WHEN lower({text}) IN ({yes}) THEN true WHEN lower({text}) IN ({no}) THEN false END)"
    if kind == "date":
        fits = f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
        return f"(CASE WHEN {fits} THEN TRY_CAST({text} AS DATE) END)"
    if kind == "timestamp":
        return f"(CASE WHEN regexp_full_match({text}, '{_STAMP}') THEN TRY_CAST({text} AS TIMESTAMP) END)"
    if kind == "timestamptz":
        return f"(CASE WHEN regexp_full_match({text}, '{_STAMP}{_ZONE}') THEN TRY_CAST({text} AS TIMESTAMPTZ) END)"
    # decimal(p,s): more digits after the point than s would be rounded away, so they do not fit.
    scale = int(kind.rstrip(")").split(",")[1])
    fits = f"regexp_full_match({text}, '[+-]?[0-9]*([.][0-9]{{0,{scale}}}0*)?')"
    return f"(CASE WHEN {fits} THEN TRY_CAST({text} AS {kind.upper()}) END)"


def infer_types(
    con: duckdb.DuckDBPyConnection, relation: str, columns: list[str], nulls: tuple[str, ...]
) -> dict[str, str]:
    """The type of each text column. `relation` is a name that DuckDB knows.

    A sample rules out most candidates cheaply; the rest is checked on every row, so that the answer never
    depends on which rows the sample happened to hold.
    """
    if not columns:
        return {}
    good = f"SELECT * FROM {relation} WHERE _problem IS NULL"
    candidates = {column: list(LADDER) for column in columns}
    for source in (f"({good} LIMIT {SAMPLE_ROWS})", f"({good})"):
        checks = [(column, kind) for column, kinds in candidates.items() for kind in kinds]
        if not checks:
            break
        parts = []
        for column, kind in checks:
            value = present(column, nulls)
            parts.append(f"count(*) FILTER ({value} IS NOT NULL AND {cast(value, kind, strict=True)} IS NULL) = 0")
        row = one_row(con, f"SELECT {', '.join(parts)} FROM {source}")
        candidates = {
            column: [kind for (each, kind), fits in zip(checks, row, strict=True) if each == column and fits]
            for column in columns
        }
    # A column without any value fits everything: it stays text.
    counts = ", ".join(f"count({present(column, nulls)})" for column in columns)
    filled = one_row(con, f"SELECT {counts} FROM ({good})")
    return {
        column: candidates[column][0] if candidates[column] and n else "varchar"
        for column, n in zip(columns, filled, strict=True)
    }
