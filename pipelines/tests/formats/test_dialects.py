"""A table that is written in any dialect comes back value by value, or is refused: never anything else."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.formats.open_source import open_source
from datalab.formats.sniff import inspect
from datalab.formats.source import Declared

LIMIT = 1 << 20
REFUSALS = {"E_FILE_DELIMITER_UNSURE", "E_FILE_HEADER_UNSURE", "E_FILE_ENCODING_UNSURE"}

word = st.text("abcdefgh XYZäöüñé", min_size=1, max_size=8).filter(lambda t: t.strip() == t and "  " not in t)
text = st.one_of(
    word,
    st.text("ab ,;|.:\t'\"\n€ß-/()%$", min_size=1, max_size=12).filter(lambda t: t.strip(" \t\n\r") == t),
    st.sampled_from(["NA", "NO", "null", "007", "1e5", "x,y", "a;b", "1,5", '"', "''", "=1+1", "#N/A"]),
)
number = st.integers(-(10**9), 10**9).map(str)
date = st.dates().map(str)


@dataclass(frozen=True)
class Sheet:
    """A table, and the bytes that it was written as."""

    header: list[str]
    rows: list[tuple[str | None, ...]]
    titles: int
    body: bytes


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    point = draw(st.sampled_from(".,"))
    decimal = st.decimals(-9999, 9999, places=2).map(lambda n: str(n).replace(".", point))
    kinds = draw(st.lists(st.sampled_from([text, word, number, decimal, date]), min_size=1, max_size=6))
    # Nothing tells the delimiter of one column.
    delimiter = draw(st.sampled_from(",;\t|" if len(kinds) > 1 else ","))
    unit = st.sampled_from(["", "", " (%)", " ($)", " [m/s]", ".x", "-1", " No."])
    named = st.tuples(word, unit).map("".join)
    header = draw(
        st.lists(
            named, min_size=len(kinds), max_size=len(kinds), unique_by=lambda n: clean_names([n])[0].lower()
        )
    )
    empty = st.sampled_from([None] + ["x"] * draw(st.integers(1, 9)))
    rows = draw(
        st.lists(
            st.tuples(*(st.one_of(kind, empty.filter(lambda e: e is None)) for kind in kinds)), max_size=12
        )
        if draw(st.booleans())
        else st.lists(st.tuples(*kinds), max_size=12)
    )
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\r\r\n"]))
    if end == "\r":  # csv does not quote the other line end
        rows = [tuple(v.replace("\n", " ") if v else v for v in row) for row in rows]
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    out = io.StringIO()
    titles = draw(st.integers(0, 2)) if len(header) > 1 and rows and draw(st.integers(0, 3)) == 0 else 0
    if draw(st.integers(0, 7)) == 0 and not titles:
        out.write(f"sep={delimiter}{end}")
    padded = draw(st.booleans())
    for _ in range(titles):
        title = draw(st.sampled_from(["Sales by region", "Stand 2024", "Report: May", "# made by hand"]))
        out.write(title + (delimiter * (len(header) - 1) if padded else "") + end)
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    # A writer that quotes all makes an empty text of nothing, and so does a line of one empty cell.
    kept = quoting == csv.QUOTE_MINIMAL and len(header) > 1
    whole = [tuple("" if value is None and not kept else value for value in row) for row in rows]
    writer.writerows([header, *whole])
    written = out.getvalue()
    if not draw(st.booleans()):
        written = written.removesuffix(end)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    return Sheet(header, whole, titles, written.encode(encoding))


def read(body: bytes) -> tuple[list[str | None], list[tuple[str | None, ...]], int]:
    """Headings, good rows, and how many are malformed."""
    stream = io.BytesIO(body)
    profile = inspect(stream, "t.csv", LIMIT)
    source = open_source(stream, profile, "t.csv", Declared(), LIMIT)
    good: list[tuple[str | None, ...]] = []
    malformed = 0
    for batch in source.batches():
        columns = [column.to_pylist() for column in batch.columns]
        for *cells, _, problem in zip(*columns, strict=True):
            malformed += problem is not None
            if problem is None:
                good.append(tuple(cells))
    return list(source.headings), good, malformed


@settings(max_examples=20_000 if os.environ.get("DATALAB_TEST_TIER") == "all" else 300)
@given(sheets())
def test_a_sheet_in_any_dialect_comes_back_or_is_refused(sheet: Sheet) -> None:
    try:
        headings, rows, malformed = read(sheet.body)
    except DataLabError as error:
        assert error.code in REFUSALS, error
        return
    assert headings == sheet.header
    assert rows == sheet.rows
    assert malformed == sheet.titles
