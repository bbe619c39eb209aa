"""The reader for a file: CSV here, the other formats in files of their own."""

from __future__ import annotations

from collections.abc import Collection

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.formats.csv_records import Dialect, Records, usual_width
from datalab.formats.csv_text import CsvParser, readable
from datalab.formats.delimiter import detect_delimiter
from datalab.formats.json_lines import json_lines
from datalab.formats.parquet_file import parquet_file
from datalab.formats.sniff import Profile, Stream, text_chunks
from datalab.formats.source import Declared, Source, check_width


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
    if profile.format == "jsonl":
        return json_lines(stream, profile, name)
    return _csv(stream, profile, name, declared, limit, known)


def _csv(
    stream: Stream, profile: Profile, name: str, declared: Declared, limit: int, known: Collection[str]
) -> Source:
    newline = profile.newline
    first_line = profile.sample.lstrip("\r\n").split(newline, 1)[0].strip('\r "')
    # Excel writes the delimiter in a line of its own: sep=;
    announced = first_line[4:] if first_line.lower().startswith("sep=") and len(first_line) == 5 else None
    delimiter = declared.delimiter or announced
    if delimiter is None:
        sample, complete = profile.sample, profile.complete
        delimiter = detect_delimiter(
            sample, newline, limit, complete, name, header=declared.header, known=known
        )
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataLabError(
            "E_FILE_DELIMITER", f'{name}: "{delimiter}" cannot be a delimiter', "one character"
        )
    dialect = Dialect(delimiter, newline)
    first, widths = _first_records(stream, profile, dialect, limit, skip=1 if announced else 0)
    skip = 1 if announced else 0
    if declared.header:
        skip += 1
        header: list[str | None] = list(first)
        extra = _trailing_delimiters(len(header), widths)
        header += [None] * extra
    else:
        header = list(declared.columns or [None] * usual_width([width for width, _ in widths]))
    check_width(len(header), name)
    names = clean_names(header)
    parser = CsvParser(names, dialect, limit)
    return Source(
        parser.schema,
        lambda: parser.batches(text_chunks(stream, profile), skip),
        header,
        {
            "format": "csv",
            "delimiter": delimiter,
            "encoding": profile.encoding,
            "header": declared.header,
            "columns": {clean: raw for clean, raw in zip(names, header, strict=True) if clean != raw},
        },
    )


def _first_records(
    stream: Stream, profile: Profile, dialect: Dialect, limit: int, skip: int
) -> tuple[list[str | None], list[tuple[int, bool]]]:
    """The header, and of the records after it the width and whether the last field is empty."""
    records = Records(dialect, limit)
    text, chunks = b"", text_chunks(stream, profile)
    final = False
    while True:
        chunk = next(chunks, None)
        final = chunk is None
        text += chunk or b""
        found: list[list[str | None]] = []
        for start, end, record in records.split(decoded := text.decode("utf-8", "surrogateescape"), final):
            if record == [None]:
                continue
            found.append([readable(decoded[start:end])] if isinstance(record, str) else record)
            if len(found) >= 500:
                break
        if len(found) > skip or final:
            break
    found = found[skip:]
    if not found:
        return [None], [(1, True)]
    header = [None if each is None else readable(each) for each in found[0]]
    return header, [(len(each), each[-1] is None) for each in found[1:] or found]


def _trailing_delimiters(width: int, widths: list[tuple[int, bool]]) -> int:
    """1 when every sampled row ends with one more delimiter than the header has."""
    return int(bool(widths) and all(each == (width + 1, True) for each in widths))
