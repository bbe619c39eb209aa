"""JSON lines and Parquet."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest
from conftest import Load, rows_of
from pyarrow import parquet

from datalab.errors import DataLabError
from datalab.lake import Lake


def test_json_lines_keep_what_was_written(lake: Lake, load: Load) -> None:
    done = load(
        b'{"a": 1.10, "b": "x"}\n{"b": null, "c": [1, {"d": 2.50}]}\n'
        b'{"a": 12345678901234567890, "e": true}\n',
        name="t.jsonl",
    )
    assert (done.rows, done.malformed) == (3, 0)
    assert rows_of(lake, "bronze", "t", "a", "b", "c", "e") == [
        ("1.10", "x", None, None),
        (None, None, '[1,{"d":2.50}]', None),
        ("12345678901234567890", None, None, "true"),
    ]


def test_lines_that_are_no_json_are_kept(lake: Lake, load: Load) -> None:
    done = load(b'{"a": 1}\n{"a": \n[1]\n{"a": 1, "a": 2}\n\n{"a": "\xff"}\n{"a": 3}', name="t.jsonl")
    assert (done.rows, done.malformed) == (6, 4)
    found = rows_of(lake, "bronze", "t", "a", "_raw", "_problem")
    assert [row[0] for row in found] == ["1", None, None, None, None, "3"]
    assert [str(row[2]).split(":")[0] for row in found[1:5]] == [
        "no JSON", "no JSON object", "a key is repeated", "bytes that are no text in the file's encoding",
    ]  # fmt: skip
    assert found[4][1] == '{"a": "\\xff"}'


def parquet_bytes(table: pa.Table) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table, out)
    return out.getvalue()


def test_parquet_keeps_its_types(lake: Lake, load: Load) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.uint32()),
            "when": pa.array([dt.datetime(2026, 1, 2, 3, 4, 5)] * 2, pa.timestamp("ns")),
            "price": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "parts": pa.array([[1, 2], []], pa.list_(pa.int32())),
        }
    )
    load(parquet_bytes(table), name="t.parquet")
    assert rows_of(lake, "bronze", "t", "id", "when", "price", "kind", "parts") == [
        (1, dt.datetime(2026, 1, 2, 3, 4, 5), Decimal("1.50"), "a", [1, 2]),
        (2, dt.datetime(2026, 1, 2, 3, 4, 5), None, "b", []),
    ]


def test_a_parquet_file_that_was_cut_off_leaves_nothing(lake: Lake, load: Load) -> None:
    whole = parquet_bytes(pa.table({"a": list(range(1000))}))
    with pytest.raises(DataLabError) as caught:
        load(whole[:-20], name="t.parquet")
    assert caught.value.code == "E_PARQUET_DAMAGED"
    assert lake.table("bronze", "t") is None


def test_columns_that_come_later_are_added(lake: Lake, load: Load) -> None:
    load(b"a,b\n1,x\n", name="1.csv")
    load(b"B,c\ny,2\n", name="2.csv")
    load(parquet_bytes(pa.table({"a": [7], "c": [8]})), name="3.parquet")
    assert rows_of(lake, "bronze", "t", "a", "b", "c") == [
        ("1", "x", None),
        (None, "y", "2"),
        ("7", None, "8"),
    ]


def test_a_type_that_cannot_become_the_tables_is_refused(lake: Lake, load: Load) -> None:
    load(parquet_bytes(pa.table({"a": [7]})), name="1.parquet")
    with pytest.raises(DataLabError) as caught:
        load(b"a\nseven\n", name="2.csv")
    assert caught.value.code == "E_SCHEMA_MISMATCH"
    assert lake.require("bronze", "t").version() == 0


def test_a_uuid_is_text(lake: Lake, load: Load) -> None:
    # The second one's bytes are letters.
    ids = ["c0ffee00-1234-4abc-8def-0123456789ab", "41424344-4546-4748-494a-4b4c4d4e4f50", None]
    stored = pa.array([None if each is None else UUID(each).bytes for each in ids], pa.binary(16))
    column = pa.ExtensionArray.from_storage(pa.uuid(), stored)
    load(parquet_bytes(pa.table({"id": column, "n": [1, 2, 3]})), name="t.parquet")
    assert rows_of(lake, "bronze", "t", "id") == [(each,) for each in ids]


def test_a_uuid_inside_of_a_list_is_refused(load: Load) -> None:
    stored = pa.array([UUID("41424344-4546-4748-494a-4b4c4d4e4f50").bytes], pa.binary(16))
    column = pa.ExtensionArray.from_storage(pa.uuid(), stored)
    table = pa.table({"ids": pa.ListArray.from_arrays([0, 1], column)})
    with pytest.raises(DataLabError, match=r"t\.parquet, column ids: UUIDs inside of a list"):
        load(parquet_bytes(table), name="t.parquet")


def test_int96_holds_every_date(lake: Lake, load: Load) -> None:
    days = [dt.datetime(9999, 12, 31), dt.datetime(1515, 1, 31, 9), dt.datetime(1, 1, 1)]
    days.append(dt.datetime(2025, 6, 30, 23, 59, 59, 123456))
    out = io.BytesIO()
    table = pa.table({"at": pa.array(days, pa.timestamp("us"))})
    parquet.write_table(table, out, use_deprecated_int96_timestamps=True)
    assert parquet.ParquetFile(io.BytesIO(out.getvalue())).schema.column(0).physical_type == "INT96"
    load(out.getvalue(), name="t.parquet")
    assert rows_of(lake, "bronze", "t", "at") == [(day,) for day in days]


def test_a_text_that_is_no_text_is_refused(lake: Lake, load: Load) -> None:
    bytes_ = pa.array([b"ok", b"\xce\x01"])
    text = pa.StringArray.from_buffers(2, bytes_.buffers()[1], bytes_.buffers()[2])
    with pytest.raises(DataLabError) as refused:
        load(parquet_bytes(pa.table({"a": text})), name="t.parquet")
    assert refused.value.code == "E_PARQUET_VALUE" and "column a: Invalid UTF8" in refused.value.message
    assert lake.table("bronze", "t") is None


def test_a_year_that_no_calendar_has_is_refused_with_its_column(lake: Lake, load: Load) -> None:
    for kind, value in ((pa.date32(), -719_163), (pa.timestamp("us"), 2**62), (pa.timestamp("ms"), -(2**60))):
        with pytest.raises(DataLabError, match=r"column d: .* outside of the years 1 to 9999"):
            load(
                parquet_bytes(
                    pa.table(
                        {
                            "d": pa.array([0, value], pa.int64() if kind != pa.date32() else pa.int32()).cast(
                                kind
                            )
                        }
                    )
                ),
                name="t.parquet",
            )
    assert lake.table("bronze", "t") is None
    load(
        parquet_bytes(pa.table({"d": pa.array([-719_162, 2_932_896], pa.int32()).cast(pa.date32())})),
        name="t.parquet",
    )
    assert rows_of(lake, "bronze", "t", "d") == [(dt.date(1, 1, 1),), (dt.date(9999, 12, 31),)]


def test_nanoseconds_that_a_table_would_lose_are_kept_as_text(lake: Lake, load: Load) -> None:
    whole = pa.array([1_700_000_000_123_456_000, None], pa.timestamp("ns"))
    finer = pa.array([1_700_000_000_123_456_000, 1_700_000_000_123_456_789], pa.timestamp("ns"))
    zoned = pa.array([None, 1_700_000_000_000_000_001], pa.timestamp("ns", "UTC"))
    load(parquet_bytes(pa.table({"whole": whole, "finer": finer, "zoned": zoned})), name="t.parquet")
    assert rows_of(lake, "bronze", "t", "whole", "finer", "zoned") == [
        (dt.datetime(2023, 11, 14, 22, 13, 20, 123456), "2023-11-14 22:13:20.123456000", None),
        (None, "2023-11-14 22:13:20.123456789", "2023-11-14 22:13:20.000000001Z"),
    ]
