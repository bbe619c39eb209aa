"""CSV text to record batches, block by block: rows come out whole, or are kept as malformed with the reason.

Every block is tried with Arrow's parser first. A block with anything unusual in it (a stray quote, a ragged
row, a byte that is no text) is parsed again by `careful`, which knows how to go on after it. Both give the
same rows for the same text; a property test holds them to it.

Values are taken as they came: an unquoted empty field is NULL, a quoted one ("") is the empty string.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyarrow import csv as arrow_csv

from datalab.formats.csv_records import Dialect, Records
from datalab.formats.source import rows_at_once

BLOCK = 8 * 1024 * 1024
SLICE = 65_536  # rows a batch: what the Delta writer gets at a time

Row = tuple[list[str | None] | None, str | None, str | None]  # fields, or the raw text and the problem


class CsvParser:
    """Turns blocks of UTF-8 into record batches with the data columns, _raw and _problem."""

    def __init__(self, names: list[str], dialect: Dialect, limit: int) -> None:
        self.names = names
        self.dialect = dialect
        self.limit = limit
        self.records = Records(dialect, limit)
        self.width = len(names)
        delimiter = dialect.delimiter.encode()
        self._before_quote = (delimiter[-1], ord("\n"))
        self._after_quote = (delimiter[0], ord("\n"), ord("\r"))
        self.schema = pa.schema([(name, pa.string()) for name in (*names, "_raw", "_problem")])

    def batches(self, chunks: Iterable[bytes], skip: int) -> Iterator[pa.RecordBatch]:
        """Every record of the text, in order; `skip` leaves out that many at the start (the header)."""
        rest = b""
        for chunk, final in _blocks(chunks):
            text = rest + chunk
            while skip and (used := self._header_end(text, final)) >= 0:
                text, skip = text[used:], skip - 1
            if skip:
                rest = text
                continue
            fast = self._fast(text, final)
            if fast is not None:
                used, batch = fast
                for start in range(0, batch.num_rows, SLICE):
                    yield batch.slice(start, SLICE)
            else:
                used, rows = self._careful(text, final)
                most = rows_at_once(self.width, SLICE)
                for start in range(0, len(rows), most):
                    yield batch_of(rows[start : start + most], self.schema)
            rest = text[used:]

    def _header_end(self, text: bytes, final: bool) -> int:
        decoded = _decode(text)
        for start, end, record in self.records.split(decoded, final):
            if record != [None] and decoded[start:end].strip():
                return len(_encode(decoded[: end + 1]))
        return len(text) if final else -1

    def _fast(self, text: bytes, final: bool) -> tuple[int, pa.RecordBatch] | None:
        if self.dialect.newline != "\n" or not self.dialect.delimiter.isascii() or b"\0" in text:
            return None
        used = len(text) if final else text.rfind(b"\n") + 1
        quotes = text.count(b'"', 0, used)
        if quotes and not final:
            # End the block at a line end that is outside quotes, if the quotes are as they should be.
            for _ in range(8):
                if text.count(b'"', 0, used) % 2 == 0:
                    break
                used = text.rfind(b"\n", 0, text.rfind(b'"', 0, used)) + 1
        if used <= 0:
            return None
        block = text[:used]
        if block.startswith(BOM_UTF8):
            return None  # Arrow would drop it, here it is a part of the first value
        if not block.endswith(b"\n"):
            # At the end of the text Arrow takes an empty field for a quoted one when the field before it was.
            block += b"\n"
        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
            return None
        if quotes and not self._well_quoted(block):
            return None
        if block.strip(b"\r\n") == b"":
            return None
        try:
            if not block.isascii():
                block.decode()
            table = arrow_csv.read_csv(
                pa.py_buffer(block),
                read_options=arrow_csv.ReadOptions(
                    column_names=self.names, use_threads=False, block_size=len(block) + 1
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self.dialect.delimiter,
                    quote_char='"' if quotes else False,
                    newlines_in_values=bool(quotes),
                    ignore_empty_lines=self.width > 1,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={name: pa.string() for name in self.names},
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    check_utf8=False,
                ),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None
        nothing = pa.nulls(table.num_rows, pa.string())
        columns = [column.combine_chunks() for column in table.columns]
        return used, pa.RecordBatch.from_arrays([*columns, nothing, nothing], schema=self.schema)

    def _well_quoted(self, block: bytes) -> bool:
        """Whether every quote opens a field, closes one, or is doubled inside one."""
        parts = block.split(b'"')
        if len(parts) % 2 == 0:
            return False
        before, after = self._before_quote, self._after_quote
        # What is outside of quotes begins after a closing one and ends before an opening one. An empty part
        # between two quotes is a doubled quote.
        first, last = parts[0], parts[-1]
        return (
            (not first or first[-1] in before)
            and (not last or last[0] in after)
            and all(not part or (part[0] in after and part[-1] in before) for part in parts[2:-1:2])
        )

    def _careful(self, text: bytes, final: bool) -> tuple[int, list[Row]]:
        decoded = _decode(text)
        rows: list[Row] = []
        end = -1
        for start, end, record in self.records.split(decoded, final):
            row = self._row(decoded, start, end, record)
            if row is not None:
                rows.append(row)
        used = min(len(_encode(decoded[: end + 1])), len(text)) if end >= 0 else 0
        return used, rows

    def _row(self, text: str, start: int, end: int, record: list[str | None] | str) -> Row | None:
        raw = text[start:end].rstrip("\r") if self.dialect.newline == "\n" else text[start:end]
        if isinstance(record, str):
            return None, readable(raw), record
        if record == [None] and self.width > 1 and raw == "":
            return None  # a blank line is no row
        if not raw.isascii() and _undecoded(raw):
            return None, readable(raw), "bytes that are no text in the file's encoding"
        if "\0" in raw:
            return None, readable(raw), "contains a NUL character"
        if len(record) != self.width:
            return None, readable(raw), f"expected {self.width} fields, found {len(record)}"
        return record, None, None


def batch_of(rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as a batch: the fields, or NULLs with the raw text and the problem."""
    width = len(schema) - 2
    told = [pa.array([row[n] for row in rows], pa.string()) for n in (1, 2)]
    if all(fields is None for fields, _, _ in rows):
        # One array for all columns: many short lines below a wide header are many values.
        return pa.RecordBatch.from_arrays([pa.nulls(len(rows), pa.string())] * width + told, schema=schema)
    empty: list[str | None] = [None] * width
    columns = zip(*(fields if fields is not None else empty for fields, _, _ in rows), strict=True)
    return pa.RecordBatch.from_arrays([*(pa.array(c, pa.string()) for c in columns), *told], schema=schema)


def readable(raw: str) -> str:
    """Text that was not valid, in a form that can be stored: broken bytes as \\xNN, NUL as \\x00."""
    if raw.isascii():
        return raw.replace("\0", "\\x00")
    as_bytes = raw.encode("utf-8", "surrogateescape")
    return as_bytes.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


SURROGATE = re.compile("[\ud800-\udfff]")


def _undecoded(text: str) -> bool:
    return SURROGATE.search(text) is not None


def _decode(block: bytes) -> str:
    return block.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _blocks(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Chunks gathered into blocks; the last one says that it is."""
    gathered: list[bytes] = []
    size = 0
    for chunk in chunks:
        if size >= BLOCK:
            yield b"".join(gathered), False
            gathered, size = [], 0
        gathered.append(chunk)
        size += len(chunk)
    yield b"".join(gathered), True
