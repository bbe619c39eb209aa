"""A sheet of an Excel workbook (.xlsx) as CSV text: from there on it is read like any other sheet.

Values are those that the workbook stores: a number with its digits, a date as 2024-01-02, a formula as what
it last came to. Cells that are shown as 41.2% hold 0.412.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from datalab.errors import DataLabError
from datalab.formats.packed import PackedFile

# A workbook's texts are held in memory.
MAX_TEXTS = 64 * 1024 * 1024
ROWS = 1000
DAMAGED = (
    *(
        zipfile.BadZipFile,
        zlib.error,
        ElementTree.ParseError,
        InvalidFileException,
        EOFError,
        OSError,
        RuntimeError,
    ),
    *(KeyError, ValueError, IndexError, TypeError, AttributeError, OverflowError, NotImplementedError),
)
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class SheetText(io.RawIOBase):
    """The rows of one sheet as CSV, made as they are read; going back means to read the sheet again."""

    def __init__(self, stream: IO[bytes], name: str, sheet: str | None) -> None:
        super().__init__()
        self._name = name
        self._raw = raw = PackedFile(stream)
        with _told(raw, name):
            with zipfile.ZipFile(raw) as archive:
                texts = [each for each in archive.infolist() if each.filename == "xl/sharedStrings.xml"]
                if texts and texts[0].file_size > MAX_TEXTS:
                    raise DataLabError(
                        "E_FILE_WORKBOOK",
                        f"{name} holds {texts[0].file_size >> 20} MiB of texts, more than {MAX_TEXTS >> 20}",
                        "save the sheet as CSV",
                    )
            raw.seek(0)
            self._book = openpyxl.load_workbook(raw, read_only=True, data_only=True)
            self._sheet = self._choose(sheet)
            self.sheet = str(self._sheet.title)
            self._refuse_unknown_values()
            self._width = max((_extent(row) for row in self._rows()), default=0)
        self._restart()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while size < 0 or len(self._ready) < size:
            with _told(self._raw, self._name):
                text = next(self._texts, None)
            if text is None:
                break
            self._ready += text
        found = self._ready if size < 0 else self._ready[:size]
        self._ready = self._ready[len(found) :]
        self._at += len(found)
        return found

    def seek(self, position: int, whence: int = 0, /) -> int:
        if position < self._at:
            self._restart()
        while self._at < position and self.read(min(1 << 20, position - self._at)):
            pass
        return self._at

    def close(self) -> None:
        if hasattr(self, "_book"):
            self._book.close()
        super().close()

    def _restart(self) -> None:
        self._texts = self._csv()
        self._ready, self._at = b"", 0

    def _choose(self, sheet: str | None) -> Any:
        # Charts are sheets without cells.
        sheets = [each for each in self._book.worksheets if hasattr(each, "iter_rows")]
        names = ", ".join(repr(each.title) for each in sheets)
        if sheet is not None:
            chosen = [each for each in sheets if each.title == sheet]
        else:
            chosen = [
                each for each in sheets if any(_extent(row) for row in each.iter_rows(values_only=True))
            ]
        if len(chosen) != 1:
            said = f"no sheet {sheet!r}" if sheet is not None else f"{len(chosen)} sheets with values"
            raise DataLabError(
                "E_FILE_WORKBOOK",
                f"{self._name} has {said}; its sheets are {names}",
                "name one: --sheet NAME, or source.sheet in the table's contract",
            )
        return chosen[0]

    def _refuse_unknown_values(self) -> None:
        """A formula without a stored value would come as an empty cell."""
        self._raw.seek(0)
        rows = None
        with zipfile.ZipFile(self._raw) as archive, archive.open(self._sheet._worksheet_path) as sheet:
            # expat limits what entities become.
            for event, element in ElementTree.iterparse(sheet, ("start", "end")):  # noqa: S314
                if event == "start":
                    rows = element if element.tag == f"{MAIN}sheetData" else rows
                elif element.tag == f"{MAIN}c":
                    formula, value = element.find(f"{MAIN}f"), element.find(f"{MAIN}v")
                    nothing = value is None or not (value.text or element.get("t") == "str")
                    if formula is not None and nothing:
                        at = f"sheet {self.sheet}, cell {element.get('r')}"
                        raise DataLabError(
                            "E_FILE_WORKBOOK",
                            f"{self._name}, {at}: a formula without the value that it came to",
                            "open the workbook in a spreadsheet program and save it",
                        )
                elif element.tag == f"{MAIN}row" and rows is not None:
                    rows.clear()

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._sheet.iter_rows())

    def _csv(self) -> Iterator[bytes]:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        for count, row in enumerate(self._rows(), 1):
            cells = [_text(cell) for cell in row[: self._width]]
            if any(cells):
                writer.writerow(cells + [""] * (self._width - len(cells)))
            else:
                out.write("\n")
            if count % ROWS == 0:
                yield out.getvalue().encode()
                out.seek(0)
                out.truncate()
        yield out.getvalue().encode()


@contextmanager
def _told(raw: PackedFile, name: str) -> Iterator[None]:
    """What the libraries say of a damaged workbook, as an error of the file."""
    try:
        yield
    except DAMAGED as error:
        if raw.failure is not None:
            raise raw.failure from None
        raise DataLabError(
            "E_FILE_WORKBOOK", f"{name} can't be read as a workbook: {error}", "open it and save it again"
        ) from error


def _extent(row: tuple[Any, ...]) -> int:
    return max((n for n, cell in enumerate(row, 1) if getattr(cell, "value", cell) is not None), default=0)


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        # Excel has one type for both; the format says which it is.
        timed = value.time() != dt.time() or "h" in (cell.number_format or "").lower()
        return value.isoformat(" ") if timed else value.date().isoformat()
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
