"""A wrong split never wins by being even: right, or refused with both readings."""

from __future__ import annotations

import csv
import io

import pytest
from conftest import Load, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.formats.delimiter import detect_delimiter
from datalab.lake import Lake


def found(text: str, *, header: bool = True, known: list[str] | None = None) -> str:
    return detect_delimiter(text, "\n", 1 << 20, True, "t.csv", header=header, known=known or [])


@pytest.mark.parametrize(
    ("text", "header", "delimiter"),
    [
        ("-1,5;20,25;0,75\n-2,5;21,25;0,5\n", False, ";"),
        ("a;b;c\n1,5;2,5;3,5\n", True, ";"),
        ("Datum;Betrag\n2024-01-02;1.204,50\n2024-01-03;7,00\n", True, ";"),
        ("when;what;who\nApril 15, 2023;paid;Ana\nMay 1, 2023;sent;Bo\nJune 7, 2023;paid\n", True, ";"),
        ("id,tags\n1,a;b\n2,c;d\n3,e;f\n", True, ","),
        ("id,tags,n\n1,a|b,2\n2,c|d,3\n", True, ","),
        ("name\tnote\nAna\tone, two\nBo\tthree, four\n", True, "\t"),
        ('id;note\n1;"a, b"\n2;"c, d"\n', True, ";"),
        ('x;"a, b";y\nz;"c, d";w\n', False, ";"),
        ("id,note\n1,x\n", True, ","),
        ("name;city\nAna;Bonn\n", True, ";"),
        ("note\nno delimiter here\n", True, ","),
        ("note\n|\n|\n|\n", True, ","),
    ],
)
def test_the_right_one_is_found(text: str, header: bool, delimiter: str) -> None:
    assert found(text, header=header) == delimiter


def test_a_file_without_a_header_keeps_its_numbers(lake: Lake, load: Load) -> None:
    done = load(b"-1,5;20,25;0,75\n-2,5;21,25;0,5\n3,5;22,25;1,5\n4,5;23,25;2,5\n", header=False)
    assert (done.rows, done.malformed) == (4, 0)
    assert rows_of(lake, "bronze", "t", "column_1", "column_2", "column_3")[0] == ("-1,5", "20,25", "0,75")


def test_in_doubt_both_readings_are_shown_and_a_declared_one_is_taken(lake: Lake, load: Load) -> None:
    body = b"a,b;c,d\nx,y;z,w\n"
    with pytest.raises(DataLabError) as refused:
        load(body)
    assert refused.value.code == "E_FILE_DELIMITER_UNSURE"
    assert refused.value.message == (
        "t.csv can be read in two ways: by a comma: 3 columns, 'a', 'b;c', 'd'; "
        "or by a semicolon: 2 columns, 'a,b', 'c,d'"
    )
    assert load(body, delimiter=";").rows == 1
    assert rows_of(lake, "bronze", "t", "a_b", "c_d") == [("x,y", "z,w")]


def test_the_table_that_is_there_decides(lake: Lake, load: Load) -> None:
    load(b"a,b;c,d\nx,y;z,w\n", delimiter=";", name="first.csv")
    load(b"a,b;c,d\nu,v;s,t\n", name="second.csv")
    assert sorted(rows_of(lake, "bronze", "t", "a_b", "c_d")) == [("u,v", "s,t"), ("x,y", "z,w")]


def test_a_tab_is_announced_like_any_other(lake: Lake, load: Load) -> None:
    load(b"sep=\t\na\tb,c\n1\t2,3\n")
    assert rows_of(lake, "bronze", "t", "a", "b_c") == [("1", "2,3")]


cell = st.one_of(
    st.integers(-9999, 9999).map(str),
    st.decimals(-999, 999, places=2).map(lambda n: str(n).replace(".", ",")),
    st.decimals(-999, 999, places=2).map(str),
    st.dates().map(str),
    st.text("abc ,;|\t.", min_size=1, max_size=8).filter(lambda text: text.strip() == text),
)
word = st.text("abcd ,;", min_size=1, max_size=6).filter(lambda text: text.strip(" ,;") == text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_table_of_any_dialect_is_read_as_it_was_written_or_refused(data: st.DataObject) -> None:
    delimiter = data.draw(st.sampled_from(",;\t|"))
    width = data.draw(st.integers(2, 5))
    header = data.draw(st.lists(word, min_size=width, max_size=width, unique=True))
    kinds = data.draw(st.lists(st.sampled_from(range(5)), min_size=width, max_size=width))
    rows = data.draw(
        st.lists(st.tuples(*(cell.branches[kind] for kind in kinds)), min_size=1, max_size=8)  # type: ignore[attr-defined]
    )
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerows([header, *rows])
    try:
        assert found(out.getvalue()) == delimiter
    except DataLabError as error:
        assert error.code == "E_FILE_DELIMITER_UNSURE"
    assert len(clean_names(header)) == width
