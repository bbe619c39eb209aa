"""A table in tiles: some rows of some columns at a time, so that memory and time grow with cells, not faster.

DuckDB keeps a vector of 2,048 values for every step of every expression of a query, and its optimizer
compares all of them with each other. One query over hundreds of columns takes gigabytes for twenty rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from datalab.errors import DataLabError
from datalab.lake import quote

T = TypeVar("T")

# Values in a tile: 32,768 rows of 30 columns, 256 rows of 4,000.
CELLS = 1_000_000
ROWS = 32_768
# Columns of one query, where each has an expression of its own.
GROUP = 16
TILE = "datalab tile"
# What no column of bronze is called: its names have no space.
NUMBER = "row number"


def tile_rows(columns: int) -> int:
    """How many rows a tile of so many columns has."""
    return max(256, min(ROWS, CELLS // max(1, columns)))


class Tiles:
    """The rows of one version of a table, in the same order each time they are read."""

    def __init__(self, table: DeltaTable) -> None:
        self._dataset = table.to_pyarrow_dataset()
        self.schema: pa.Schema = self._dataset.schema

    def read(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """These columns, one tile after the other. Arrow reads one batch ahead, not its usual sixteen."""
        batches = self._dataset.to_batches(
            columns=list(columns),
            batch_size=tile_rows(len(columns)),
            batch_readahead=1,
            fragment_readahead=1,
        )
        for batch in batches:
            if batch.num_rows > 0:
                yield pa.Table.from_batches([batch])


def ask(con: duckdb.DuckDBPyConnection, tile: pa.Table, sql: str) -> pa.Table:
    """The answer to a query over a tile, which it calls "datalab tile"."""
    con.register(TILE, tile)
    try:
        answer: pa.Table = con.sql(sql).to_arrow_table()
    finally:
        con.unregister(TILE)
    return answer


def run(con: duckdb.DuckDBPyConnection, tile: pa.Table, statement: str) -> None:
    """Do something with a tile that answers nothing."""
    con.register(TILE, tile)
    try:
        con.execute(statement)
    finally:
        con.unregister(TILE)


def ask_rows(con: duckdb.DuckDBPyConnection, tile: pa.Table, values: str, source: str) -> pa.Table:
    """Values of every row of a tile, in its order. `source` is the tile, or a query that keeps its rows."""
    numbers = pa.array(np.arange(tile.num_rows))
    numbered = tile.append_column(NUMBER, numbers)
    answer = ask(con, numbered, f"SELECT {quote(NUMBER)}, {values} FROM {source}")
    # DuckDB's threads may mix up the batches of an Arrow table, though it is told to keep their order.
    if not answer[NUMBER].equals(pa.chunked_array([numbers])):
        answer = answer.sort_by(NUMBER)
        if not answer[NUMBER].equals(pa.chunked_array([numbers])):
            raise DataLabError(
                "E_ROWS_LOST",
                f"a query over {tile.num_rows} rows of bronze answered {answer.num_rows}, or others",
                "nothing was written to silver; please report this",
            )
    return answer.drop_columns([NUMBER])


def on_all(
    con: duckdb.DuckDBPyConnection, columns: Sequence[pa.ChunkedArray], value: str, source: str
) -> list[pa.ChunkedArray]:
    """One expression of "v", for columns of one type: as a single column, one below the other."""
    (answer,) = ask_rows(con, pa.table({"v": _below(columns)}), f"{value} AS v", source).columns
    found, at = [], 0
    for column in columns:
        found.append(answer.slice(at, len(column)))
        at += len(column)
    return found


def for_each(
    con: duckdb.DuckDBPyConnection, columns: Sequence[pa.ChunkedArray], values: str, source: str
) -> list[tuple[Any, ...]]:
    """A line of aggregates of "v" for each of some columns of one type; no line for one without rows."""
    owner = pa.array(np.repeat(np.arange(len(columns)), [len(column) for column in columns]))
    tile = pa.table({"v": _below(columns), "c": owner})
    answer = ask(con, tile, f"SELECT c, {values} FROM {source} GROUP BY c ORDER BY c")
    return [tuple(row.values()) for row in answer.to_pylist()]


def _below(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)


def groups(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one query may have."""
    for at in range(0, len(items), GROUP):
        yield items[at : at + GROUP]
