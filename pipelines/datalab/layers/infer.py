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
        else:
            number = f"regexp_full_match({text}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?')"
        tried = f"TRY_CAST({text} AS DOUBLE)"
        return f"(CASE WHEN {number} AND isfinite({tried}) THEN {tried} END)"
    if kind == "boolean":
        yes, no = (
            ("'true'", "'false'") if strict else ("'true','t','yes','y','1'", "'false','f','no','n','0'")
        )
        return f"(CASE WHEN lower({text}) IN ({yes}) THEN true WHEN lower({text}) IN ({no}) THEN false END)"
    if kind == "date":
        fits = f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
        return f"(CASE WHEN {fits} THEN TRY_CAST({text} AS DATE) END)"
    if kind in ("timestamp", "timestamptz"):
        pattern = _STAMP + (_ZONE if kind == "timestamptz" else "")
        return (
            f"(CASE WHEN regexp_full_match({text}, '{pattern}') THEN TRY_CAST({text} AS {kind.upper()}) END)"
        )
    # decimal(p,s): more digits after the point than s would be rounded away, so they do not fit.
    scale = int(kind.rstrip(")").split(",")[1])
    fits = f"regexp_full_match({text}, '[+-]?[0-9]*([.][0-9]{{0,{scale}}}0*)?')"
    return f"(CASE WHEN {fits} THEN TRY_CAST({text} AS {kind.upper()}) END)"


def infer_types(
    con: duckdb.DuckDBPyConnection, relation: str, columns: list[str], nulls: tuple[str, ...]
) -> dict[str, str]:
    """The type of each text column. `relation` is a name that DuckDB knows.

    A sample rules out most candidates cheaply. What is left is checked on every row, the preferred type
    first, so that the answer never depends on which rows the sample happened to hold.
    """
    good = f"SELECT * FROM {relation} WHERE _problem IS NULL"
    sample = _fits(con, f"({good} LIMIT {SAMPLE_ROWS})", dict.fromkeys(columns, LADDER), nulls)
    open_ = {column: kinds for column, (kinds, _) in sample.items() if kinds}
    found = dict.fromkeys(columns, "varchar")
    while open_:
        answers = _fits(con, f"({good})", {column: kinds[:1] for column, kinds in open_.items()}, nulls)
        left: dict[str, tuple[str, ...]] = {}
        for column, (fits, filled) in answers.items():
            if not filled:
                continue  # a column without any value stays text
            if fits:
                found[column] = fits[0]
            elif open_[column][1:]:
                left[column] = open_[column][1:]
        open_ = left
    return found


def _fits(
    con: duckdb.DuckDBPyConnection,
    source: str,
    candidates: dict[str, tuple[str, ...]],
    nulls: tuple[str, ...],
) -> dict[str, tuple[tuple[str, ...], int]]:
    """For each column the candidates that all of its values fit, and how many values it has."""
    if not candidates:
        return {}
    inner = ", ".join(f"{present(column, nulls)} AS c{n}" for n, column in enumerate(candidates))
    parts = []
    for n, kinds in enumerate(candidates.values()):
        parts.append(f"count(c{n})")
        parts += [f"count({cast(f'c{n}', kind, strict=True)}) = count(c{n})" for kind in kinds]
    row = iter(one_row(con, f"SELECT {', '.join(parts)} FROM (SELECT {inner} FROM {source})"))
    answers: dict[str, tuple[tuple[str, ...], int]] = {}
    for column, kinds in candidates.items():
        filled = next(row)
        answers[column] = (tuple(kind for kind in kinds if next(row)), filled)
    return answers
