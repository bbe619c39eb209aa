"""What every file format gives the bronze layer, and what may be declared about a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from datalab.errors import DataLabError

FORMATS = ("csv", "json", "jsonl", "parquet", "xlsx")
MAX_COLUMNS = 4000
# Values that are held as Python's at once: a wide header makes many of a few short lines.
CELLS = 1_000_000


def check_width(columns: int, name: str) -> None:
    """Refuse a file that can't be a table, when it comes."""
    if columns == 0:
        raise DataLabError(
            "E_FILE_NO_COLUMNS",
            f"{name} has no columns",
            "export it again, with its columns",
        )
    if columns > MAX_COLUMNS:
        raise DataLabError(
            "E_FILE_COLUMNS", f"{name} has {columns:,} columns, more than {MAX_COLUMNS:,}", "is it a table?"
        )


def rows_at_once(columns: int, most: int) -> int:
    """How many rows of so many columns are held at once, at most `most`."""
    return max(1, min(most, CELLS // max(1, columns)))


@dataclass(frozen=True)
class Declared:
    """What a contract (or the command line) says about how files of a table are written.

    What is left at None is found out from the file.
    """

    format: str | None = None  # one of FORMATS
    delimiter: str | None = None
    encoding: str | None = None
    header: bool = True
    columns: list[str] | None = None  # the names, for files without a header
    skip: int | None = None  # lines of a text, rows of a sheet, that stand above the header or the first row
    footer: int = 0  # records at the end that are no rows
    sheet: str | None = None  # of a workbook


@dataclass(frozen=True)
class Source:
    """A file, ready to be read batch by batch."""

    schema: pa.Schema  # data columns, then _raw and _problem
    batches: Callable[[], Iterator[pa.RecordBatch]]
    headings: Sequence[str | None]  # what the file calls its columns; None: it has no name for them
    facts: dict[str, object] = field(default_factory=dict)  # how it was read, for the commit's record
    above: int = 0  # of the rows, how many stand above the header: titles, kept as malformed
