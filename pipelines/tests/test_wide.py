"""Silver of tables with many columns, and of tables in many tiles: bounded, and the same rows."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import HERE, Load, rows_of
from pyarrow import parquet as pq

from datalab.errors import DataLabError
from datalab.formats.source import MAX_COLUMNS
from datalab.lake import Lake
from datalab.layers import tiles
from datalab.layers.landing import land
from datalab.layers.quality import Contract, parse_contract
from datalab.layers.silver import refine

# One value of each type, by the column's place.
CELLS = ("7", "2.5", "2026-01-31", "2026-01-31 10:00:00", "some text", "true", "NA", "007")
KINDS = ["bigint", "double", "date", "timestamp", "varchar", "boolean", "varchar", "varchar"]

# Arrow's own allocator begins by taking 1 GiB of data that it does not touch.
PLAIN = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}

# VmHWM is of this program alone: ru_maxrss begins with what the process had before it became the program.
REFINE = """
import sys
from pathlib import Path
sys.path.insert(0, {lib!r})
from datalab.layers.quality import Contract
from datalab.layers.silver import refine
from datalab.settings import Settings
lake = Settings.from_env({{"DATALAB_LAKE_ROOT": {root!r}}}).lake()
done = refine(lake, "t", Contract("t"), "r")
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024
print(done.rows_out, done.quarantined, len(done.types), peak)
"""


def limited(script: str, limit: int) -> list[int]:
    """The numbers that a script prints in a process that may have so many bytes of data."""
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env=PLAIN,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return [int(number) for number in answer.stdout.split()]


def wide(columns: int, rows: int) -> bytes:
    header = ",".join(f"c{n}" for n in range(columns))
    line = ",".join(CELLS[n % len(CELLS)] for n in range(columns))
    return "\n".join([header, *[line] * rows]).encode()


@pytest.mark.parametrize("columns", [100, 1500, MAX_COLUMNS])
def test_a_wide_table_reaches_silver_within_the_worker_s_limit(lake: Lake, load: Load, columns: int) -> None:
    """The kernel gives the process 900 MiB for its data; the worker's container has 2 GiB."""
    assert load(wide(columns, 20)).malformed == 0
    script = REFINE.format(lib=str(HERE.parent), root=lake.settings.root)
    rows, bad, kinds, peak = limited(script, 900 << 20)
    assert (rows, bad, kinds) == (20, 0, columns)
    assert peak < 900
    names = [f"c{n}" for n in range(columns)]
    schema = lake.require("silver", "t").to_pyarrow_dataset().schema
    assert [str(schema.field(name).type) for name in names[:8]] == [
        "int64", "double", "date32[day]", "timestamp[us]", "string", "bool", "string", "string",
    ]  # fmt: skip
    last = rows_of(lake, "silver", "t", *names[-4:])
    assert len(last) == 20 and set(last) == {last[0]}


def test_a_contract_on_every_column_of_a_wide_table_gives_every_reason(lake: Lake, load: Load) -> None:
    load(wide(400, 3) + b"\n" + b",".join([b"x"] * 400) + b"\n" + b",".join([b"1"] * 399))
    columns = "".join(f"  c{n}: {{type: {KINDS[n % 8]}}}\n" for n in range(400))
    refined = refine(lake, "t", parse_contract(f"columns:\n{columns}", "t", "t.yaml"), "r")
    assert (refined.rows_in, refined.rows_out, refined.quarantined) == (5, 3, 2)
    wrong = [f"c{n}: not a {KINDS[n % 8]}" for n in range(400) if KINDS[n % 8] != "varchar"]
    assert rows_of(lake, "silver", "t_quarantine", "_row_number", "_reasons") == [
        (4, "; ".join(wrong)),
        (5, "expected 400 fields, found 399"),
    ]


@pytest.mark.parametrize(("rows", "group"), [(1, 1), (2, 2), (7, 16), (32_768, 16)])
def test_the_size_of_the_tiles_makes_no_difference(
    lake: Lake, load: Load, monkeypatch: pytest.MonkeyPatch, rows: int, group: int
) -> None:
    """Bad rows, duplicates and types that only a late row decides, across tiles of any size and two files."""
    monkeypatch.setattr(tiles, "tile_rows", lambda _: rows)
    monkeypatch.setattr(tiles, "GROUP", group)
    load(b"id,price,note,seen\n1,1.5,a,\n2,x,b,\n1,2.5,c,\n,1,d,\n3,4\n")
    later = b"2,3,NA,2026-01-01\n1,9,7,2026-01-02\n4,1,8,soon\n4,-1,9,2026-01-03\n"
    load(b"id,price,note,seen\n" + later, name="b.csv")
    contract = "columns:\n  id: {type: bigint}\n  price: {type: double, min: 0}\nkeys: [id]\nkeep: last\n"
    refined = refine(lake, "t", parse_contract(contract, "t", "t.yaml"), "r")
    assert (refined.rows_in, refined.rows_out, refined.quarantined) == (9, 3, 6)
    assert refined.types == {"id": "bigint", "price": "double", "note": "varchar", "seen": "varchar"}
    found = rows_of(lake, "silver", "t", "id", "price", "note", "seen")
    assert sorted(found) == [(1, 9.0, "7", "2026-01-02"), (2, 3.0, None, "2026-01-01"), (4, 1.0, "8", "soon")]
    duplicate = "duplicate key (id): the last row is kept"
    bad = rows_of(lake, "silver", "t_quarantine", "_source_file", "_row_number", "_reasons", "price")
    assert sorted(bad) == [
        ("b.csv", 4, "price: below 0", "-1"),
        ("t.csv", 1, duplicate, "1.5"),
        ("t.csv", 2, "price: not a double", "x"),
        ("t.csv", 3, duplicate, "2.5"),
        ("t.csv", 4, "id: part of the key, but empty", "1"),
        ("t.csv", 5, "expected 4 fields, found 2", None),
    ]
    assert sorted(refined.reasons) == sorted(
        [
            (duplicate, 2),
            ("price: below 0", 1),
            ("price: not a double", 1),
            ("id: part of the key, but empty", 1),
            ("expected 4 fields, found 2", 1),
        ]
    )
    assert refined.reasons[0] == (duplicate, 2)


