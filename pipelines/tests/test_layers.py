"""Bronze, silver and gold together: what each layer promises."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from conftest import HERE, Load, rows_of
from deltalake import write_deltalake

from datalab import duck
from datalab.delta_log import table_size
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers import gold
from datalab.layers.bronze import ingest
from datalab.layers.landing import land, landed
from datalab.layers.quality import Contract, parse_contract
from datalab.layers.silver import refine
from datalab.medallion import Outcome, build_gold, load_bronze, refine_silver


def versions(lake: Lake) -> dict[str, int]:
    return {f"{t.layer}.{t.name}": t.version for t in lake.list_tables()}


def run_all(lake: Lake, folder: Path, run: str = "r") -> Outcome:
    done = load_bronze(lake, folder, None, None, run)
    refine_silver(lake, folder, None, run, done)
    build_gold(lake, folder, run, done)
    return done


def test_the_same_file_twice_changes_nothing(lake: Lake, load: Load) -> None:
    assert load(b"a\n1\n").skipped is False
    again = load(b"a\n1\n", name="other name.csv")
    assert (again.skipped, again.rows, again.version) == (True, 0, 0)
    assert load(b"a\n2\n").version == 1
    assert table_size(lake.require("bronze", "t"))[0] == 2


def _ingest_in_process(root: str, key: str, results: object) -> None:
    from datalab.layers.landing import parse_key
    from datalab.settings import Settings

    lake = Settings.from_env({"DATALAB_LAKE_ROOT": root}).lake()
    try:
        results.put(("skipped" if ingest(lake, parse_key(key)).skipped else "loaded", ""))
    except DataLabError as error:
        results.put((error.code, error.message))


@pytest.mark.parametrize("there", [False, True], ids=["new table", "table that is there"])
def test_the_same_file_by_many_at_once_is_there_once(
    lake: Lake, load: Load, tmp_path: Path, there: bool
) -> None:
    if there:
        load(b"a\n0\n")
    file = tmp_path / "f.csv"
    file.write_bytes(b"a\n" + b"1\n" * 1000)
    key = land(lake, file, "t").key
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [
        context.Process(target=_ingest_in_process, args=(lake.settings.root, key, results)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    outcomes = sorted(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert [kind for kind, _ in outcomes if kind == "loaded"] == ["loaded"], outcomes
    assert {kind for kind, _ in outcomes} <= {"loaded", "skipped", "E_WRITE_CONFLICT"}, outcomes
    assert table_size(lake.require("bronze", "t"))[0] == 1000 + there


MARCH = dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        (["1", "-2", "NA", ""], "bigint", 1),
        (["1", "2.5", "1e3"], "double", 1.0),
        (["007", "1"], "varchar", "007"),
        (["+5", "1"], "double", 5.0),
        (["12345678901234567890", "1"], "varchar", "12345678901234567890"),
        (["1_000", "2"], "varchar", "1_000"),
        (["true", "False"], "boolean", True),
        (["0", "1"], "bigint", 0),
        (["2026-01-31", "2026-02-28"], "date", dt.date(2026, 1, 31)),
        (["2026-01-31", "2026-02-30"], "varchar", "2026-01-31"),
        (["2026-01-31 10:00:00", "2026-01-31T11:00"], "timestamp", dt.datetime(2026, 1, 31, 10)),
        (["2026-01-31T10:00:00+01:00"], "timestamptz", dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)),
        (["2024-03-31 01:30:00 UTC", "2024-07-01 12:00:00.25 GMT"], "timestamptz", MARCH),
        (["2024-03-31 02:30:00 +0100", "2024-12-31 18:59:59 -0500"], "timestamptz", MARCH),
        (["2024-03-31T01:30:00.0000000Z", "2024-03-31T01:30:00.123456000z"], "timestamptz", MARCH),
        (["2024-03-31T02:30+01", "2024-03-31T02:30:00+01:00"], "timestamptz", MARCH),
        (["/Date(1711848600000)/", "/Date(1711848600000+0100)/"], "timestamptz", MARCH),
        (["2024-03-31T01:30:00.123456789Z"], "varchar", "2024-03-31T01:30:00.123456789Z"),
        (["2024-03-31T01:30:00.1234560"], "timestamp", dt.datetime(2024, 3, 31, 1, 30, 0, 123456)),
        (["0000-01-01"], "varchar", "0000-01-01"),
        (["0000-01-01T00:00:00Z"], "varchar", "0000-01-01T00:00:00Z"),
        (["0001-01-01", "9999-12-31"], "date", dt.date(1, 1, 1)),
        (["nan", "1.5"], "double", None),
        (["inf", "1.5"], "varchar", "inf"),
        (["NA", ""], "varchar", None),
        ([" 1 ", "2"], "bigint", 1),
    ],
)
def test_types_are_inferred_from_every_row(
    lake: Lake, load: Load, values: list[str], kind: str, first: object
) -> None:
    load("\n".join(["v,w", *(f"{value},." for value in values)]).encode())
    refined = refine(lake, "t", Contract("t"), "r")
    assert refined.types["v"] == kind
    assert rows_of(lake, "silver", "t", "v")[0] == (first,)


def test_one_odd_value_in_the_last_row_decides(lake: Lake, load: Load) -> None:
    load(b"v\n" + b"1\n" * 60_000 + b"x\n")
    assert refine(lake, "t", Contract("t"), "r").types == {"v": "varchar"}


CONTRACT = """
table: t
nulls: ["", "NA"]
columns:
  id: {type: bigint, required: true}
  price: {type: "decimal(9,2)", min: 0, max: 100}
  code: {regex: "^[A-Z]{2}$", allowed: [AB, CD]}
  day: date
