"""What a Delta table can't hold is told by file, column and type; what it can, keeps its value."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Load

from datalab import duck
from datalab.lake import Lake
from datalab.layers.quality import Contract
from datalab.layers.silver import refine
from datalab.medallion import Outcome, build_gold


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('"when"::TIME', "column v: a Delta table can't hold a time64[us]"),
        ("\"when\" - TIMESTAMP '2024-01-01'", "column v: a Delta table can't hold a month_day_nano_interval"),
        ("{'x': [\"when\"::TIME]}", "column v: a Delta table can't hold a struct<x: list<l: time64[us]>>"),
        ("DATE '12000-01-01'", "column v: date32[day] outside of the years 1 to 9999"),
        ("DATE '0000-05-05'", "column v: date32[day] outside of the years 1 to 9999"),
        ("TIMESTAMP 'infinity'", "column v: timestamp[us] outside of the years 1 to 9999"),
        ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "column v: Casting from timestamp[ns]"),
    ],
)
def test_gold_names_the_column_that_can_t_be_kept_and_builds_the_others(
    lake: Lake, load: Load, tmp_path: Path, expression: str, said: str
) -> None:
    load(b"id,when\n1,2024-01-02 03:04:05\n")
    refine(lake, "t", Contract("t"), "r")
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "bad.sql").write_text(f"SELECT {expression} AS v FROM silver.t")
    (tmp_path / "gold" / "good.sql").write_text("SELECT count(*) AS n FROM silver.t")
    done = Outcome()
    build_gold(lake, tmp_path, "r", done)
    assert list(done.failed) == ["gold.bad"]
    assert said in done.failed["gold.bad"].message and done.failed["gold.bad"].permanent
    assert lake.table("gold", "bad") is None
    assert list(duck.query(lake, "SELECT n FROM gold.good")) == [{"n": 1}]


def test_unsigned_numbers_of_gold_keep_their_value(lake: Lake, load: Load, tmp_path: Path) -> None:
    load(b"id\n1\n")
    refine(lake, "t", Contract("t"), "r")
    (tmp_path / "gold").mkdir()
    values = {"a": "200::UTINYINT", "b": "60000::USMALLINT", "c": "4000000000::UINTEGER"}
    values["d"] = "18446744073709551615::UBIGINT"
    numbers = ", ".join(f"{value} AS {name}" for name, value in values.items())
    (tmp_path / "gold" / "n.sql").write_text(f"SELECT {numbers} FROM silver.t")
    build_gold(lake, tmp_path, "r", Outcome())
    (row,) = lake.require("gold", "n").to_pyarrow_table().to_pylist()
    assert row == {"a": 200, "b": 60000, "c": 4000000000, "d": 18446744073709551615}
