"""What every file format gives the bronze layer, and what may be declared about a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

MAX_COLUMNS = 4000


@dataclass(frozen=True)
class Declared:
    """What a contract (or the command line) says about how files of a table are written.

    What is left at None is found out from the file.
    """

    format: str | None = None  # csv, jsonl or parquet
    delimiter: str | None = None
    encoding: str | None = None
    header: bool = True
    columns: list[str] | None = None  # the names, for files without a header


@dataclass(frozen=True)
class Source:
    """A file, ready to be read batch by batch."""

    schema: pa.Schema  # data columns, then _raw and _problem
    batches: Callable[[], Iterator[pa.RecordBatch]]
    facts: dict[str, object] = field(default_factory=dict)  # how it was read, for the commit's record
