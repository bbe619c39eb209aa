"""Looks at a landed file before anything is written: what it is, how it is encoded, whether it can be read.

One streaming pass over the whole file, in bounded memory: the answer holds for every byte, not for a sample.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from datalab.errors import DataLabError
from datalab.formats.encoding import known_codec, likeliest_codec, wide_codec
from datalab.formats.json_values import is_json_values

REPLACEMENT = "\ufffd".encode()
CHUNK = 1024 * 1024
HEAD = 64 * 1024
SAMPLE = 256 * 1024

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

MAGIC = (
    (b"PK\x03\x04", "a document or an archive of several files", "save the sheet as .xlsx or CSV"),
    (b"%PDF-", "a PDF document", "export the table as CSV"),
    (b"\x89PNG", "a PNG image", "ingest CSV, JSON, Parquet or .xlsx"),
    (b"\xff\xd8\xff", "a JPEG image", "ingest CSV, JSON, Parquet or .xlsx"),
    (b"SQLite format 3", "a SQLite database", "export the table as CSV"),
    (b"\x7fELF", "a program", "ingest CSV, JSON, Parquet or .xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save the sheet as .xlsx or CSV"),
    (b"Obj\x01", "Avro data", "convert it to Parquet"),
    (b"ORC", "ORC data", "convert it to Parquet"),
)


class Stream(Protocol):
    """What is needed of a file."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, position: int, /) -> int: ...


@dataclass(frozen=True)
class Profile:
    """What a file is."""

    format: str  # csv, json, jsonl, parquet
    encoding: str  # what turns its bytes into text
    bom: int  # bytes to skip at the start
    bad_bytes: bool  # UTF-8 with some broken bytes in it: those lines are kept as malformed
    newline: str  # "\n", or "\r" for files of old Macs
    size: int
    hash: str
    sample: str  # the first lines, decoded
    complete: bool  # the sample is the whole file


def inspect(
    stream: Stream, name: str, max_line: int, encoding: str | None = None, file_format: str | None = None
) -> Profile:
    """Look at the whole file, or say why it cannot be ingested."""
    head = stream.read(HEAD)
    if not head:
        raise DataLabError(
            "E_FILE_EMPTY", f"{name} is empty (0 bytes)", "nothing was written; check the export"
        )
    file_format = file_format or _format(head, name)
    if file_format == "parquet":
        digest, size = _digest(stream)
        return Profile("parquet", "", 0, False, "\n", size, digest, "", False)
    for magic, what, hint in MAGIC:
        if head.startswith(magic) and not (magic in (b"ORC", b"Obj\x01") and b"\0" not in head):
            raise DataLabError("E_FILE_BINARY", f"{name} is {what}, not text", hint)
    bom, from_bom = next(((len(mark), codec) for mark, codec in BOMS if head.startswith(mark)), (0, None))
    codec = known_codec(encoding, name) if encoding else (from_bom or wide_codec(head, len(head) < HEAD))
    if codec is None or codec == "utf-8":
        _refuse_binary(head, name)
    if file_format in (None, "json") and is_json_values(head.decode("utf-8", "replace")):
        file_format = "json"
    elif file_format == "json":
        file_format = "jsonl"
    # JSON that is no JSON lines may be one long line; its values have the limit.
    scan = _scan(stream, bom, codec or "utf-8", name, sys.maxsize if file_format == "json" else max_line)
    if codec is None:
        # A UTF-8 file with a few broken bytes is still UTF-8: nothing else has that many valid sequences.
        is_utf8 = scan.invalid == 0 or scan.multibyte > 2 * scan.invalid
        codec = "utf-8" if is_utf8 else _narrow_codec(scan, stream, bom, name)
    bad = scan.invalid > 0 and codec == "utf-8"
    if scan.blank:
        raise DataLabError("E_FILE_BLANK", f"{name} contains only blank lines", "check the export")
    stream.seek(bom)
    raw = stream.read(SAMPLE)
    cut = raw if len(raw) < SAMPLE else raw[: len(raw) // 4 * 4]
    sample = codecs.getincrementaldecoder(codec)("surrogateescape" if _narrow(codec) else "replace").decode(
        cut
    )
    newline = _newline(sample, scan.has_newline)
    if not file_format:
        file_format = _text_format(sample, name)
    if file_format in ("json", "jsonl") and encoding is None and _narrow(codec):
        codec = "utf-8"  # JSON is nothing else
    return Profile(file_format, codec, bom, bad, newline, scan.size, scan.hash, sample, len(raw) < SAMPLE)


def text_chunks(stream: Stream, profile: Profile, size: int = CHUNK) -> Iterator[bytes]:
    """The file as UTF-8, chunk by chunk. Bytes that are no text stay as they are, and make no valid UTF-8."""
    stream.seek(profile.bom)
    if profile.encoding == "utf-8":
        while chunk := stream.read(size):
            yield chunk
        return
    # What the encoding does not know is carried through as a byte that is not valid UTF-8 either: the
    # parser finds it and keeps the row as malformed.
    wide = not _narrow(profile.encoding)
    decoder = codecs.getincrementaldecoder(profile.encoding)("replace" if wide else "surrogateescape")
    final = False
    while not final:
        chunk = stream.read(size)
        final = not chunk
        text = decoder.decode(chunk, final).encode("utf-8", "surrogateescape")
        yield text.replace(REPLACEMENT, b"\xff") if wide else text


def _newline(sample: str, has_newline: bool) -> str:
    """What ends a line; old Macs wrote \\r alone, and may have \\n inside of quoted values."""
    outside = re.sub(r'"[^"]*"', "", sample)
    return "\r" if "\r" in outside and "\n" not in outside and (not has_newline or "\n" in sample) else "\n"


def _narrow(codec: str) -> bool:
    return not codec.startswith(("utf-16", "utf-32"))


def _format(head: bytes, name: str) -> str | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if name.lower().endswith(".parquet"):
        raise DataLabError(
            "E_PARQUET_DAMAGED", f"{name} does not start like a Parquet file", "was the upload cut off?"
        )
    return None


def _text_format(sample: str, name: str) -> str:
    if is_json_values(sample):
        return "json"
    start = sample.lstrip()
    first = start.split("\n", 1)[0]
    if start.startswith("{"):
        try:
            json.loads(first)
        except ValueError:
            if name.lower().endswith((".jsonl", ".ndjson", ".json")):
                return "jsonl"
        else:
            return "jsonl"
    return "jsonl" if name.lower().endswith((".jsonl", ".ndjson")) else "csv"


CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 26, 27}) + b"\x7f"


