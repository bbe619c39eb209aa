"""Packed files, workbooks, and JSON that is not one object a line: the same rows as a plain file has."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import lzma
import zipfile

import openpyxl
import pytest
import zstandard
from conftest import Load, rows_of
from hypothesis import given
from hypothesis import strategies as st

from datalab.errors import DataLabError
from datalab.formats.json_values import json_values
from datalab.lake import Lake

CSV = b"id,name\n1,Zo\xc3\xab\n2,Bo\n"
ROWS = [("1", "Zoë"), ("2", "Bo")]


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("t.csv.gz", gzip.compress(CSV)),
        ("t.csv.gz", gzip.compress(CSV[:9]) + gzip.compress(CSV[9:])),
        ("t.csv.zst", zstandard.compress(CSV)),
        ("t.csv.zst", zstandard.compress(CSV[:9]) + zstandard.compress(CSV[9:])),
        ("t.csv.bz2", bz2.compress(CSV)),
        ("t.csv.xz", lzma.compress(CSV)),
        ("t.zip", zipped(**{"a/t.csv": CSV, "a/": b"", "__MACOSX/a/._t.csv": b"x", "a/.DS_Store": b"y"})),
        ("named-like-nothing", gzip.compress(CSV)),
        ("t.jsonl.gz", gzip.compress('{"id": 1, "name": "Zoë"}\n{"id": 2, "name": "Bo"}\n'.encode())),
    ],
)
def test_what_is_packed_is_read_as_it_is_inside(lake: Lake, load: Load, name: str, body: bytes) -> None:
    assert load(body, name=name).rows == 2
    assert rows_of(lake, "bronze", "t", "id", "name") == ROWS
    assert load(body, name=name).skipped


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("t.csv.gz", gzip.compress(CSV * 99)[:-12], "can't be unpacked to its end"),
        ("t.csv.zst", zstandard.compress(CSV * 99)[:-5], "can't be unpacked to its end"),
        ("t.csv.bz2", bz2.compress(CSV * 99)[:-9], "can't be unpacked to its end"),
        ("t.csv.xz", lzma.compress(CSV * 99)[:-9], "can't be unpacked to its end"),
        ("t.zip", zipped(a=CSV)[:-9], "can't be unpacked to its end"),
        ("t.zip", zipped(), "holds 0 files"),
        ("t.zip", zipped(**{"a.csv": CSV, "b.csv": CSV}), "holds 2 files: a.csv, b.csv"),
        ("t.csv.gz", gzip.compress(gzip.compress(CSV)), "packed itself"),
    ],
)
def test_what_can_t_be_unpacked_says_so_and_leaves_nothing(
    lake: Lake, load: Load, name: str, body: bytes, said: str
) -> None:
    with pytest.raises(DataLabError) as refused:
        load(body, name=name)
    assert refused.value.code == "E_FILE_PACKED" and said in refused.value.message
    assert lake.table("bronze", "t") is None


def workbook(*rows: tuple[object, ...], **sheets: list[tuple[object, ...]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_sheet_of_a_workbook_is_a_table(lake: Lake, load: Load) -> None:
    body = workbook(
        ("Sales", None, None), (), ("id", "when", "at", "price", "big", "ok", "note"),
        (1, dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5), 1.1, 123456789012, True, 'a "b",\nc'),
        (2, None, None, 2.0, None, False, None),
    )  # fmt: skip
    done = load(body, name="t.xlsx")
    assert (done.rows, done.malformed) == (3, 1)
    assert rows_of(lake, "bronze", "t", "id", "when", "at", "price", "big", "ok", "note")[1:] == [
        ("1", "2024-01-02", "2024-01-02 03:04:05", "1.1", "123456789012", "true", 'a "b",\nc'),
        ("2", None, None, "2", None, "false", None),
    ]


def test_a_workbook_of_several_sheets_asks_for_one(lake: Lake, load: Load) -> None:
    body = workbook(("a",), (1,), Second=[("b",), (2,)], Empty=[])
    with pytest.raises(DataLabError) as refused:
        load(body, name="t.xlsx")
    assert refused.value.code == "E_FILE_WORKBOOK" and "'Second'" in refused.value.message
    load(body, name="t.xlsx", sheet="Second")
    assert rows_of(lake, "bronze", "t", "b") == [("2",)]


def test_a_formula_without_a_value_is_refused_not_read_as_empty(lake: Lake, load: Load) -> None:
    with pytest.raises(DataLabError, match="cell B2: a formula without the value"):
        load(workbook(("a", "b"), (1, "=A2*2")), name="t.xlsx")
    assert lake.table("bronze", "t") is None


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('[{"a": 1.10}, {"a": "x"}]', ["1.10", "x"]),
        ('\n[\n  {\n    "a": "]},["\n  },\n  {"a": {"b": [1, 2]}}\n]\n', ["]},[", '{"b":[1,2]}']),
        ('{\n  "a": 1\n}\n{\n  "a": 2\n}\n', ["1", "2"]),
        ('[{"a": 1}, {"a": }, 7, {"a": "open}, \n {"a": 3}]', ["1", None, None, None, "3"]),
        ("[{}]", None),
        ("[]", None),
    ],
)
def test_arrays_and_long_objects_are_rows(
    lake: Lake, load: Load, text: str, rows: list[str | None] | None
) -> None:
    if rows is None:
        with pytest.raises(DataLabError) as refused:
            load(text.encode(), name="t.json")
        assert refused.value.code == "E_JSON_NO_OBJECTS"
        return
    load(text.encode(), name="t.json")
    assert [a for (a,) in rows_of(lake, "bronze", "t", "a")] == rows


def test_one_long_line_of_json_is_no_long_line(lake: Lake, load: Load) -> None:
    body = b"[" + b",".join(b'{"a": %d}' % n for n in range(200_000)) + b"]"
    assert load(body, name="t.json").rows == 200_000


@given(st.lists(st.binary(max_size=12)), st.integers(1, 9))
def test_chunks_do_not_matter(parts: list[bytes], size: int) -> None:
    text = b"[" + b",".join(b'{"k":"%s"}' % part.hex().encode() for part in parts) + b"]"
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    found = [value for value in json_values(iter(chunks), "t", 1000) if value]
    assert found == [b'{"k":"%s"}' % part.hex().encode() for part in parts]
