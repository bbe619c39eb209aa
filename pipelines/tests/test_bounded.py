"""SQL that a person wrote: bounded by the kernel in memory, in bytes of its result, and in time."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import HERE, Load

from datalab import bounded, notebook, scratch
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers import gold

# Under a memory_limit of 192 MB this took 3.9 GB.
LARGE = "SELECT repeat('x', 1000000) AS x FROM range(100000)"
# What DuckDB counts itself, and would rather spill than refuse.
SORTED = "SELECT list(range ORDER BY hash(range)) AS l FROM range(50000000)"
ENDLESS = "SELECT sum(a.range * b.range) AS s FROM range(10000000) a, range(1000000) b"


@pytest.fixture(autouse=True)
def environment(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))
    monkeypatch.setenv("DATALAB_DUCKDB_MEMORY", "192MB")
    monkeypatch.setenv(scratch.ROOT, str(tmp_path / "scratch"))
    # Of this test, not of the one before it in this process.
    monkeypatch.setattr(scratch, "_mine", None)


def refused(sql: str, seconds: float = 60, most: int = bounded.RESULT_BYTES) -> DataLabError:
    with pytest.raises(DataLabError) as caught:
        bounded.query_json(sql, "192MB", seconds, most)
    return caught.value


@pytest.mark.parametrize("sql", [LARGE, SORTED], ids=["values", "a list"])
def test_a_query_that_takes_too_much_is_ended_at_its_limit_and_the_next_one_answers(
    load: Load, sql: str
) -> None:
    load(b"a\n1\n2\n")
    error = refused(sql)
    assert error.code == "E_QUERY_MEMORY" and error.permanent
    assert "DATALAB_DUCKDB_MEMORY" in error.hint
    assert bounded.query_json("SELECT count(*) AS n FROM bronze.t", "192MB", 60) == b'[{"n": 2}]\n'


def test_the_kernel_holds_the_limit() -> None:
    """Measured from outside, in a process that has no other children."""
    script = (
        f"import sys; sys.path[:0] = [{str(HERE.parent)!r}, {str(HERE)!r}]\n"
        "import resource\n"
        "from datalab import bounded\n"
        "from datalab.errors import DataLabError\n"
        "try:\n"
        f"    bounded.query_json({LARGE!r}, '192MB', 60)\n"
        "except DataLabError as error:\n"
        "    print(error.code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code, peak = said.stdout.split()
    assert code == "E_QUERY_MEMORY"
    assert int(peak) <= bounded.data_limit("192MB") >> 20


def test_the_process_has_the_limit_and_goes_before_others() -> None:
    """What the query's process says of itself is what the kernel holds it to."""
    script = (
        "from datalab import bounded\n"
        "bounded.limit_this_process('192MB')\n"
        "print(open('/proc/self/oom_score_adj').read())\n"
        "print([line for line in open('/proc/self/limits') if line.startswith('Max data size')][0])\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HERE.parent
    )
    score, limit = said.stdout.split("\n", 1)
    assert score == "1000"
    assert limit.split()[3:5] == [str((192_000_000) + bounded.BESIDE)] * 2


def test_a_result_is_bounded_in_bytes() -> None:
    error = refused("SELECT repeat('x', 1000) AS x FROM range(10000)", most=1 << 20)
    assert (error.code, error.message) == ("E_QUERY_RESULT", "the result is larger than 1 MiB")
    assert "LIMIT" in error.hint


def test_a_query_is_bounded_in_time() -> None:
    started = time.monotonic()
    assert refused(ENDLESS, seconds=1).code == "E_QUERY_TIMEOUT"
    assert time.monotonic() - started < 60


def test_a_process_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "GRACE_SECONDS", 0.0)
    error = refused(ENDLESS, seconds=0.2)
    assert error.code == "E_QUERY_TIMEOUT" and "was killed" in error.message


def test_words_of_the_process_come_through(load: Load) -> None:
    load(b"a\n1\n")
    error = refused("SELECT * FROM silver.tt")
    assert (error.code, error.message) == ("E_NO_TABLE", "there is no table silver.tt")
    assert refused("SELECT * FROM read_text('/etc/hostname')").code == "E_QUERY_FORBIDDEN"
    assert refused("SELEC 1").code == "E_SQL_INVALID"


def test_it_spills_where_it_is_cleaned_and_leaves_nothing(tmp_path: Path) -> None:
    sql = "SELECT count(*) AS n FROM (SELECT range FROM range(8000000) ORDER BY hash(range) OFFSET 1)"
    assert json.loads(bounded.query_json(sql, "64MB", 120)) == [{"n": 7_999_999}]
    assert refused(LARGE).code == "E_QUERY_MEMORY"
    scratch.sweep()
    own = scratch.folder()
    assert sorted(each.name for each in (tmp_path / "scratch").iterdir()) == sorted(
        [own.name, f"{own.name}.lock"]
    )


def test_queries_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    with bounded.turn(5):
        with pytest.raises(DataLabError) as caught, bounded.turn(0.3):
            pass
        assert (caught.value.code, caught.value.permanent) == ("E_QUERY_TIMEOUT", False)
    assert "waits for another query" in capsys.readouterr().err
    with bounded.turn(5) as left:
        assert 1 <= left <= 5


def test_a_gold_query_that_takes_too_much_fails_and_the_process_lives_on(
    lake: Lake, load: Load, tmp_path: Path
) -> None:
    from datalab.settings import Settings

    load(b"a\n1\n")
    small = Settings.from_env().lake()
    (tmp_path / "x.sql").write_text("SELECT repeat('x', 1000000) || a AS x FROM bronze.t, range(100000)")
    (definition,) = gold.definitions(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(DataLabError) as caught:
        gold.build(small, definition, "r")
    assert caught.value.code == "E_QUERY_MEMORY" and "gold/x.sql" in caught.value.message
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert lake.table("gold", "x") is None


def test_a_notebook_s_query_that_takes_too_much_fails_and_the_notebook_lives_on(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "need", lambda _: None)
    load(b"a\n1\n")
    with pytest.raises(DataLabError) as caught:
        notebook.sql("SELECT repeat('x', 1000000) || a AS x FROM bronze.t, range(100000)")
    assert caught.value.code == "E_QUERY_MEMORY"
    assert notebook.sql("SELECT a FROM bronze.t").to_pylist() == [{"a": "1"}]


def test_a_query_may_take_what_it_was_promised() -> None:
    """Lists, which DuckDB can't spill. Of a limit of 1.3 GB Arrow's allocator would take 1 GiB at once."""
    sql = "SELECT sum(len(l)) AS n FROM (SELECT list(range) AS l FROM range(10000000) GROUP BY range % 7)"
    assert json.loads(bounded.query_json(sql, "900MB", 120)) == [{"n": 10_000_000}]
    assert refused(sql.replace("10000000", "40000000")).code == "E_QUERY_MEMORY"


@pytest.mark.parametrize(
    ("memory", "size"),
    [("640MB", 640_000_000), ("1GiB", 1 << 30), ("512 mib", 512 << 20), ("1.5GB", 1_500_000_000)],
)
def test_sizes_are_duckdb_s(memory: str, size: int) -> None:
    assert bounded.data_limit(memory) == size + bounded.BESIDE


@pytest.mark.parametrize("memory", ["much", "80%", "-1GB", ""])
def test_a_size_that_is_none_is_told(memory: str) -> None:
    with pytest.raises(DataLabError, match="DATALAB_DUCKDB_MEMORY: expected a size") as caught:
        bounded.query_json("SELECT 1", memory, 5)
    assert caught.value.code == "E_SETTINGS_INVALID"
