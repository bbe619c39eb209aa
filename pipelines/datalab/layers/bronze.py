"""Bronze: a file's rows as they came, plus where they come from, in exactly one commit a file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable

from datalab.errors import DataLabError
from datalab.formats.columns import HEADING, LINEAGE, MALFORMED, RESERVED, match_existing
from datalab.formats.open_source import open_source, opened
from datalab.formats.packed import is_packed
from datalab.formats.sniff import file_hash, inspect
from datalab.formats.source import Declared, Source, check_width
from datalab.lake import Lake
from datalab.layers.landing import Landed

CONFLICTS = 6
HASH = "_content_hash"
LINEAGE_FIELDS = (
    pa.field("_source_file", pa.string()),
    pa.field("_row_number", pa.int64()),
    pa.field("_ingested_at", pa.timestamp("us", tz="UTC")),
    pa.field("_run_id", pa.string()),
    pa.field("_content_hash", pa.string()),
)


@dataclass
class Ingested:
    """What an ingest did; the shape that the lake tool prints."""

    table: str
    file: str
    hash: str
    rows: int
    malformed: int
    skipped: bool
    version: int


def loaded(table: DeltaTable, content_hash: str) -> int | None:
    """How often a file with these bytes was loaded; None: never."""
    return table.transaction_version(_transaction(content_hash))


def holds(table: DeltaTable, content_hash: str) -> bool:
    """Whether the table has rows of a file with these bytes: a restore or a delete may have taken them."""
    from pyarrow import dataset

    actions = pa.table(table.get_add_actions(flatten=True))
    bounds = [f"{bound}.{HASH}" for bound in ("min", "max")]
    if all(bound in actions.column_names for bound in bounds):
        # The log knows, unless files were put together: a file holds the rows of one source file.
        known = list(zip(*(actions[bound].to_pylist() for bound in bounds), strict=True))
        alone = (least == most and len(least or "") == len(content_hash) for least, most in known)
        if all(alone):
            return any(least == content_hash for least, _ in known)
    # To its end: a scan that is left half way has threads at work when the process ends, which then aborts.
    return table.to_pyarrow_dataset().count_rows(filter=dataset.field(HASH) == content_hash) > 0


def ingest(
    lake: Lake,
    file: Landed,
    declared: Declared | None = None,
    run_id: str | None = None,
    *,
    asked_for: bool = False,
) -> Ingested:
    """Append a landed file to its bronze table, once: the same bytes again change nothing.

    The file is streamed; memory does not grow with it. Nothing is visible until the one commit at the end.
    A file that was loaded and of which the table holds no row any more is loaded again when a person has
    `asked_for` it: a run that only looks for new files does not bring back what somebody has removed.
    """
    for attempt in range(CONFLICTS):
        try:
            return _ingest_once(lake, file, declared or Declared(), run_id or f"ingest-{uuid4()}", asked_for)
        except DataLabError as error:
            # Someone else wrote the table at the same moment: look again, perhaps it was this very file.
            if error.code != "E_WRITE_CONFLICT" or attempt == CONFLICTS - 1:
                raise
            time.sleep(0.1 * 2**attempt)
    raise AssertionError


def _ingest_once(lake: Lake, file: Landed, declared: Declared, run_id: str, asked_for: bool) -> Ingested:
    table = lake.table("bronze", file.table)
    times = None if table is None else loaded(table, file.hash)
    if table is not None and times is not None and not (asked_for and not holds(table, file.hash)):
        return Ingested(file.table, file.file, file.hash, 0, 0, True, table.version())
    limit = lake.settings.max_line_bytes
    existing = pa.schema([]) if table is None else pa.schema(table.schema().to_arrow())
    with lake.open("bronze", file.key) as raw, ExitStack() as stack:
        packed = is_packed(raw)
        if packed:
            _check_bytes(file_hash(raw), file)
        stream, name, known_as = stack.enter_context(opened(raw, file.file, declared))
        profile = inspect(stream, name, limit, known_as.encoding, known_as.format)
        if not packed:
            _check_bytes(profile.hash, file)
        source = open_source(stream, profile, name, known_as, limit, _known(existing))
        rows = _Rows(file, source, existing, run_id)
        facts = {
            "datalab.file": file.file,
            "datalab.hash": file.hash,
            "datalab.run": run_id,
            "datalab.source": json.dumps(source.facts, ensure_ascii=False),
        }
        batches = rows.batches()
        first = next(batches, None)
        if table is not None and times is not None and (first is None or first.num_rows == 0):
            return Ingested(file.table, file.file, file.hash, 0, 0, True, table.version())
        every = batches if first is None else chain([first], batches)
        reader = pa.RecordBatchReader.from_batches(rows.schema, every)
        try:
            guard = (_transaction(file.hash), (times or 0) + 1)
            version = lake.write("bronze", file.table, reader, "append", facts, table, guard)
        except Exception as error:
            if rows.failure is not None:
                # What the reader itself says is clearer than what the writer makes of it.
                raise rows.failure from error
            raise
    return Ingested(file.table, file.file, file.hash, rows.count, rows.malformed, False, version)


def _check_bytes(digest: str, file: Landed) -> None:
    """Refuse a file whose bytes are not those that were landed."""
    if digest != file.hash:
        raise DataLabError(
            "E_FILE_DAMAGED",
            f"{file.file}: its bytes hash to {digest[:12]}…, its key says {file.hash[:12]}…",
            "the upload was cut off or changed: upload it again",
        )


class _Rows:
    """A source's batches with lineage, in the shape of the table that is there."""

    def __init__(self, file: Landed, source: Source, existing: pa.Schema, run_id: str) -> None:
        self.file = file
        self.source = source
        self.run_id = run_id
        self.at = datetime.now(UTC)
        self.count = 0
        self.malformed = 0
        self.failure: Exception | None = None
        data = [f for f in source.schema if f.name not in MALFORMED]
        headings = list(source.headings)
        known = {field.name: _heading(field) for field in existing}
        where = f"{file.file} in bronze.{file.table}"
        names = match_existing([f.name for f in data], headings, known, where)
        fields = []
        for name, heading, given in zip(names, headings, data, strict=True):
            at = existing.get_field_index(name)
            kept = existing.field(at).metadata if at >= 0 else heading and {HEADING: heading}
            typed = _meet(existing.field(at).type, given.type) if at >= 0 else given.type
            fields.append(pa.field(name, typed, metadata=kept or None))
        # Files of other columns each make a table wider than any of them.
        own = {name for name in existing.names if name not in RESERVED} | {each.name for each in fields}
        check_width(len(own), f"bronze.{file.table} with {file.file}")
        self.schema = pa.schema([*fields, *LINEAGE_FIELDS, *(pa.field(m, pa.string()) for m in MALFORMED)])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows; a failure is kept so that it can be told in its own words."""
        try:
            for batch in self.source.batches():
                yield self._with_lineage(batch)
        except Exception as error:
            self.failure = error
            raise

    def _with_lineage(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        n = batch.num_rows
        problem = batch.column(batch.num_columns - 1)
        self.malformed += n - problem.null_count
        data = [
            column if column.type == wanted.type else self._cast(column, wanted)
            for column, wanted in zip(batch.columns[:-2], self.schema, strict=False)
        ]
        constants = {
            "_source_file": self.file.file,
            "_ingested_at": pa.scalar(self.at, pa.timestamp("us", tz="UTC")),
            "_run_id": self.run_id,
            "_content_hash": self.file.hash,
        }
        # 1 is the first row below the header; titles above it have 0 and less.
        first = self.count + 1 - self.source.above
        lineage = [
            pa.array(range(first, first + n), pa.int64())
            if name == "_row_number"
            else pa.repeat(constants[name], n)
            for name in LINEAGE
        ]
        self.count += n
        return pa.RecordBatch.from_arrays([*data, *lineage, *batch.columns[-2:]], schema=self.schema)

    def _cast(self, column: pa.Array, wanted: pa.Field) -> pa.Array:
        try:
            return column.cast(wanted.type)
        except pa.ArrowException as error:
            raise DataLabError(
                "E_SCHEMA_MISMATCH",
                f"{self.file.file}, column {wanted.name}: bronze.{self.file.table} holds {wanted.type}, "
                f"the file {column.type}: {error}",
                "ingest it into another table, or export the column in the same type",
            ) from error


def _known(existing: pa.Schema) -> list[str]:
    """The headings of a table's data columns; its names where no heading is known."""
    return [_heading(each) or each.name for each in existing if each.name not in RESERVED]


def _heading(column: pa.Field) -> str | None:
    """The heading that a table's column was made from, where the table keeps it."""
    kept = (column.metadata or {}).get(HEADING.encode())
    return None if kept is None else kept.decode()


def _meet(existing: pa.DataType, given: pa.DataType) -> pa.DataType:
    """The type to write in: the table's. Views and large types are the same as the plain ones."""
    if pa.types.is_large_string(existing) or pa.types.is_string_view(existing):
        return pa.string()
    if pa.types.is_large_binary(existing) or pa.types.is_binary_view(existing):
        return pa.binary()
    return given if existing.equals(given) else existing


def _transaction(content_hash: str) -> str:
    return f"file:{content_hash}"