keys: [id]
keep: first
"""


def test_rows_that_break_the_contract_are_in_quarantine_with_the_reason(lake: Lake, load: Load) -> None:
    load(
        b"id,price,code,day\n1,1.50,AB,2026-01-01\nx,2,AB,2026-01-01\n,2,AB,2026-01-01\n3,101,AB,2026-01-01\n"
        b"4,1.555,CD,NA\n5,1,EF,tomorrow\n1,9,AB,2026-01-01\n6,7\n"
    )
    refined = refine(lake, "t", parse_contract(CONTRACT, "t", "t.yaml"), "r")
    assert (refined.rows_in, refined.rows_out, refined.quarantined) == (8, 1, 7)
    assert rows_of(lake, "silver", "t", "id", "code", "day") == [(1, "AB", dt.date(2026, 1, 1))]
    assert rows_of(lake, "silver", "t_quarantine", "_row_number", "_reasons", "price") == [
        (2, "id: not a bigint", "2"),
        (3, "id: part of the key, but empty", "2"),
        (4, "price: above 100", "101"),
        (5, "price: not a decimal(9,2)", "1.555"),
        (6, "code: not one of the allowed values; day: not a date", "1"),
        (7, "duplicate key (id): the first row is kept", "9"),
        (8, "expected 4 fields, found 2", None),
    ]
    assert rows_of(lake, "silver", "t_quarantine", "_raw")[-1] == ("6,7",)


def test_silver_is_made_again_only_when_something_changed(lake: Lake, load: Load) -> None:
    load(b"a\n1\n")
    assert refine(lake, "t", Contract("t"), "r").skipped is False
    before = versions(lake)
    again = refine(lake, "t", Contract("t"), "r")
    assert (again.skipped, again.rows_out, versions(lake)) == (True, 1, before)
    assert refine(lake, "t", parse_contract("nulls: ['1']", "t", "t.yaml"), "r").skipped is False
    load(b"a\n2\n")
    assert refine(lake, "t", parse_contract("nulls: ['1']", "t", "t.yaml"), "r").rows_out == 2


def test_a_contract_tells_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    with pytest.raises(DataLabError) as caught:
        parse_contract("colums: {}\nkeep: some\ncolumns: {a: {type: int, regex: '('}}", "t", "t.yaml")
    for part in ("colums: unknown", "keep: expected first or last", "columns.a.type", "columns.a.regex"):
        assert part in caught.value.message


def test_a_bronze_table_that_people_wrote_is_left_alone(
    lake: Lake, load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(b"a\n1\n")
    write_deltalake(f"{lake.settings.root}/bronze/own", pa.table({"value": [1, 2]}))
    done = run_all(lake, tmp_path)
    assert [each.table for each in done.silver] == ["t"]
    assert "bronze.own was not loaded from files (it has no _content_hash): left alone" in caplog.text
    with pytest.raises(DataLabError, match=r"bronze\.own has no column _content_hash") as refused:
        refine_silver(lake, tmp_path, "own", "r", Outcome())
    assert refused.value.code == "E_TABLE_NOT_INGESTED"


def test_stale_rows_are_told(lake: Lake, load: Load) -> None:
    load(b"at\n2020-01-01T00:00:00Z\n")
    contract = parse_contract("freshness: {column: at, max_age: 2d}", "t", "t.yaml")
    assert refine(lake, "t", contract, "r").warnings[0].startswith("stale: the newest at")


def test_flights_from_file_to_gold(lake: Lake, flights_csv: Path, medallion: Path) -> None:
    land(lake, flights_csv, "flights")
    done = run_all(lake, medallion)
    assert done.problems == []
    sizes = {f"{t.layer}.{t.name}": t.rows for t in lake.list_tables()}
    assert sizes["bronze.flights"] == 336_776
    assert sizes["silver.flights"] + sizes["silver.flights_quarantine"] == 336_776
    assert [m["layer"] for m in duck.query(lake, "SELECT * FROM gold.metrics")].count("gold") == 3

    # The same SQL, run on the CSV itself.
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; CREATE SCHEMA silver")
    con.execute(f"CREATE TABLE silver.flights AS SELECT * FROM read_csv('{flights_csv}', nullstr='NA')")
    for definition in gold.definitions(medallion / "gold"):
        wanted = con.sql(definition.sql).to_arrow_table().to_pylist()
        found = lake.require("gold", definition.name).to_pyarrow_table().to_pylist()
        assert found == wanted, definition.name
        assert found

    before = versions(lake)
    again = run_all(lake, medallion, "r2")
    assert again.metrics == [] and versions(lake) == before


def test_equal_input_gives_equal_gold(tmp_path: Path, flights_csv: Path, medallion: Path) -> None:
    from datalab.settings import Settings

    answers = []
    for n in (1, 2):
        lake = Settings.from_env(
            {"DATALAB_LAKE_ROOT": str(tmp_path / str(n)), "DATALAB_THREADS": str(n)}
        ).lake()
        head = tmp_path / f"{n}.csv"
        head.write_bytes(b"".join(flights_csv.read_bytes().splitlines(keepends=True)[:50_000]))
        land(lake, head, "flights")
        run_all(lake, medallion)
        answers.append(
            [lake.require("gold", g.name).to_pyarrow_table() for g in gold.definitions(medallion / "gold")]
        )
    assert answers[0] == answers[1]


def test_a_file_that_cannot_be_read_is_set_aside_and_the_others_load(lake: Lake, tmp_path: Path) -> None:
    for name, body in (("bad.csv", bytes(4000)), ("good.csv", b"a\n1\n")):
        (tmp_path / name).write_bytes(body)
        land(lake, tmp_path / name, "t")
    done = load_bronze(lake, tmp_path, None, None, "r")
    assert [file.file for file in done.files] == ["good.csv"]
    assert "bad.csv" in done.problems[0]
    assert [file.file for file in landed(lake, "t")] == ["good.csv"]
    assert load_bronze(lake, tmp_path, None, None, "r").problems == []


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 1", "E_GOLD_INVALID"),
        ("SELECT * FROM silver.t; SELECT 2", "E_SQL_INVALID"),
        ("DELETE FROM silver.t", "E_SQL_NOT_A_QUERY"),
        ("SELECT * FROM gold.metrics", "E_GOLD_INVALID"),
        ("SELECT FROM WHERE", "E_SQL_INVALID"),
    ],
)
def test_gold_sql_that_cannot_be_a_table_is_refused(tmp_path: Path, sql: str, code: str) -> None:
    (tmp_path / "x.sql").write_text(sql)
    with pytest.raises(DataLabError) as caught:
        gold.definitions(tmp_path)
    assert caught.value.code == code and "x.sql" in caught.value.message


def test_gold_waits_for_its_tables_and_reads_gold_in_order(lake: Lake, load: Load, tmp_path: Path) -> None:
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "a.sql").write_text("SELECT count(*) AS n FROM gold.b")
    (tmp_path / "gold" / "b.sql").write_text("SELECT v FROM silver.t")
    (tmp_path / "gold" / "c.sql").write_text("SELECT v FROM silver.other")
    load(b"v\n1\n2\n")
    done = Outcome()
    refine_silver(lake, tmp_path, None, "r", done)
    build_gold(lake, tmp_path, "r", done)
    assert [(g.table, g.state) for g in done.gold] == [("b", "built"), ("c", "waiting"), ("a", "built")]
    assert list(duck.query(lake, "SELECT n FROM gold.a")) == [{"n": 2}]


WRITER = """
import sys, time
sys.path.insert(0, {lib!r})
import pyarrow as pa
from datalab.settings import Settings
lake = Settings.from_env({{"DATALAB_LAKE_ROOT": {root!r}}}).lake()
batch = pa.record_batch({{"v": pa.array(["x" * 1000] * 1000)}})
def batches():
    for n in range(1000):
        print(n, flush=True)
        yield batch
        time.sleep(0.002)
