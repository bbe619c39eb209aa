"""The rows of a silver table and of its quarantine, worked out tile by tile."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datalab.errors import DataLabError
from datalab.formats.columns import LINEAGE
from datalab.lake import quote
from datalab.layers.silver_plan import Plan, Value, reasons, source, typed
from datalab.layers.stream import Stream
from datalab.layers.tiles import TILE, Tiles, ask_rows, groups, on_all, run

# What no column of bronze is called: names of columns have no space.
POSITION = "row position"
ORDER = ("_ingested_at", "_content_hash", "_row_number")


class Rows:
    """Which rows of bronze are good and which are not. Between the passes a row is known by its position."""

    def __init__(self, con: duckdb.DuckDBPyConnection, tiles: Tiles, plan: Plan) -> None:
        con.execute("CREATE TEMP TABLE found (why VARCHAR, n BIGINT)")
        self._con = con
        self._tiles = tiles
        self._plan = plan
        self._ruled = [value for value in plan.values if value.reasons]
        self._raw = [*LINEAGE, "_raw", *plan.names]
        self._broken = pa.array([], pa.bool_())  # a bit a row
        self._twice = pa.array([], pa.int64())  # positions of rows whose key another row keeps, in order
        self._has_keys = False
        self.bad_count = 0

    def check(self) -> None:
        """Look at every row once: what breaks a rule, and which keys are there twice."""
        keys = [value for value in self._plan.values if value.name in self._plan.contract.keys]
        columns = ["_problem", *(value.name for value in self._ruled)]
        if keys:
            columns = list(dict.fromkeys([*columns, *(value.name for value in keys), *ORDER]))
        broken = []
        for at, tile in self._read(columns):
            bad = pc.not_equal(self._why(tile), "")
            broken.append(bad)
            if keys:
                position = pa.array(np.arange(at, at + tile.num_rows))
                self._note_keys(tile.append_column(POSITION, position).filter(pc.invert(bad)), keys)
        self._broken = pa.concat_arrays(broken) if broken else self._broken
        if self._has_keys:
            way = "DESC" if self._plan.contract.keep == "last" else "ASC"
            order = ", ".join(f"{name} {way}" for name in ORDER)
            window = f"PARTITION BY {', '.join(quote(each.name) for each in keys)} ORDER BY {order}"
            numbered = f"SELECT {quote(POSITION)}, row_number() OVER ({window}) AS nth FROM keys"
            others = f"SELECT {quote(POSITION)} FROM ({numbered}) WHERE nth > 1 ORDER BY 1"
            self._twice = _whole(self._con.sql(others).to_arrow_table()[POSITION])
        self.bad_count = len(self._twice) + self._broken.true_count

    def bad(self) -> Stream:
        """Every bad row as it is in bronze, with what is wrong with it."""
        kinds = [pa.field(name, self._tiles.schema.field(name).type) for name in self._raw]
        schema = pa.schema([pa.field("_reasons", pa.string()), *kinds])
        return Stream(schema, lambda: self._bad(schema))

    def _bad(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        contract = self._plan.contract
        duplicate = f"duplicate key ({', '.join(contract.keys)}): the {contract.keep} row is kept"
        count = 0
        for at, tile in self._read([*self._raw, "_problem"]) if self.bad_count else ():
            broken, twice = self._marks(at, tile.num_rows)
            rows = tile.filter(pc.or_(broken, twice))
            if rows.num_rows == 0:
                continue
            why = self._why(rows)
            why = pc.if_else(pc.equal(why, ""), duplicate, why)
            self._note_reasons(why)
            count += rows.num_rows
            columns = [why, *(rows[name] for name in self._raw)]
            yield from pa.table(columns, schema=schema).to_batches()
        self._expect("silver's quarantine", count, self.bad_count)

    def good(self, expected: int) -> Stream:
        """Every other row, with types."""
        schema = self._typed(self._tiles.schema.empty_table()).schema
        return Stream(schema, lambda: self._good(expected))

    def _good(self, expected: int) -> Iterator[pa.RecordBatch]:
        count = 0
        for at, tile in self._read([*self._plan.names, *LINEAGE]):
            broken, twice = self._marks(at, tile.num_rows)
            rows = tile.filter(pc.invert(pc.or_(broken, twice)))
            count += rows.num_rows
            yield from self._typed(rows).to_batches()
        self._expect("silver", count, expected)

    def top_reasons(self, limit: int) -> list[tuple[str, int]]:
        """Why rows are bad, the most frequent first."""
        counted = "SELECT why, sum(n)::BIGINT AS n FROM found GROUP BY why ORDER BY n DESC, why"
        return self._con.execute(f"{counted} LIMIT {limit}").fetchall()

    def _read(self, columns: list[str]) -> Iterator[tuple[int, pa.Table]]:
        at = 0
        for tile in self._tiles.read(columns):
            yield at, tile
            at += tile.num_rows

    def _marks(self, at: int, count: int) -> tuple[pa.Array, pa.Array]:
        """Of the rows from `at` on: which break a rule, and which have a key that another row keeps."""
        broken = self._broken.slice(at, count)
        position = pa.array(np.arange(at, at + count))
        return broken, pc.is_in(position, value_set=self._between(at, at + count))

    def _between(self, start: int, end: int) -> pa.Array:
        low, high = (bisect_left(self._twice, each, key=lambda value: value.as_py()) for each in (start, end))
        return self._twice.slice(low, high - low)

    def _why(self, tile: pa.Table) -> pa.Array:
        """What is wrong with each row of a tile; empty: nothing."""
        why = _whole(tile["_problem"])
        for group in groups(self._ruled):
            part = tile.select(list(dict.fromkeys([*(value.name for value in group), "_problem"])))
            found = _whole(ask_rows(self._con, part, reasons(group), source(group))["why"])
            # Not with Arrow's null_handling="skip": it gives fewer rows than it was given.
            both = pc.binary_join_element_wise(why, found, "; ")
            why = pc.if_else(pc.is_null(why), found, pc.if_else(pc.is_null(found), why, both))
        return why.fill_null("")

    def _typed(self, tile: pa.Table) -> pa.Table:
        """The rows of a tile as silver has them."""
        columns = {value.name: tile[value.name] for value in self._plan.values}
        for recipe in dict.fromkeys(each.recipe for each in self._plan.values):
            if recipe is None:
                continue
            names = [value.name for value in self._plan.values if value.recipe == recipe]
            answers = on_all(self._con, [tile[name] for name in names], recipe.typed, recipe.source)
            columns.update(zip(names, answers, strict=True))
        return pa.table({**columns, **{name: tile[name] for name in LINEAGE}})

    def _note_keys(self, good: pa.Table, keys: list[Value]) -> None:
        more = (POSITION, *ORDER)
        good = good.select(list(dict.fromkeys([*(each.name for each in keys), *more])))
        into = "INSERT INTO keys" if self._has_keys else "CREATE TEMP TABLE keys AS"
        values = ", ".join([typed(keys), *map(quote, more)])
        run(self._con, good, f"{into} SELECT {values} FROM {source(keys)}")
        self._has_keys = True

    def _note_reasons(self, why: pa.Array) -> None:
        counted = f"INSERT INTO found SELECT why, count(*) FROM {quote(TILE)} GROUP BY why"
        run(self._con, pa.table({"why": why}), counted)

    def _expect(self, what: str, count: int, expected: int) -> None:
        if count != expected:
            raise DataLabError(
                "E_ROWS_LOST",
                f"{what} would have {count} rows and must have {expected}",
                "nothing was written to silver; please report this",
            )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column of a tile in one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays([*column.chunks, pa.nulls(0, column.type)])
