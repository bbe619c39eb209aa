"""The type of a column of text: the first one that every value of the table fits, looked at row by row."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from datalab.lake import quote
from datalab.layers.tiles import TILE, Tiles, for_each

# In order of preference; varchar is what is left.
LADDER = ("boolean", "bigint", "double", "date", "timestamp", "timestamptz")

_NUMBER = r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
# Digits beyond microseconds may be zeros only: anything else would be lost.
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0{0,3})?)?"
_ZONE = r" ?(Z|z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?)"
# As .NET writes it in JSON: milliseconds since 1970 in UTC, whatever the offset behind them.
_EPOCH = r"/Date\((-?[0-9]{1,14})([+-][0-9]{4})?\)/"


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
        return f"(CASE WHEN {fits} AND {_has_year(text)} THEN TRY_CAST({text} AS DATE) END)"
    if kind in ("timestamp", "timestamptz"):
        short = f"regexp_replace({text}, '([.][0-9]{{6}})0+', '\\1')"
        if kind == "timestamp":
            fits = f"regexp_full_match({text}, '{_STAMP}') AND {_has_year(text)}"
            return f"(CASE WHEN {fits} THEN TRY_CAST({short} AS TIMESTAMP) END)"
        utc = f"regexp_replace({short}, ' ?(Z|z|UTC|GMT)$', '+00:00')"
        full = f"regexp_replace({utc}, ' ?([+-][0-9]{{2}}):?([0-9]{{2}})$', '\\1:\\2')"
        whole = f"regexp_replace({full}, ' ?([+-][0-9]{{2}})$', '\\1:00')"
        since = f"make_timestamp(TRY_CAST(regexp_extract({text}, '{_EPOCH}', 1) AS BIGINT) * 1000)"
        return (
            f"(CASE WHEN regexp_full_match({text}, '{_STAMP + _ZONE}') AND {_has_year(text)} "
            f"THEN TRY_CAST({whole} AS TIMESTAMPTZ) "
            f"WHEN regexp_full_match({text}, '{_EPOCH}') "
            f"THEN TRY_CAST(strftime({since}, '%Y-%m-%d %H:%M:%S.%f+00:00') AS TIMESTAMPTZ) END)"
        )
    # decimal(p,s): more digits after the point than s would be rounded away, so they do not fit.
    scale = int(kind.rstrip(")").split(",")[1])
    fits = f"regexp_full_match({text}, '[+-]?[0-9]*([.][0-9]{{0,{scale}}}0*)?')"
    return f"(CASE WHEN {fits} THEN TRY_CAST({text} AS {kind.upper()}) END)"


def _has_year(text: str) -> str:
    """There is no year 0, and what reads the lake has no date for it."""
    return f"NOT starts_with({text}, '0000')"


def infer_types(
    con: duckdb.DuckDBPyConnection, tiles: Tiles, columns: list[str], nulls: tuple[str, ...]
) -> dict[str, str]:
    """The type of each text column.

    The first tile rules out most candidates cheaply. What is left is checked on every row, the preferred type
    first, so that the answer never depends on which rows the first tile happened to hold.
    """
    found = dict.fromkeys(columns, "varchar")
    open_ = dict.fromkeys(columns, LADDER)
    for tile in tiles.read([*columns, "_problem"]) if columns else ():
        open_ = {column: fits for column, (fits, _) in _fits(con, tile, open_, nulls).items() if fits}
        break
    while open_:
        tried = {column: kinds[:1] for column, kinds in open_.items()}
        filled = dict.fromkeys(tried, 0)
        left: dict[str, tuple[str, ...]] = {}
        for tile in tiles.read([*tried, "_problem"]):
            for column, (fits, values) in _fits(con, tile, tried, nulls).items():
                filled[column] += values
                if not fits:
                    left[column] = open_[column][1:]
                    del tried[column]
            if not tried:
                break
        # A column without any value stays text.
        found.update({column: kinds[0] for column, kinds in tried.items() if filled[column]})
        open_ = {column: kinds for column, kinds in left.items() if kinds}
    return found


def _fits(
    con: duckdb.DuckDBPyConnection,
    tile: pa.Table,
    candidates: dict[str, tuple[str, ...]],
    nulls: tuple[str, ...],
) -> dict[str, tuple[tuple[str, ...], int]]:
    """For each column the candidates that all of its values in a tile fit, and how many values it has."""
    good = tile.filter(pc.is_null(tile["_problem"]))
    # Without a row nothing speaks against any of them.
    answers = {column: (kinds, 0) for column, kinds in candidates.items()}
    source = f"(SELECT c, {present('v', nulls)} AS v FROM {quote(TILE)})"
    for kinds in dict.fromkeys(candidates.values()):
        columns = [column for column, wanted in candidates.items() if wanted == kinds]
        counts = [f"count({cast('v', kind, strict=True)}) = count(v) AS {kind}" for kind in kinds]
        lines = for_each(con, [good[name] for name in columns], ", ".join(["count(v) AS n", *counts]), source)
        for at, filled, *fits in lines:
            answers[columns[at]] = (tuple(kind for kind, fit in zip(kinds, fits, strict=True) if fit), filled)
    return answers
