"""The start and the end of a sheet that was saved as text: titles, and what a declaration leaves out."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from datalab.errors import DataLabError
from datalab.formats.cells import shown
from datalab.formats.csv_records import Dialect, Records
from datalab.formats.csv_text import readable
from datalab.formats.header import titles_above
from datalab.formats.sniff import CHUNK

ABOVE = "above the header"
# How many records are looked at to find the header.
FIRST = 500


@dataclass(frozen=True)
class FirstRecord:
    """One of the first records of a file."""

    line: int  # where it begins, from 1
    text: str
    fields: Sequence[str | None]


def first_records(chunks: Iterator[bytes], dialect: Dialect, limit: int) -> list[FirstRecord]:
    """The first records that are not blank; at least one."""
    records = Records(dialect, limit)
    text = b""
    final = False
    found: list[FirstRecord] = []
    # A file that ends within the first chunk is looked at to its end, one of long records to its second.
    while not final and not (len(text) >= CHUNK and len(found) > 1):
        chunk = next(chunks, None)
        final = chunk is None
        text += chunk or b""
        decoded = text.decode("utf-8", "surrogateescape")
        found, line, counted = [], 1, 0
        for start, end, record in records.split(decoded, final):
            if record == [None]:
                continue
            line, counted = line + decoded.count(dialect.newline, counted, start), start
            whole = decoded[start:end].rstrip("\r")
            found.append(FirstRecord(line, whole, [whole] if isinstance(record, str) else record))
            if len(found) >= FIRST:
                return found
    return found or [FirstRecord(1, "", [None])]


def titles_of(first: Sequence[FirstRecord], known: Collection[str], name: str) -> list[FirstRecord]:
    """The records above the header. Raises E_FILE_HEADER_UNSURE where the header may be one of two."""
    titles = titles_above([each.fields for each in first], known)
    if not titles.certain:
        one, other = first[0], first[titles.count]
        raise DataLabError(
            "E_FILE_HEADER_UNSURE",
            f"{name}: line {one.line} ({_shown(one)}) is not as wide as most; "
            f"line {other.line} ({_shown(other)}) may be the header",
            f"say which it is: --header-row {one.line} or --header-row {other.line}, or source.header_row in "
            f"the table's contract; without a header: --no-header --skip {other.line - 1}",
        )
    return list(first[: titles.count])


def after_lines(text: str, newline: str, count: int) -> str:
    """A text without its first lines."""
    lines = text.split(newline, count)
    return lines[count] if len(lines) > count else ""


def without_lines(chunks: Iterator[bytes], newline: bytes, count: int) -> Iterator[bytes]:
    """A text without its first lines, chunk by chunk."""
    for chunk in chunks:
        at = 0
        while count and (end := chunk.find(newline, at)) >= 0:
            at, count = end + len(newline), count - 1
        if not count:
            yield chunk[at:]


def without_last(batches: Iterator[pa.RecordBatch], count: int) -> Iterator[pa.RecordBatch]:
    """The batches without the last rows of all."""
    held: deque[pa.RecordBatch] = deque()
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while held and rows - held[0].num_rows >= count:
            rows -= held[0].num_rows
            yield held.popleft()
    left = rows - count
    for batch in held:
        if left <= 0:
            return
        yield batch.slice(0, left)
        left -= batch.num_rows


def _shown(record: FirstRecord) -> str:
    return shown([readable(cell or "") for cell in record.fields])
