"""DuckDB over the lake: only the tables a query names are opened, and the query can reach nothing else."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from datalab import scratch
from datalab.errors import DataLabError
from datalab.lake import Lake, quote
from datalab.lake_config import LAYERS

if TYPE_CHECKING:
    from deltalake import DeltaTable

# Rows that are held as Python's values at once.
FETCH = 500


@dataclass(frozen=True, order=True)
class Reference:
    """A table that a query names."""

    layer: str
    table: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.table}"


def connect(lake: Lake) -> duckdb.DuckDBPyConnection:
    """A connection in memory with the lake's limits; times are UTC on every machine."""
    con = duckdb.connect(":memory:")
    con.execute(f"SET memory_limit = '{lake.settings.memory}'")
    con.execute(f"SET threads = {lake.settings.threads}")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET python_enable_replacements = false")
    con.execute("SET preserve_insertion_order = false")
    # Not in the folder that the process was started in: what a killed one has spilled is removed from here.
    con.execute(f"SET temp_directory = {_text(scratch.folder() / 'duckdb')}")
    return con


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def lock(con: duckdb.DuckDBPyConnection) -> None:
    """No files, no network, no extensions, no way to change that: for SQL that a person wrote."""
    con.execute("SET enable_external_access = false")
    con.execute("SET autoinstall_known_extensions = false")
    con.execute("SET autoload_known_extensions = false")
    con.execute("SET lock_configuration = true")


def one_row(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
    """The only row of a query; read to the end, so that the connection is free again."""
    (row,) = con.execute(sql, parameters or []).fetchall()
    return row


def references(con: duckdb.DuckDBPyConnection, sql: str, what: str = "the query") -> list[Reference]:
    """The tables of the lake that a query reads. Anything but one SELECT is refused."""
    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise DataLabError("E_SQL_INVALID", f"{what}: {error}", "check the SQL") from error
    if len(statements) != 1:
        raise DataLabError(
            "E_SQL_INVALID", f"{what} has {len(statements)} statements", "write exactly one SELECT"
        )
    tree = json.loads(
        one_row(con, "SELECT json_serialize_sql(?)", [statements[0].query.strip().rstrip(";")])[0]
    )
    if tree.get("error"):
        raise DataLabError(
            "E_SQL_NOT_A_QUERY", f"{what} does not only read: {tree.get('error_message')}", "write one SELECT"
        )
    found: dict[Reference, None] = {}
    for schema, table in _base_tables(tree):
        if schema.lower() in LAYERS:
            found[Reference(schema.lower(), table.lower())] = None
    return list(found)


def _base_tables(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            yield _table_name(node)
        for value in node.values():
            yield from _base_tables(value)
    elif isinstance(node, list):
        for value in node:
            yield from _base_tables(value)


def _table_name(node: dict[str, Any]) -> tuple[str, str]:
    return str(node.get("schema_name") or ""), str(node.get("table_name") or "")


def attach(con: duckdb.DuckDBPyConnection, lake: Lake, names: list[Reference]) -> dict[Reference, DeltaTable]:
    """Make tables readable as <layer>.<table>, each at one version for the whole query."""
    opened: dict[Reference, DeltaTable] = {}
    for ref in names:
        table = lake.require(ref.layer, ref.table)
        opened[ref] = table
        bind(con, ref, table)
    return opened


def bind(con: duckdb.DuckDBPyConnection, ref: Reference, table: DeltaTable) -> None:
    """Register one open table under its layer's schema."""
    hidden = f"__{ref.layer}__{ref.table}"
    con.register(hidden, table.to_pyarrow_dataset())
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(ref.layer)}")
    con.execute(
        f"CREATE OR REPLACE VIEW {quote(ref.layer)}.{quote(ref.table)} AS SELECT * FROM {quote(hidden)}"
    )


@contextmanager
def time_limit(con: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[None]:
    """Interrupt what runs on the connection when the time is over."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, con.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise DataLabError(
            "E_QUERY_TIMEOUT", f"the query took longer than {seconds:g} s", "narrow it"
        ) from error
    finally:
        timer.cancel()


def query(lake: Lake, sql: str, seconds: float | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a SELECT over the lake as plain JSON values."""
    con = connect(lake)
    names = references(con, sql)
    attach(con, lake, names)
    lock(con)
    try:
        with time_limit(con, seconds):
            result = con.execute(sql)
            columns = _distinct([each[0] for each in result.description or []])
            while rows := result.fetchmany(FETCH):
                for row in rows:
                    yield {name: to_json(value) for name, value in zip(columns, row, strict=True)}
    except duckdb.Error as error:
        raise sql_error(error) from error
    finally:
        con.close()


def sql_error(error: duckdb.Error, what: str = "the query") -> DataLabError:
    """DuckDB's words, with a hint for the common cases."""
    text = re.sub(r"\n\s*\n", "\n", str(error)).strip()
    if isinstance(error, duckdb.OutOfMemoryException):
        return DataLabError(
            "E_QUERY_MEMORY", f"{what}: {text}", "aggregate or filter more; DATALAB_DUCKDB_MEMORY"
        )
    if isinstance(error, duckdb.PermissionException):
        return DataLabError(
            "E_QUERY_FORBIDDEN", f"{what}: {text}", "a query reads the lake's tables, nothing else"
        )
    if isinstance(error, duckdb.CatalogException):
        return DataLabError("E_SQL_INVALID", f"{what}: {text}", "tables are bronze.x, silver.x and gold.x")
    return DataLabError("E_SQL_INVALID", f"{what}: {text}", "check the SQL")


def stream_error(error: Exception, what: str = "the query") -> DataLabError:
    """What DuckDB says while its rows are read as Arrow's: its words, in an error of another class."""
    text = str(error)
    if isinstance(error, MemoryError) or "Out of Memory Error" in text:
        return sql_error(duckdb.OutOfMemoryException(text or "no memory is left"), what)
    return sql_error(duckdb.Error(text), what)


def _distinct(names: list[str]) -> list[str]:
    """A JSON object has every key once: a repeated column gets _2, _3, ..."""
    seen: set[str] = set()
    result: list[str] = []
    for name in names:
        unique, n = name, 1
        while unique in seen:
            n += 1
            unique = f"{name}_{n}"
        seen.add(unique)
        result.append(unique)
    return result


def to_json(value: Any) -> Any:
    """A value as JSON. Integers have all their digits; a decimal that a double can't hold, NaN and the
    infinities are text; times are ISO 8601.
    """
    import datetime as dt
    import math
    from decimal import Decimal

    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Decimal):
        if value.as_tuple().exponent == 0:
            return int(value)
        as_float = float(value)
        return as_float if Decimal(repr(as_float)) == value else str(value)
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        return value.isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    return str(value)