def _refuse_binary(head: bytes, name: str) -> None:
    control = len(head) - len(head.translate(None, CONTROL))
    if control > max(len(head) * 0.02, 2) or (control and control > len(head) * 0.2):
        raise DataLabError(
            "E_FILE_BINARY",
            f"{name} is not text: {control} of its first {len(head)} bytes are control characters",
            "ingest CSV, JSON, Parquet or .xlsx",
        )


@dataclass
class _Scan:
    size: int = 0
    hash: str = ""
    invalid: int = 0
    multibyte: int = 0
    high: int = 0
    undefined: int = 0
    first_bad: int | None = None
    has_newline: bool = False
    blank: bool = True


ASCII = bytes(range(128))
# Bytes that cp1252 leaves undefined.
UNDEFINED_1252 = b"\x81\x8d\x8f\x90\x9d"
BAD = re.compile("[\udc80-\udcff]")
WIDE = re.compile("[\u0080-\ud7ff\ue000-\U0010ffff]")


def _scan(stream: Stream, bom: int, codec: str, name: str, max_line: int) -> _Scan:
    found = _Scan()
    digest = hashlib.sha256()
    stream.seek(0)
    digest.update(stream.read(bom))
    found.size = bom
    wide = not _narrow(codec)
    decoder = codecs.getincrementaldecoder(codec)("replace" if wide else "surrogateescape")
    run = 0  # bytes since the last line end
    line = 1
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        found.size += len(chunk)
        if wide:
            chunk = decoder.decode(chunk).encode("utf-8", "surrogatepass")
        elif codec == "utf-8" and not (chunk.isascii() and decoder.getstate()[0] == b""):
            text = decoder.decode(chunk)
            found.invalid += len(BAD.findall(text))
            found.multibyte += len(WIDE.findall(text))
            high = chunk.translate(None, ASCII)
            found.high += len(high)
            found.undefined += len(high) - len(high.translate(None, UNDEFINED_1252))
            if found.first_bad is None and found.invalid:
                found.first_bad = found.size - len(chunk)
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        if first < 0:
            first, last = chunk.find(b"\r"), chunk.rfind(b"\r")
        else:
            found.has_newline = True
        longest = run + (len(chunk) if first < 0 else first)
        run = longest if first < 0 else len(chunk) - last - 1
        if longest > max_line:
            raise DataLabError(
                "E_FILE_LINE_LENGTH",
                f"{name}, line {line}: longer than {max_line:,} bytes",
                "check the file, or raise DATALAB_MAX_LINE_BYTES",
            )
        line += chunk.count(b"\n")
        found.blank = found.blank and not chunk.strip()
    if codec == "utf-8":
        found.invalid += len(BAD.findall(decoder.decode(b"", final=True)))
    found.hash = digest.hexdigest()
    return found


def _narrow_codec(scan: _Scan, stream: Stream, bom: int, name: str) -> str:
    stream.seek(max(bom, (scan.first_bad or 0) - SAMPLE // 2))
    return likeliest_codec(stream.read(SAMPLE), "iso8859-1" if scan.undefined else "cp1252", name)


def _digest(stream: Stream) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def file_hash(stream: BinaryIO) -> str:
    """The sha256 of a file's bytes: its content hash."""
    return _digest(stream)[0]
