"""Files that were packed: .gz, .zst, .bz2, .xz, and .zip with one file in it, read as a stream."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datalab.errors import DataLabError
from datalab.formats.sniff import Stream

ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"


@dataclass(frozen=True)
class _Kind:
    magic: bytes
    ending: str
    open: Callable[[Any], Any]


class PackedFile(io.RawIOBase):
    """The packed file for whatever unpacks it: closing leaves it open, and its own failure is kept."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._size = stream.seek(0, 2) if not hasattr(stream, "size") else stream.size()
        self.failure: OSError | None = None
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._stream.tell())

    def read(self, size: int = -1, /) -> bytes:
        try:
            return bytes(self._stream.read(None if size is None or size < 0 else size))
        except OSError as error:
            self.failure = error
            raise

    def readinto(self, buffer: Any, /) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def seek(self, position: int, whence: int = 0, /) -> int:
        at = position + (0, self.tell() if whence == 1 else 0, self._size)[whence]
        if at < 0:
            raise OSError(f"seek to {at}")  # zipfile looks for what may stand before the file's start
        self._stream.seek(at)
        return at

    def close(self) -> None:
        pass


def _zstd(raw: PackedFile) -> Any:
    # Not with the package zstandard: a frame that was cut off ends there as if it were whole.
    return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")


KINDS = (
    _Kind(b"\x1f\x8b", ".gz", lambda stream: gzip.GzipFile(fileobj=stream, mode="rb")),
    _Kind(b"(\xb5/\xfd", ".zst", _zstd),
    _Kind(b"BZh", ".bz2", bz2.BZ2File),
    _Kind(b"\xfd7zXZ\x00", ".xz", lzma.LZMAFile),
)
BROKEN = (
    *(OSError, EOFError, ValueError, OverflowError, NotImplementedError, RuntimeError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


@contextmanager
def _told(raw: PackedFile, name: str) -> Iterator[None]:
    """What an unpacker says of damage as an error of the file; the store's own failure as it is."""
    try:
        yield
    except BROKEN as error:
        if raw.failure is not None:
            raise raw.failure from None
        raise DataLabError(
            "E_FILE_PACKED",
            f"{name} can't be unpacked to its end: {error or 'it ends too early'}",
            "it was cut off or damaged: pack it again",
        ) from error


class _Unpacked:
    """What is inside of a packed file. Going back means to unpack it again: it is never held as a whole."""

    def __init__(self, raw: PackedFile, reopen: Callable[[], Any], name: str) -> None:
        self._raw = raw
        self._reopen = reopen
        self._name = name
        self._at = 0
        with _told(raw, name):
            self._inner = reopen()

    def read(self, size: int = -1, /) -> bytes:
        parts: list[bytes] = []
        wanted = size
        with _told(self._raw, self._name):
            # An unpacker may give less than it was asked for.
            while wanted and (part := self._inner.read(wanted)):
                parts.append(part)
                wanted = wanted - len(part) if size >= 0 else 0
        found = b"".join(parts)
        self._at += len(found)
        return found

    def seek(self, position: int, /) -> int:
        if position < self._at:
            with _told(self._raw, self._name):
                self._inner = self._reopen()
            self._at = 0
        while self._at < position and self.read(min(1 << 20, position - self._at)):
            pass
        return self._at


def is_packed(stream: Any) -> bool:
    """Whether a file is packed, or a workbook; the stream is left at its start."""
    stream.seek(0)
    head = stream.read(8)
    stream.seek(0)
    return head.startswith((ZIP, EMPTY_ZIP, *(each.magic for each in KINDS)))


def is_workbook(stream: Any) -> bool:
    """Whether a file is an Excel workbook; the stream is left at its start."""
    stream.seek(0)
    head = stream.read(4)
    stream.seek(0)
    if head != ZIP:
        return False
    try:
        with zipfile.ZipFile(stream) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False
    finally:
        stream.seek(0)


@contextmanager
def unpacked(stream: Any, name: str) -> Iterator[tuple[Stream, str]]:
    """The file inside of a packed one with its own name; what is not packed as it is."""
    if not is_packed(stream):
        yield stream, name
        return
    raw = PackedFile(stream)
    head = raw.read(8)
    kind = next((each for each in KINDS if head.startswith(each.magic)), None)
    if kind is not None:
        ended = name.lower().endswith(kind.ending)

        def reopen() -> Any:
            raw.seek(0)
            return kind.open(raw)

        inner = _Unpacked(raw, reopen, name)
        yield _not_packed_twice(inner, name), name[: -len(kind.ending)] if ended else name
        return
    with _told(raw, name):
        archive = zipfile.ZipFile(raw)
    with archive:
        names = archive.namelist()
        if "[Content_Types].xml" in names or "mimetype" in names:
            stream.seek(0)
            yield stream, name  # a document: whoever reads it knows the kind
            return
        member = _only_file(archive, name)
        inner = _Unpacked(raw, lambda: archive.open(member), name)
        yield _not_packed_twice(inner, name), member.filename


def _only_file(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The one file of an archive; what systems add beside it does not count."""
    files = [
        each
        for each in archive.infolist()
        if not each.is_dir()
        and not each.filename.startswith("__MACOSX/")
        and each.filename.rpartition("/")[2] not in (".DS_Store", "Thumbs.db", "desktop.ini")
    ]
    if len(files) != 1:
        listed = ", ".join(each.filename for each in files[:5]) + (", ..." if len(files) > 5 else "")
        raise DataLabError(
            "E_FILE_PACKED",
            f"{name} holds {len(files)} files{f': {listed}' if files else ''}; a table comes from one",
            "unzip it and ingest the files one by one",
        )
    if files[0].flag_bits & 1:
        raise DataLabError("E_FILE_PACKED", f"{name} is encrypted", "unzip it with its password")
    if files[0].compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
        zipfile.ZIP_BZIP2,
        zipfile.ZIP_LZMA,
    ):
        raise DataLabError("E_FILE_PACKED", f"{name} is packed in a way that is not read here", "unzip it")
    return files[0]


def _not_packed_twice(inner: _Unpacked, name: str) -> Stream:
    if is_packed(inner):
        raise DataLabError("E_FILE_PACKED", f"{name} holds a file that is packed itself", "unpack it once")
    head = inner.read(4)
    inner.seek(0)
    if head.startswith(b"PAR1"):
        raise DataLabError(
            "E_FILE_PACKED",
            f"{name} holds a Parquet file, which is read from its end",
            "unpack it: Parquet is compressed as it is",
        )
    return inner