def test_values_stay_in_their_rows_whatever_the_threads_do(lake: Lake, tmp_path: Path) -> None:
    """Several tiles of 60 columns: the value of each column tells its row."""
    file = tmp_path / "rows.csv"
    header = ",".join(f"c{n}" for n in range(60))
    lines = [",".join(str(row * 100 + n) for n in range(60)) for row in range(40_000)]
    file.write_text("\n".join([header, *lines]))
    from datalab.layers.bronze import ingest

    ingest(lake, land(lake, file, "t"))
    refine(lake, "t", Contract("t"), "r")
    silver = lake.require("silver", "t").to_pyarrow_table()
    numbers = silver["_row_number"].to_pylist()
    for n in (0, 31, 59):
        assert silver[f"c{n}"].to_pylist() == [(number - 1) * 100 + n for number in numbers]


def refused(load: Load, body: bytes, name: str, table: str = "t") -> DataLabError:
    with pytest.raises(DataLabError) as caught:
        load(body, table, name)
    return caught.value


def parquet(names: list[str]) -> bytes:
    out = io.BytesIO()
    if names:
        pq.write_table(pa.table({name: [1, 2] for name in names}), out)
    else:
        pq.write_table(pa.table({"a": [1, 2]}).select([]), out)
    return out.getvalue()


def test_a_file_that_can_be_no_table_is_refused_when_it_comes(lake: Lake, load: Load) -> None:
    error = refused(load, parquet([]), "none.parquet")
    assert (error.code, error.permanent) == ("E_FILE_NO_COLUMNS", True)
    assert error.message == "none.parquet has no columns"
    error = refused(load, parquet([f"c{n}" for n in range(MAX_COLUMNS + 1)]), "wide.parquet")
    assert error.code == "E_FILE_COLUMNS" and "4,001 columns" in error.message
    assert lake.table("bronze", "t") is None


def test_files_do_not_make_a_table_wider_than_a_table_may_be(lake: Lake, load: Load) -> None:
    load(parquet([f"a{n}" for n in range(3000)]), name="a.parquet")
    error = refused(load, parquet([f"b{n}" for n in range(1001)]), "b.parquet")
    assert (error.code, error.message) == (
        "E_FILE_COLUMNS",
        "bronze.t with b.parquet has 4,001 columns, more than 4,000",
    )
    assert load(parquet([f"b{n}" for n in range(1000)]), name="c.parquet").rows == 2


INGEST = """
import sys
from pathlib import Path
sys.path.insert(0, {lib!r})
from datalab.layers.bronze import ingest
from datalab.layers.landing import parse_key
from datalab.settings import Settings
lake = Settings.from_env({{"DATALAB_LAKE_ROOT": {root!r}}}).lake()
done = ingest(lake, parse_key({key!r}))
status = Path("/proc/self/status").read_text()
print(done.rows, done.malformed, int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.parametrize(
    ("name", "body", "malformed"),
    [
        ("short.csv", wide(MAX_COLUMNS, 1) + b"\n" + b"x\n" * 5_000, 5_000),
        (
            "sparse.jsonl",
            b"".join(b'{"k%d":1}\n' % n for n in range(4000)) * 2,
            0,
        ),
    ],
)
def test_short_lines_below_many_columns_take_little_memory(
    lake: Lake, tmp_path: Path, name: str, body: bytes, malformed: int
) -> None:
    """5,000 lines are 20 million values. The Delta writer holds about 33 KB of each such row: 0.4 GB."""
    (tmp_path / name).write_bytes(body)
    key = land(lake, tmp_path / name, "t").key
    script = INGEST.format(lib=str(HERE.parent), root=lake.settings.root, key=key)
    # Address space, which is more than what is resident.
    rows, bad, peak = limited(script, 1300 << 20)
    assert rows == (5_001 if malformed else 8_000) and bad == malformed
    assert peak < 900
