"""What a file gives: a schema and record batches with the data columns, _raw and _problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from datalab.columns import clean_names
from datalab.csv_text import BLOCK, CsvParser, Dialect, Records, Row, batch_of, detect_delimiter, readable
from datalab.errors import DataLabError
from datalab.sniff import Profile, Stream, text_chunks

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


def open_source(stream: Stream, profile: Profile, name: str, declared: Declared, limit: int) -> Source:
    """The reader for a file that `inspect` has accepted."""
    if profile.format == "parquet":
        return _parquet(stream, name)
    if profile.format == "jsonl":
        return _json_lines(stream, profile, name)
    return _csv(stream, profile, name, declared, limit)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────────────


def _csv(stream: Stream, profile: Profile, name: str, declared: Declared, limit: int) -> Source:
    newline = profile.newline
    first_line = profile.sample.lstrip("\r\n").split(newline, 1)[0].strip().strip('"')
    # Excel writes the delimiter in a line of its own: sep=;
    announced = first_line[4:] if first_line.lower().startswith("sep=") and len(first_line) == 5 else None
    delimiter = declared.delimiter or announced
    if delimiter is None:
        delimiter = detect_delimiter(profile.sample, newline, limit, profile.complete)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataLabError("bad-delimiter", f'{name}: "{delimiter}" cannot be a delimiter', "one character")
    dialect = Dialect(delimiter, newline)
    first, widths = _first_records(stream, profile, dialect, limit, skip=1 if announced else 0)
    skip = 1 if announced else 0
    if declared.header:
        skip += 1
        header: list[str | None] = list(first)
        extra = _trailing_delimiters(len(header), widths)
        header += [None] * extra
    else:
        header = list(declared.columns or [None] * _usual(widths))
    if len(header) > MAX_COLUMNS:
        raise DataLabError(
            "too-many-columns", f"{name} has {len(header):,} columns, more than {MAX_COLUMNS:,}", "is it text?"
        )
    names = clean_names(header)
    parser = CsvParser(names, dialect, limit)
    return Source(
        parser.schema,
        lambda: parser.batches(text_chunks(stream, profile), skip),
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


def _usual(widths: list[tuple[int, bool]]) -> int:
    """The width that most of the sampled rows have."""
    counts = [width for width, _ in widths]
    return max(set(counts), key=counts.count)


def _trailing_delimiters(width: int, widths: list[tuple[int, bool]]) -> int:
    """1 when every sampled row ends with one more delimiter than the header has."""
    return int(bool(widths) and all(each == (width + 1, True) for each in widths))


# ── JSON lines ──────────────────────────────────────────────────────────────────────────────────────────


class _Repeated(ValueError):
    pass


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Repeated("a key is there twice")
    return found


# Numbers keep their digits as they were written: 1.10 stays 1.10, and long ids are not rounded.
class _Number(str):
    __slots__ = ()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_Number, parse_int=_Number, parse_constant=_Number
)


def _json_lines(stream: Stream, profile: Profile, name: str) -> Source:
    keys: dict[str, None] = {}
    for _, record, _ in _json_records(stream, profile):
        if record is not None:
            keys.update(dict.fromkeys(record))
            if len(keys) > MAX_COLUMNS:
                raise DataLabError(
                    "too-many-columns", f"{name} has more than {MAX_COLUMNS:,} keys", "put them below one key"
                )
    if not keys:
        raise DataLabError("no-objects", f"{name} holds no JSON object", "write one object a line: JSON lines")
    names = clean_names(list(keys))
    schema = pa.schema([(column, pa.string()) for column in (*names, "_raw", "_problem")])

    def batches() -> Iterator[pa.RecordBatch]:
        rows: list[Row] = []
        size = 0
        for raw, record, problem in _json_records(stream, profile):
            if record is None:
                rows.append((None, readable(raw), problem))
            else:
                rows.append(([_json_text(record.get(key)) for key in keys], None, None))
            size += len(raw)
            if len(rows) >= 20_000 or size >= BLOCK:
                yield batch_of(rows, schema)
                rows, size = [], 0
        if rows:
            yield batch_of(rows, schema)

    facts = {"format": "jsonl", "encoding": profile.encoding}
    return Source(schema, batches, {**facts, "columns": {c: k for c, k in zip(names, keys, strict=True) if c != k}})


def _json_text(value: object) -> str | None:
    """Strings as they are, NULL as NULL, all else as JSON text."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return _dump(value)


