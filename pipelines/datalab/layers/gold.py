"""Gold: one SQL file, one table. Run by DuckDB, one commit, skipped when its inputs did not change."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from datalab import bounded, duck
from datalab.delta_log import commit_fact, table_size
from datalab.errors import DataLabError
from datalab.formats.delta_types import delta_type, holds, out_of_range
from datalab.lake import Lake, check_table_name
from datalab.layers.stream import Stream, replace_table

METRICS = "metrics"
BATCH = 32_768


@dataclass
class Built:
    """What became of one SQL file."""

    table: str
    rows_in: int
    rows_out: int
    seconds: float
    state: str  # built, unchanged, waiting (a table it reads is not there yet)
    reads: list[str]


@dataclass(frozen=True)
class Metric:
    """A line of gold.metrics."""

    run_id: str
    table: str
    layer: str
    rows_in: int
    rows_out: int
    quarantined: int
    seconds: float


@dataclass(frozen=True)
class Definition:
    """A gold table: its SQL and the tables it reads."""

    name: str
    sql: str
    reads: tuple[duck.Reference, ...]

    @property
    def hash(self) -> str:
        """Changes with the SQL."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]


def definitions(folder: Path) -> list[Definition]:
    """The SQL files of a folder, each after those it reads."""
    con = duckdb.connect(":memory:")
    try:
        found = [_definition(con, path) for path in sorted(folder.glob("*.sql"))]
    finally:
        con.close()
    ordered: list[Definition] = []
    names = {each.name for each in found}
    while found:
        done = {each.name for each in ordered}
        ready = [
            each
            for each in found
            if all(ref.layer != "gold" or ref.table not in names or ref.table in done for ref in each.reads)
        ]
        if not ready:
            cycle = ", ".join(each.name for each in found)
            raise DataLabError(
                "E_GOLD_CYCLE", f"these SQL files read each other in a circle: {cycle}", "break it"
            )
        ordered += ready
        found = [each for each in found if each not in ready]
    return ordered


def _definition(con: duckdb.DuckDBPyConnection, path: Path) -> Definition:
    name = check_table_name(path.stem)
    if name == METRICS:
        raise DataLabError(
            "E_GOLD_INVALID", "gold/metrics.sql: gold.metrics is written by the runs", "rename the file"
        )
    sql = path.read_text()
    reads = tuple(sorted(duck.references(con, sql, f"gold/{path.name}")))
    if not reads:
        raise DataLabError(
            "E_GOLD_INVALID", f"gold/{path.name} reads no table of the lake", "read silver.<table>"
        )
    if duck.Reference("gold", METRICS) in reads or duck.Reference("gold", name) in reads:
        raise DataLabError(
            "E_GOLD_INVALID", f"gold/{path.name} reads gold.metrics or itself", "it would never be done"
        )
    return Definition(name, sql, reads)


def build(lake: Lake, definition: Definition, run_id: str) -> Built:
    """Make one gold table, unless nothing that goes into it has changed."""
    started = time.monotonic()
    reads = [str(ref) for ref in definition.reads]
    opened: dict[duck.Reference, DeltaTable] = {}
    for ref in definition.reads:
        table = lake.table(ref.layer, ref.table)
        if table is None:
            return Built(definition.name, 0, 0, 0.0, "waiting", reads)
        opened[ref] = table
    inputs = {str(ref): f"{t.metadata().id}@{t.version()}" for ref, t in opened.items()}
    inputs["sql"] = definition.hash
    rows_in = sum(table_size(table)[0] for table in opened.values())
    current = lake.table("gold", definition.name)
    if current is not None and commit_fact(current, "datalab.inputs") == inputs:
        return Built(definition.name, rows_in, table_size(current)[0], 0.0, "unchanged", reads)
    con = duck.connect(lake)
    try:
        for ref, table in opened.items():
            duck.bind(con, ref, table)
        con.execute("SET preserve_insertion_order = true")  # an ORDER BY is kept in the file
        duck.lock(con)
        with bounded.more_by_at_most(lake.settings.memory):
            reader = con.sql(definition.sql).to_arrow_reader(BATCH)
            _check_columns(definition, reader.schema)
            schema = pa.schema([pa.field(f.name, delta_type(f.type)) for f in reader.schema])
            facts = {"datalab.inputs": json.dumps(inputs), "datalab.run": run_id}
            replace_table(
                lake,
                "gold",
                definition.name,
                Stream(schema, lambda: _storable(definition, reader, schema)),
                facts,
            )
    except (MemoryError, OSError, pa.ArrowException) as error:
        # What DuckDB says while its rows are read comes as Arrow's.
        raise duck.stream_error(error, f"gold/{definition.name}.sql") from error
    except duckdb.Error as error:
        raise duck.sql_error(error, f"gold/{definition.name}.sql") from error
    finally:
        con.close()
    rows_out = table_size(lake.require("gold", definition.name))[0]
    return Built(definition.name, rows_in, rows_out, time.monotonic() - started, "built", reads)


