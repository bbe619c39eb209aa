"""The reader for a file: CSV here, the other formats in files of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
from pyarrow import NativeFile

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.formats.csv_records import Dialect, usual_width
from datalab.formats.csv_text import CsvParser, Row, batch_of, readable
from datalab.formats.delimiter import detect_delimiter
from datalab.formats.edges import (
    ABOVE,
    FirstRecord,
    after_lines,
    first_records,
    titles_of,
    without_last,
    without_lines,
)
from datalab.formats.json_source import json_source
from datalab.formats.packed import is_workbook, unpacked
from datalab.formats.parquet_file import parquet_file
from datalab.formats.sniff import Profile, Stream, text_chunks
from datalab.formats.source import Declared, Source, check_width


@contextmanager
def opened(raw: NativeFile, name: str, declared: Declared) -> Iterator[tuple[Stream, str, Declared]]:
    """A landed file as `inspect` and `open_source` take it: unpacked, and of a workbook one sheet as CSV."""
    with unpacked(raw, name) as (stream, inner):
        if declared.format not in (None, "xlsx") or not is_workbook(stream):
            if declared.format == "xlsx":
                raise DataLabError("E_FILE_WORKBOOK", f"{name} is no .xlsx workbook", "leave the format out")
            yield stream, inner, declared
            return
        # Loads openpyxl, which most files have no need of.
        from datalab.formats.workbook import SheetText

        with SheetText(stream, name, declared.sheet) as text:
            yield text, name, replace(declared, format="csv", delimiter=",", encoding="utf-8")


def open_source(
    stream: Stream,
    profile: Profile,
    name: str,
    declared: Declared,
    limit: int,
    known: Collection[str] = (),
) -> Source:
    """The reader for a file that `inspect` has accepted; `known`: the headings of its table so far."""
    if profile.format == "parquet":
        return parquet_file(stream, name)
    if profile.format in ("json", "jsonl"):
        return json_source(stream, profile, name, limit)
    return _csv(stream, profile, name, declared, limit, known)


def _csv(
    stream: Stream, profile: Profile, name: str, declared: Declared, limit: int, known: Collection[str]
) -> Source:
    newline = profile.newline
    first_line = profile.sample.lstrip("\r\n").split(newline, 1)[0].strip('\r "')
    # Excel writes the delimiter in a line of its own: sep=;
    announced = first_line[4:] if first_line.lower().startswith("sep=") and len(first_line) == 5 else None
    left_out = declared.skip or 0
    sample = after_lines(profile.sample, newline, left_out)
    skip = 1 if announced and not left_out else 0
    delimiter = declared.delimiter or announced
    if delimiter is None:
        delimiter = detect_delimiter(
            sample, newline, limit, profile.complete, name, header=declared.header, known=known
        )
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataLabError(
            "E_FILE_DELIMITER", f'{name}: "{delimiter}" cannot be a delimiter', "one character"
        )
    dialect = Dialect(delimiter, newline)

    def chunks() -> Iterator[bytes]:
        return without_lines(text_chunks(stream, profile), newline.encode(), left_out)

    first = first_records(chunks(), dialect, limit)[skip:] or [FirstRecord(1, "", [None])]
    if left_out and not first[0].text.strip():
        raise DataLabError(
            "E_FILE_BLANK", f"{name} has nothing below line {left_out}", "skip fewer lines: --skip"
        )
    titles: list[FirstRecord] = []
    if declared.header:
        if declared.skip is None:
            titles = titles_of(first, known, name)
        header = [None if each is None else readable(each) for each in first[len(titles)].fields]
        extra = _trailing_delimiters(len(header), first[len(titles) + 1 :])
        header += [None] * extra
        skip += 1 + len(titles)
    else:
        header = list(declared.columns or [None] * usual_width([len(each.fields) for each in first]))
    check_width(len(header), name)
    names = clean_names(header)
    parser = CsvParser(names, dialect, limit)

    def batches() -> Iterator[pa.RecordBatch]:
        if titles:
            rows: list[Row] = [(None, readable(each.text), ABOVE) for each in titles if any(each.fields)]
            yield batch_of(rows, parser.schema)
        yield from without_last(parser.batches(chunks(), skip), declared.footer)

    return Source(
        parser.schema,
        batches,
        header,
        {
            "format": "csv",
            "delimiter": delimiter,
            "encoding": profile.encoding,
            "header": declared.header,
            "columns": {clean: raw for clean, raw in zip(names, header, strict=True) if clean != raw},
            **({"skipped": profile.sample[: -len(sample) or None][:2000]} if left_out else {}),
            **({"footer": declared.footer} if declared.footer else {}),
        },
        above=sum(any(each.fields) for each in titles),
    )


def _trailing_delimiters(width: int, rows: Sequence[FirstRecord]) -> int:
    """1 when every sampled row ends with one more delimiter than the header has."""
    return int(bool(rows) and all(len(each.fields) == width + 1 and each.fields[-1] is None for each in rows))
