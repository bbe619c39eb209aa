"""JSON: every key of an object a column, every value as the text it was written in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.formats.csv_text import BLOCK, Row, batch_of, readable
from datalab.formats.json_values import json_values
from datalab.formats.sniff import Profile, Stream, text_chunks
from datalab.formats.source import MAX_COLUMNS, Source, rows_at_once


class _Repeated(ValueError):
    pass


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Repeated("a key is repeated")
    return found


# Numbers keep their digits as they were written: 1.10 stays 1.10, and long ids are not rounded.
class _Number(str):
    __slots__ = ()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_Number, parse_int=_Number, parse_constant=_Number
)


def json_source(stream: Stream, profile: Profile, name: str, limit: int) -> Source:
    """A file of JSON as a source: one object a line, or objects over several lines, in an array or not.

    A first pass over it finds the keys. `limit`: bytes that one object may take.
    """

    def texts() -> Iterator[bytes]:
        chunks = text_chunks(stream, profile)
        return _lines(chunks) if profile.format == "jsonl" else json_values(chunks, name, limit)

    keys: dict[str, None] = {}
    for _, record, _ in _json_records(texts()):
        if record is not None:
            keys.update(dict.fromkeys(record))
            if len(keys) > MAX_COLUMNS:
                raise DataLabError(
                    "E_FILE_COLUMNS", f"{name} has more than {MAX_COLUMNS:,} keys", "put them below one key"
                )
    if not keys:
        raise DataLabError(
            "E_JSON_NO_OBJECTS",
            f"{name} holds no JSON object",
            "write objects: one a line, or an array of them",
        )
    names = clean_names(list(keys))
    most = rows_at_once(len(keys), 20_000)
    schema = pa.schema([(column, pa.string()) for column in (*names, "_raw", "_problem")])

    def batches() -> Iterator[pa.RecordBatch]:
        rows: list[Row] = []
        size = 0
        for raw, record, problem in _json_records(texts()):
            if record is None:
                rows.append((None, readable(raw), problem))
            else:
                rows.append(([_json_text(record.get(key)) for key in keys], None, None))
            size += len(raw)
            if len(rows) >= most or size >= BLOCK:
                yield batch_of(rows, schema)
                rows, size = [], 0
        if rows:
            yield batch_of(rows, schema)

    facts = {"format": profile.format, "encoding": profile.encoding}
    renamed = {c: k for c, k in zip(names, keys, strict=True) if c != k}
    return Source(schema, batches, list(keys), {**facts, "columns": renamed})


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
        return (
            "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_dump(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_dump(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _json_records(lines: Iterator[bytes]) -> Iterator[tuple[str, dict[str, object] | None, str | None]]:
    for line in lines:
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
            elif "\\u" in raw and ("\\u0000" in raw or not _storable(record)):
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