def _check_columns(definition: Definition, schema: pa.Schema) -> None:
    names = [name.lower() for name in schema.names]
    for name in names:
        if names.count(name) > 1 or not name.replace("_", "a").isalnum():
            raise DataLabError(
                "E_GOLD_INVALID",
                f'gold/{definition.name}.sql: "{name}" cannot be a column\'s name, or is there twice',
                f"give it a name: ... AS {definition.name}_value",
            )

    for each in schema:
        if _no_delta(each.type) or holds(each.type, _no_delta):
            raise DataLabError(
                "E_GOLD_INVALID",
                f"gold/{definition.name}.sql, column {each.name}: a Delta table can't hold a {each.type}",
                f"make it text: CAST({each.name} AS VARCHAR), or a number: epoch({each.name})",
            )


def _no_delta(given: pa.DataType) -> bool:
    return pa.types.is_time(given) or pa.types.is_interval(given) or pa.types.is_duration(given)


def _storable(
    definition: Definition, reader: pa.RecordBatchReader, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows in types of a Delta table; a value that would change is an error."""
    for batch in reader:
        columns = []
        for column, wanted in zip(batch.columns, schema, strict=True):
            try:
                whole = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
                problem = out_of_range(whole)
                columns.append(whole if whole.type == wanted.type else whole.cast(wanted.type))
            except pa.ArrowException as error:
                problem = str(error)
            if problem is not None:
                raise DataLabError(
                    "E_GOLD_INVALID",
                    f"gold/{definition.name}.sql, column {wanted.name}: {problem}",
                    "filter such values, or make them text: CAST(... AS VARCHAR)",
                )
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def record(lake: Lake, metrics: Sequence[Metric]) -> None:
    """Append to gold.metrics, in one commit; nothing is written when nothing was done."""
    if not metrics:
        return
    at = datetime.now(UTC)
    table = pa.table(
        {
            "run_id": pa.array([m.run_id for m in metrics], pa.string()),
            "table": pa.array([m.table for m in metrics], pa.string()),
            "layer": pa.array([m.layer for m in metrics], pa.string()),
            "rows_in": pa.array([m.rows_in for m in metrics], pa.int64()),
            "rows_out": pa.array([m.rows_out for m in metrics], pa.int64()),
            "quarantined": pa.array([m.quarantined for m in metrics], pa.int64()),
            "seconds": pa.array([round(m.seconds, 3) for m in metrics], pa.float64()),
            "at": pa.array([at] * len(metrics), pa.timestamp("us", tz="UTC")),
        }
    )
    for attempt in range(5):
        try:
            lake.write(
                "gold",
                METRICS,
                table,
                "append",
                {"datalab.run": metrics[0].run_id},
                lake.table("gold", METRICS),
            )
        except DataLabError as error:
            if error.code != "E_WRITE_CONFLICT" or attempt == 4:
                raise
            time.sleep(0.1 * 2**attempt)
        else:
            return