def _dump(value: object) -> str:
    """Compact JSON that leaves numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_dump(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _json_records(stream: Stream, profile: Profile) -> Iterator[tuple[str, dict[str, object] | None, str | None]]:
    for line in _lines(text_chunks(stream, profile)):
        raw = line.decode("utf-8", "surrogateescape")
        if not raw.strip():
            continue
        try:
            line.decode()
            record = _DECODER.decode(raw.strip())
        except UnicodeDecodeError:
            yield raw, None, "bytes that are no text in the file's encoding"
        except _Repeated as error:
            yield raw, None, str(error)
        except RecursionError:
            yield raw, None, "nested too deeply"
        except ValueError as error:
            yield raw, None, f"no JSON: {error}"
        else:
            if not isinstance(record, dict):
                yield raw, None, "no JSON object"
            elif '\\u' in raw and ("\\u0000" in raw or not _storable(record)):
                yield raw, None, "contains a NUL character or half of a surrogate pair"
            else:
                yield raw, record, None


def _storable(value: object) -> bool:
    text = _dump(value)
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        if b"\n" not in chunk:
            rest += chunk
            continue
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


# ── Parquet ─────────────────────────────────────────────────────────────────────────────────────────────


def _parquet(stream: Stream, name: str) -> Source:
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(stream, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise DataLabError("broken-parquet", f"{name} cannot be read: {error}", "was the upload cut off?") from error
    given = file.schema_arrow
    names = clean_names(given.names)
    schema = pa.schema(
        [pa.field(clean, _delta_type(f.type)) for clean, f in zip(names, given, strict=True)]
        + [pa.field("_raw", pa.string()), pa.field("_problem", pa.string())]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in file.iter_batches(batch_size=32_768):
                columns = [
                    column if column.type == wanted.type else _cast(column, wanted, name)
                    for column, wanted in zip(batch.columns, schema, strict=False)
                ]
                nothing = pa.nulls(batch.num_rows, pa.string())
                yield pa.RecordBatch.from_arrays([*columns, nothing, nothing], schema=schema)
        except (pa.ArrowException, OSError) as error:
            raise DataLabError("broken-parquet", f"{name} cannot be read: {error}", "export it again") from error

    renamed = {clean: raw for clean, raw in zip(names, given.names, strict=True) if clean != raw}
    return Source(schema, batches, {"format": "parquet", "columns": renamed})


def _cast(column: pa.Array, wanted: pa.Field, name: str) -> pa.Array:
    try:
        return column.cast(wanted.type)
    except pa.ArrowException as error:
        raise DataLabError(
            "unsupported-value", f"{name}, column {wanted.name}: {error}", "export the column as text"
        ) from error


def _delta_type(given: pa.DataType) -> pa.DataType:
    """The nearest type that a Delta table can hold without losing a value."""
    types = pa.types
    if types.is_dictionary(given):
        return _delta_type(given.value_type)
    if types.is_timestamp(given):
        return pa.timestamp("us", tz="UTC" if given.tz else None)
    if types.is_unsigned_integer(given):
        wider = {8: pa.int16(), 16: pa.int32(), 32: pa.int64()}
        return wider.get(given.bit_width, pa.decimal128(20, 0))
    if types.is_float16(given):
        return pa.float32()
    if types.is_date64(given):
        return pa.date32()
    if types.is_large_binary(given) or types.is_fixed_size_binary(given) or types.is_binary_view(given):
        return pa.binary()
    if types.is_list(given) or types.is_large_list(given) or types.is_fixed_size_list(given):
        return pa.list_(pa.field("element", _delta_type(given.value_type)))
    if types.is_struct(given):
        return pa.struct([pa.field(f.name, _delta_type(f.type)) for f in given])
    if types.is_map(given):
        return pa.map_(_delta_type(given.key_type), _delta_type(given.item_type))
    same = types.is_integer(given) or types.is_floating(given) or types.is_boolean(given)
    if same or types.is_date32(given) or types.is_binary(given) or types.is_decimal128(given):
        return given
    return pa.string()
