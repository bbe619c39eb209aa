"""CSV files as people write them: exact values for every quirk."""

from __future__ import annotations

import pytest
from conftest import Load, rows_of

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.lake import Lake


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(lake: Lake, load: Load, delimiter: str) -> None:
    load(f"a{delimiter}b\n1{delimiter}x\n2{delimiter}y\n".encode())
    assert rows_of(lake, "bronze", "t", "a", "b") == [("1", "x"), ("2", "y")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_the_encoding_is_found(lake: Lake, load: Load, encoding: str) -> None:
    load("name,town\nJosé,Zürich\nZoë,Malmö\n".encode(encoding))
    assert rows_of(lake, "bronze", "t", "name", "town") == [("José", "Zürich"), ("Zoë", "Malmö")]


def test_a_declared_encoding_is_used(lake: Lake, load: Load) -> None:
    load("имя\nИван\n".encode("koi8-r"), encoding="koi8-r")
    assert rows_of(lake, "bronze", "t") == [("Иван",)]


def test_values_stay_as_they_were_written(lake: Lake, load: Load) -> None:
    load(b'a,b,c\n007, x ,\n1.10,"",NA\n"a,b","say ""hi""","two\nlines"\n')
    assert rows_of(lake, "bronze", "t", "a", "b", "c") == [
        ("007", " x ", None),
        ("1.10", "", "NA"),
        ("a,b", 'say "hi"', "two\nlines"),
    ]


def test_windows_and_old_mac_line_ends(lake: Lake, load: Load) -> None:
    load(b"a,b\r\n1,2\r\n3,4\r\n", "windows")
    load(b"a,b\r1,2\r3,4\r", "mac")
    assert rows_of(lake, "bronze", "windows", "a", "b") == [("1", "2"), ("3", "4")]
    assert rows_of(lake, "bronze", "mac", "a", "b") == [("1", "2"), ("3", "4")]


def test_ragged_rows_are_kept_with_the_reason(lake: Lake, load: Load) -> None:
    done = load(b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n\n10,11,12\n")
    assert (done.rows, done.malformed) == (4, 2)
    assert rows_of(lake, "bronze", "t", "a", "_row_number", "_raw", "_problem") == [
        ("1", 1, None, None),
        (None, 2, "4,5", "expected 3 fields, found 2"),
        (None, 3, "6,7,8,9", "expected 3 fields, found 4"),
        ("10", 4, None, None),
    ]


def test_a_quote_that_is_never_closed_spoils_one_line(lake: Lake, load: Load) -> None:
    load(b'a,b\n1,"open\n2,x\n3,"y"\n4,"z\n')
    assert rows_of(lake, "bronze", "t", "a", "_raw", "_problem") == [
        (None, '1,"open', "text after the closing quote of a field"),
        ("2", None, None),
        ("3", None, None),
        (None, '4,"z', "a quoted field is never closed"),
    ]


def test_quotes_inside_plain_fields_are_text(lake: Lake, load: Load) -> None:
    load(b'size,what\n5" pipe,x\n6,the "big" one\n')
    assert rows_of(lake, "bronze", "t", "size", "what") == [('5" pipe', "x"), ("6", 'the "big" one')]


def test_broken_bytes_spoil_their_line_only(lake: Lake, load: Load) -> None:
    text = "a,b\n1,ä\n2,ö\n3,ü\n4,é\n5,è\n".encode()
    load(text + b"6,\xff\n7,ok\n")
    assert rows_of(lake, "bronze", "t", "a", "_raw", "_problem")[5:] == [
        (None, "6,\\xff", "bytes that are no text in the file's encoding"),
        ("7", None, None),
    ]


def test_nul_characters_spoil_their_line_only(lake: Lake, load: Load) -> None:
    load(b"a,b\n" + b"1,2\n" * 50 + b"x\0y,3\n4,5\n")
    assert rows_of(lake, "bronze", "t", "a", "_raw", "_problem")[-2:] == [
        (None, "x\\x00y,3", "contains a NUL character"),
        ("4", None, None),
    ]


def test_a_file_without_a_header(lake: Lake, load: Load) -> None:
    load(b"1,x\n2,y\n", header=False)
    assert rows_of(lake, "bronze", "t", "column_1", "column_2") == [("1", "x"), ("2", "y")]
    load(b"3,z\n", "named", header=False, columns=["id", "letter"])
    assert rows_of(lake, "bronze", "named", "id", "letter") == [("3", "z")]


def test_a_header_only(lake: Lake, load: Load) -> None:
    assert load(b"a,b\n").rows == 0
    assert lake.info("bronze", "t").columns == 9


def test_excel_announces_its_delimiter(lake: Lake, load: Load) -> None:
    load(b"sep=;\na;b\n1,5;2\n")
    assert rows_of(lake, "bronze", "t", "a", "b") == [("1,5", "2")]


def test_a_delimiter_at_the_end_of_every_row(lake: Lake, load: Load) -> None:
    assert load(b"a,b\n1,2,\n3,4,\n").malformed == 0
    assert rows_of(lake, "bronze", "t", "a", "b", "column_3") == [("1", "2", None), ("3", "4", None)]


def test_one_column_keeps_its_empty_lines(lake: Lake, load: Load) -> None:
    load(b"a\nx\n\ny\n")
    assert rows_of(lake, "bronze", "t", "a") == [("x",), (None,), ("y",)]


def test_a_delimiter_beyond_ascii_can_be_declared(lake: Lake, load: Load) -> None:
    load("a¦b\n1¦x\n".encode(), delimiter="¦")
    assert rows_of(lake, "bronze", "t", "a", "b") == [("1", "x")]


def test_lineage_names_the_file_and_the_row(lake: Lake, load: Load) -> None:
    done = load(b"a\nx\ny\n", name="my file.csv")
    assert rows_of(lake, "bronze", "t", "_source_file", "_row_number", "_run_id", "_content_hash") == [
        ("my file.csv", 1, "test-run", done.hash),
        ("my file.csv", 2, "test-run", done.hash),
    ]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["a", "b"], ["a", "b"]),
        ([" a ", "\ufeffb"], ["a", "b"]),
        (["a", "a", "A"], ["a", "a_2", "A_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["", None, "---"], ["column_1", "column_2", "column_3"]),
        (["first name", "total (€)", "2013"], ["first_name", "total", "col_2013"]),
        (["_id", "_raw", "größe"], ["_id", "_raw_2", "größe"]),
        (['"x"', "a.b", "a;b"], ["x", "a_b", "a_b_2"]),
    ],
)
def test_headers_become_names(header: list[str | None], names: list[str]) -> None:
    assert clean_names(header) == names


@pytest.mark.parametrize(
    ("body", "name", "code"),
    [
        (b"", "t.csv", "E_FILE_EMPTY"),
        (b"\n\n\r\n", "t.csv", "E_FILE_BLANK"),
        (b"\xef\xbb\xbf", "t.csv", "E_FILE_BLANK"),
        (b"PK\x03\x04" + bytes(100), "t.csv", "E_FILE_PACKED"),
        (b"\x1f\x8b\x08" + bytes(100), "t.csv", "E_FILE_PACKED"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "t.csv", "E_FILE_BINARY"),
        (bytes(range(256)) * 64, "t.csv", "E_FILE_BINARY"),
        (bytes(5000), "t.csv", "E_FILE_BINARY"),
        (b"no parquet", "t.parquet", "E_PARQUET_DAMAGED"),
        (b"PAR1" + bytes(100), "t.parquet", "E_PARQUET_DAMAGED"),
        (b'[{"a": 1}', "t.json", "E_JSON_DAMAGED"),
        (b"not json\n", "t.jsonl", "E_JSON_NO_OBJECTS"),
        (b"a," * 5000 + b"b\n1\n", "t.csv", "E_FILE_COLUMNS"),
    ],
)
def test_a_file_that_is_no_table_leaves_nothing(
    lake: Lake, load: Load, body: bytes, name: str, code: str
) -> None:
    with pytest.raises(DataLabError) as caught:
        load(body, name=name)
    assert caught.value.code == code
    assert name in caught.value.message
    assert lake.table("bronze", "t") is None


def test_a_line_that_is_too_long_is_named(lake: Lake, load: Load) -> None:
    with pytest.raises(DataLabError, match="line 3: longer than"):
        load(b"a,b\n1,2\n" + b"x" * (17 * 1024 * 1024) + b"\n")
    assert lake.table("bronze", "t") is None
