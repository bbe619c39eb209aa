"""What a Delta log says about a table: its size, when it was written, what a commit recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable

from datalab.errors import DataLabError

# What other programs write into a table's log that no reader here follows: every value of a table with
# mapped columns would be NULL, and rows that a vector deletes would still be there.
FEATURES = {
    "columnMapping": (
        "column mapping",
        "write it to a new table without delta.columnMapping.mode, with Spark for example",
    ),
    "deletionVectors": (
        "deletion vectors",
        "in Spark: ALTER TABLE ... SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'false'), "
        "REORG TABLE ... APPLY (PURGE), then ALTER TABLE ... DROP FEATURE deletionVectors TRUNCATE HISTORY",
    ),
}


def check_features(layer: str, table: str, found: DeltaTable) -> None:
    """Refuse a table that would be read wrong, by the feature that it has."""
    has = set(found.protocol().reader_features or ())
    if found.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        has.add("columnMapping")
    for feature, (words, hint) in FEATURES.items():
        if feature in has:
            raise DataLabError(
                "E_TABLE_FEATURE",
                f"{layer}.{table} can't be read: another program has written it with {words}",
                hint,
            )


@dataclass(frozen=True)
class TableInfo:
    """One line of `data list-tables`."""

    layer: str
    name: str
    rows: int
    columns: int
    version: int
    bytes: int
    updated: str


@dataclass(frozen=True)
class Unreadable:
    """A table that is there and can't be read: its trouble is its own, the other tables are listed."""

    layer: str
    name: str
    error: str


def table_size(table: DeltaTable) -> tuple[int, int]:
    """Rows and bytes of the current version, from the log's statistics."""
    import pyarrow as pa

    actions = pa.table(table.get_add_actions(flatten=True))
    if actions.num_rows == 0:
        return 0, 0
    counts = actions["num_records"].to_pylist() if "num_records" in actions.column_names else [None]
    rows = table.count() if any(count is None for count in counts) else sum(counts)
    return int(rows), int(sum(actions["size_bytes"].to_pylist()))


def updated_at(table: DeltaTable) -> str:
    """When the current version was written, ISO 8601 UTC."""
    return iso(table.history(1)[0]["timestamp"])


def iso(milliseconds: int) -> str:
    """A Delta timestamp as ISO 8601 UTC."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def commit_fact(table: DeltaTable | None, key: str) -> Any:
    """What the last commit recorded under `key`, read back from JSON; None when it recorded nothing."""
    if table is None:
        return None
    raw = table.history(1)[0].get(key)
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def describe(layer: str, name: str, table: DeltaTable) -> TableInfo:
    """A table's line."""
    rows, size = table_size(table)
    columns = len(table.schema().fields)
    return TableInfo(layer, name, rows, columns, table.version(), size, updated_at(table))
