"""Columns by their heading, never by their place."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from conftest import Load, rows_of
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names, match_existing
from datalab.lake import Lake


def test_headings_that_become_one_name_keep_their_values_in_any_order(lake: Lake, load: Load) -> None:
    load(b"Symbol,Change ($),Change (%)\nA,12.50,3.1\n", name="jan.csv")
    load(b"Symbol,Change (%),Change ($)\nA,1.8,7.25\n", name="feb.csv")
    load(b"Symbol,Change (%)\nA,2.4\n", name="mar.csv")
    assert rows_of(lake, "bronze", "t", "Symbol", "Change", "Change_2") == [
        ("A", "12.50", "3.1"), ("A", "7.25", "1.8"), ("A", None, "2.4"),
    ]  # fmt: skip


def test_so_do_keys_that_differ_in_case(lake: Lake, load: Load) -> None:
    load(b'{"Id": "x1", "id": 7}\n', name="one.jsonl")
    load(b'{"id": 8, "Id": "x2"}\n', name="two.jsonl")
    assert rows_of(lake, "bronze", "t", "Id", "id_2") == [("x1", "7"), ("x2", "8")]


def test_a_heading_that_is_another_is_another_column(lake: Lake, load: Load) -> None:
    load(b"Change (%)\n3.1\n", name="one.csv")
    load(b"Change ($)\n12.50\n", name="two.csv")
    assert rows_of(lake, "bronze", "t", "Change", "Change_2") == [("3.1", None), (None, "12.50")]


def test_case_spaces_and_hyphens_make_no_other_column(lake: Lake, load: Load) -> None:
    load(b"Net amount,Unit-Price\n1,2\n", name="one.csv")
    load(b"unit price,NET_AMOUNT \n4,3\n", name="two.csv")
    assert rows_of(lake, "bronze", "t", "Net_amount", "Unit_Price") == [("1", "2"), ("3", "4")]


def test_one_heading_twice_keeps_its_order(lake: Lake, load: Load) -> None:
    load(b"a,a\n1,2\n", name="one.csv")
    load(b"a,b,a\n3,x,4\n", name="two.csv")
    assert rows_of(lake, "bronze", "t", "a", "a_2", "b") == [("1", "2", None), ("3", "4", "x")]


def test_what_is_ambiguous_is_refused_with_both_headings_and_nothing_is_written(
    lake: Lake, load: Load
) -> None:
    load(b'{"Id": "x1", "id": 7}\n', name="one.jsonl")
    which = r"which column is meant by 'ID'\? The table has Id, id_2"
    with pytest.raises(DataLabError, match=which) as found:
        load(b'{"ID": "x2"}\n', name="two.jsonl")
    assert found.value.code == "E_SCHEMA_AMBIGUOUS"
    assert rows_of(lake, "bronze", "t", "Id") == [("x1",)]


def test_a_table_of_an_earlier_release_goes_by_name_and_refuses_what_it_can_not_tell(
    lake: Lake, load: Load
) -> None:
    load(b"Amount,Change ($)\n1,2\n", name="one.csv")
    table = lake.require("bronze", "t")
    plain = pa.table(table.to_pyarrow_table()).replace_schema_metadata(None)
    bare = pa.schema([pa.field(field.name, field.type) for field in plain.schema])
    write_deltalake(table, plain.cast(bare), mode="overwrite", schema_mode="overwrite")
    load(b"AMOUNT\n3\n", name="two.csv")
    assert rows_of(lake, "bronze", "t", "Amount", "Change") == [("1", "2"), ("3", None)]
    with pytest.raises(DataLabError, match=r"'Change \(%\)' and 'Change \(\$\)'"):
        load(b"Change (%),Change ($)\n4,5\n", name="three.csv")


def test_parquet_goes_by_heading_too(lake: Lake, load: Load) -> None:
    def file(**columns: str) -> bytes:
        out = io.BytesIO()
        parquet.write_table(pa.table({name: [value] for name, value in columns.items()}), out)
        return out.getvalue()

    load(file(**{"a b": "1", "a/b": "2"}), name="one.parquet")
    load(file(**{"a/b": "4", "a b": "3"}), name="two.parquet")
    assert rows_of(lake, "bronze", "t", "a_b", "a_b_2") == [("1", "2"), ("3", "4")]


heading = st.text("aA1 _-$%/.é", min_size=1, max_size=4).filter(lambda text: text.strip() != "")


@given(st.lists(heading, min_size=1, max_size=6, unique=True), st.data())
def test_the_same_headings_in_any_order_are_the_same_columns(
    headings: list[str], data: st.DataObject
) -> None:
    names = match_existing(clean_names(headings), headings, {})
    assert len({name.lower() for name in names}) == len(names)
    table: dict[str, str | None] = dict(zip(names, headings, strict=True))
    shuffled = data.draw(st.permutations(headings))
    again = match_existing(clean_names(shuffled), shuffled, table)
    assert dict(zip(again, shuffled, strict=True)) == table
    # A part of them is refused only where one that is not there could be meant.
    part = data.draw(st.lists(st.sampled_from(headings), unique=True, min_size=1))
    found = match_existing(clean_names(part), part, table)
    assert dict(zip(found, part, strict=True)).items() <= table.items()


def test_4000_columns_are_matched() -> None:
    headings = [f"column {n} (%)" for n in range(4000)]
    names = match_existing(clean_names(headings), headings, {})
    table: dict[str, str | None] = dict(zip(names, headings, strict=True))
    written = [heading.upper() for heading in reversed(headings)]
    # Column by column, this would take minutes.
    assert match_existing(clean_names(written), written, table) == names[::-1]