rows = pa.RecordBatchReader.from_batches(batch.schema, batches())
lake.write("bronze", "t", rows, {mode!r}, {{}}, lake.table("bronze", "t"))
"""


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_writer_that_is_killed_changes_nothing_for_readers(lake: Lake, mode: str) -> None:
    lake.write("bronze", "t", pa.table({"v": ["before"]}), "append", {}, None)
    script = WRITER.format(lib=str(HERE.parent), root=lake.settings.root, mode=mode)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < 300:
            pass
        os.kill(writer.pid, signal.SIGKILL)
    table = lake.require("bronze", "t")
    assert (table.version(), table.to_pyarrow_table().to_pylist()) == (0, [{"v": "before"}])
    assert lake.write("bronze", "t", pa.table({"v": ["after"]}), "append", {}, table) == 1


def test_a_large_file_takes_little_memory(lake: Lake, tmp_path: Path) -> None:
    """400 MB of CSV in a process that may use 1 GiB of it all, imports included."""
    big = tmp_path / "big.csv"
    line = b'12345,some text that is here,67.89,"quoted, text",2026-01-01,x\n'
    with big.open("wb") as out:
        out.write(b"a,b,c,d,e,f\n")
        for _ in range(64):
            out.write(line * 100_000)
    key = land(lake, big, "t").key
    script = (
        f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\n"
        "from datalab.settings import Settings\n"
        "from datalab.layers.landing import parse_key\n"
        "from datalab.layers.bronze import ingest\n"
        f"lake = Settings.from_env({{'DATALAB_LAKE_ROOT': {lake.settings.root!r}}}).lake()\n"
        f"rows = ingest(lake, parse_key({key!r})).rows\n"
        # Of this program alone: ru_maxrss begins with what the process had before it became the program.
        "status = open('/proc/self/status').read()\n"
        "print(rows, int(status.split('VmHWM:')[1].split()[0]) // 1024)\n"
    )
    started = time.monotonic()
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rows, peak = map(int, answer.stdout.split())
    print(f"{big.stat().st_size / 1e6:.0f} MB: {time.monotonic() - started:.1f} s, peak {peak} MiB")
    assert rows == 6_400_000
    assert peak < 1024


def test_a_file_whose_rows_are_gone_is_loaded_again_when_somebody_asks_for_it(
    lake: Lake, tmp_path: Path
) -> None:
    files = []
    for name, body in (("a.csv", b"id\n1\n2\n"), ("b.csv", b"id\n3\n4\n"), ("none.csv", b"id\n")):
        (tmp_path / name).write_bytes(body)
        files.append(land(lake, tmp_path / name, "bills"))
    a, b, none = files
    for file in files:
        assert not ingest(lake, file, asked_for=True).skipped
    lake.require("bronze", "bills").restore(0)
    # A run that looks for new files does not bring back what somebody has removed.
    assert ingest(lake, b).skipped
    again = ingest(lake, b, asked_for=True)
    assert (again.skipped, again.rows) == (False, 2)
    assert sorted(rows_of(lake, "bronze", "bills", "id")) == [("1",), ("2",), ("3",), ("4",)]
    assert ingest(lake, a, asked_for=True).skipped and ingest(lake, b, asked_for=True).skipped
    lake.require("bronze", "bills").delete("id in ('3', '4')")
    assert not ingest(lake, b, asked_for=True).skipped
    assert ingest(lake, b, asked_for=True).skipped
    assert ingest(lake, none, asked_for=True).skipped
    assert sorted(rows_of(lake, "bronze", "bills", "id")) == [("1",), ("2",), ("3",), ("4",)]
