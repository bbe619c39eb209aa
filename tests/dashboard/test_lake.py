"""The lake's process on real Delta tables in a folder: bounded, read-only, and gone when nobody asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake

if TYPE_CHECKING:
    from lake.client import LakeProcess


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LakeProcess]:
    """The process on two tables."""
    from lake.client import WORKER, LakeProcess

    lake = tmp_path / "lake"
    for layer, name, count in (("silver", "trips", 9), ("silver", "trips_quarantine", 2)):
        (lake / layer).mkdir(parents=True, exist_ok=True)
        rows = {"id": list(range(count)), "_reasons": ["id: required"] * count}
        write_deltalake(str(lake / layer / name), pa.table(rows))
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake))
    process = LakeProcess([sys.executable, str(WORKER)], idle=3)
    yield process
    process.stop()


def test_tables_are_listed_with_rows_and_quality(process: LakeProcess) -> None:
    from views.lake import quality_of

    tables = process.ask({"op": "tables"}, 60)
    assert [(each["layer"], each["name"], each["rows"]) for each in tables] == [
        ("silver", "trips", 9),
        ("silver", "trips_quarantine", 2),
    ]
    assert quality_of(tables, [])["silver.trips"] == (2, 11)
    one = process.ask({"op": "table", "layer": "silver", "name": "trips", "rows": 3}, 60)
    assert len(one["rows"]) == 3
    assert [each["name"] for each in one["columns"]] == ["id", "_reasons"]
    assert one["history"][0]["version"] == 0
    assert one["reasons"] == [{"reason": "id: required", "rows": 2}]


def test_a_query_is_cut_at_its_rows_and_says_so(process: LakeProcess) -> None:
    said = process.ask(
        {"op": "query", "sql": "SELECT id FROM silver.trips ORDER BY id", "rows": 4, "seconds": 30}, 60
    )
    assert said["rows"] == [{"id": n} for n in range(4)]
    assert said["more"] is True


def test_values_are_whole_or_counted(process: LakeProcess) -> None:
    from lake.worker import LONGEST

    sql = (
        f"SELECT repeat('x', {LONGEST}) AS whole, repeat('y', {LONGEST + 1}) AS cut, "
        "9007199254740993 AS big, 'NaN'::DOUBLE AS nan, NULL AS none, '' AS empty"
    )
    said = process.ask({"op": "query", "sql": sql, "rows": 4, "seconds": 30}, 60)
    assert said["cut"] == 1
    assert said["rows"] == [
        {"whole": "x" * LONGEST, "cut": "y" * LONGEST + "…", "big": "9007199254740993", "nan": "NaN",
         "none": None, "empty": ""},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM 'https://127.0.0.1/x.parquet'",
        "SELECT * FROM glob('/*')",
        "COPY (SELECT 1) TO '/tmp/out.csv'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "DELETE FROM silver.trips",
        "SELECT 1; SELECT 2",
    ],
)
def test_sql_reaches_nothing_but_the_lake(process: LakeProcess, sql: str) -> None:
    from lake.client import QueryFailed

    with pytest.raises(QueryFailed) as caught:
        process.ask({"op": "query", "sql": sql, "rows": 10, "seconds": 20}, 60)
    assert "root:" not in str(caught.value)
    assert process.ask({"op": "tables"}, 60)


def test_a_query_that_takes_too_long_is_stopped_and_the_next_one_works(process: LakeProcess) -> None:
    from lake.client import QueryFailed

    endless = (
        "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c "
        "WHERE a.range < b.range * c.range"
    )
    began = time.monotonic()
    with pytest.raises(QueryFailed, match="longer than"):
        process.ask({"op": "query", "sql": endless, "rows": 10, "seconds": 1}, 60)
    assert time.monotonic() - began < 45
    assert process.ask({"op": "query", "sql": "SELECT 1 AS one", "rows": 1, "seconds": 20}, 60)["rows"] == [
        {"one": 1}
    ]


def test_the_process_ends_when_nobody_asks(process: LakeProcess) -> None:
    process.ask({"op": "tables"}, 60)
    running = process._process
    assert running is not None
    running.wait(timeout=20)
    assert process.ask({"op": "tables"}, 60)


def test_a_query_that_takes_too_much_ends_and_the_next_one_answers(process: LakeProcess) -> None:
    """Under DuckDB's limit of 192 MB this took 3.9 GB: the kernel bounds the process now."""
    from datalab.bounded import data_limit
    from lake.client import QueryFailed

    large = "SELECT repeat('x', 1000000) AS x FROM range(100000)"
    with pytest.raises(QueryFailed) as caught:
        process.ask({"op": "query", "sql": large, "rows": 1000, "seconds": 20}, 60)
    assert "memory" in str(caught.value).lower() and "aggregate or filter more" in caught.value.hint
    said = process.ask({"op": "query", "sql": "SELECT 1 AS one", "rows": 1, "seconds": 20}, 60)
    assert said["rows"] == [{"one": 1}]
    running = process._process
    assert running is not None
    status = Path(f"/proc/{running.pid}/status").read_text().splitlines()
    held = {
        name: value.split()[0] for name, _, value in (line.partition(":") for line in status) if value.strip()
    }
    assert int(held["VmHWM"]) * 1024 <= data_limit("192MB")
    limits = Path(f"/proc/{running.pid}/limits").read_text().splitlines()
    assert str(data_limit("192MB")) in next(line for line in limits if line.startswith("Max data size"))


def test_an_answer_is_bounded_in_bytes_and_says_that_there_is_more(process: LakeProcess) -> None:
    wide = ", ".join(f"repeat('x', 2000) AS c{n}" for n in range(100))
    said = process.ask(
        {"op": "query", "sql": f"SELECT {wide} FROM range(500)", "rows": 1000, "seconds": 30}, 60
    )
    assert said["more"] is True
    assert 30 <= len(said["rows"]) <= 8 * 2**20 / 200_000


def test_an_answer_without_end_is_not_held(process: LakeProcess) -> None:
    from lake import client
    from lake.client import LakeProcess as Process
    from lake.client import QueryFailed

    endless = Process([sys.executable, "-c", "while True: print('x' * 65536, end='')"])
    with pytest.raises(QueryFailed, match=f"larger than {client.ANSWER_BYTES >> 20} MiB"):
        endless.ask({"op": "tables"}, 60)
    assert endless._process is None


@pytest.mark.parametrize("text", ["not json", ""])
def test_a_broken_table_is_listed_with_its_error(process: LakeProcess, tmp_path: Path, text: str) -> None:
    log = tmp_path / "lake" / "bronze" / "broken" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text(text)
    broken, *others = process.ask({"op": "tables"}, 60)
    assert (broken["layer"], broken["name"]) == ("bronze", "broken")
    assert broken["error"].startswith("bronze.broken cannot be read")
    assert [each["name"] for each in others] == ["trips", "trips_quarantine"]
