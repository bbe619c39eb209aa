"""The lake tool: JSON on stdout, words on stderr, and SQL that reaches nothing but the lake."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HERE, Load

from datalab import duck, lake_cli
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers.landing import land
from datalab.layers.quality import Contract
from datalab.layers.silver import refine
from datalab.report import Report, render


@pytest.fixture
def tool(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))

    def run(*arguments: str, stdin: str = "") -> tuple[int, object]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = lake_cli.main(list(arguments))
        return code, json.loads(capsys.readouterr().out)

    return run


def test_tables_are_listed(tool, load: Load) -> None:
    assert tool("list-tables") == (0, [])
    load(b"a,b\n1,2\n3,4\n")
    code, (table,) = tool("list-tables", "--layer", "bronze")
    assert code == 0
    assert {**table, "bytes": 0, "updated": ""} == {
        "layer": "bronze", "name": "t", "rows": 2, "columns": 9, "version": 0, "bytes": 0, "updated": "",
    }  # fmt: skip
    assert table["bytes"] > 0 and table["updated"].endswith("Z")


def test_a_table_is_shown(tool, lake: Lake, load: Load) -> None:
    load(b"a,at\n1,2026-01-01\n")
    refine(lake, "t", Contract("t"), "r")
    code, shown = tool("show", "silver.t", "--limit", "1")
    assert code == 0
    assert shown["columns"][:2] == [{"name": "a", "type": "bigint"}, {"name": "at", "type": "date"}]
    assert shown["history"][0] | {"timestamp": ""} == {
        "version": 0, "timestamp": "", "operation": "WRITE", "rows": 1,
    }  # fmt: skip
    assert shown["sample"][0]["a"] == 1 and shown["sample"][0]["at"] == "2026-01-01"


def test_a_query_answers_rows(tool, lake: Lake, load: Load) -> None:
    load(b"a,since\n1,2026-01-01 10:00:00\n2,\n")
    refine(lake, "t", Contract("t"), "r")
    sql = "SELECT a, since, a / 4 AS q, a, 9007199254740993 AS big, [1, 2] AS l FROM silver.t ORDER BY a"
    assert tool("query", stdin=sql + ";") == (
        0,
        [
            {
                "a": 1,
                "since": "2026-01-01T10:00:00",
                "q": 0.25,
                "a_2": 1,
                "big": 9007199254740993,
                "l": [1, 2],
            },
            {"a": 2, "since": None, "q": 0.5, "a_2": 2, "big": 9007199254740993, "l": [1, 2]},
        ],
    )
    assert tool("query", stdin="SELECT a FROM silver.t WHERE a > 5") == (0, [])


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM silver.tt", "E_NO_TABLE"),
        ("SELECT * FROM read_text('/etc/hostname')", "E_QUERY_FORBIDDEN"),
        ("SELECT * FROM '/etc/passwd'", "E_SQL_INVALID"),
        ("SELECT * FROM lake", "E_SQL_INVALID"),
        ("COPY (SELECT 1) TO '/tmp/x'", "E_SQL_NOT_A_QUERY"),
        ("SET memory_limit = '100GB'", "E_SQL_NOT_A_QUERY"),
        ("SELECT 1; SELECT 2", "E_SQL_INVALID"),
        ("DROP TABLE silver.t", "E_SQL_NOT_A_QUERY"),
        ("SELEC 1", "E_SQL_INVALID"),
        ("", "E_USAGE"),
        ("SELECT 1 / 'x'", "E_SQL_INVALID"),
    ],
)
def test_sql_that_is_no_query_of_the_lake_is_refused(tool, load: Load, sql: str, code: str) -> None:
    load(b"a\n1\n")
    exit_code, answer = tool("query", stdin=sql)
    assert (exit_code, answer["error"]["code"]) == (2 if code == "E_USAGE" else 1, code)
    assert answer["error"]["message"] and answer["error"]["hint"]


def test_an_endless_query_is_ended(lake: Lake) -> None:
    with pytest.raises(DataLabError) as caught:
        list(duck.query(lake, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b", 0.3))
    assert caught.value.code == "E_QUERY_TIMEOUT"


def test_ingest_answers_and_refuses(tool, lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(b"a;b\n1;2\n3\n")
    landed = land(lake, file, "t")
    wanted = {
        "table": "t", "file": "f.csv", "hash": landed.hash,
        "rows": 2, "malformed": 1, "skipped": False, "version": 0,
    }  # fmt: skip
    assert tool("ingest", "--table", "t", "--key", landed.key) == (0, wanted)
    assert tool("ingest", "--table", "t", "--key", landed.key)[1]["skipped"] is True
    assert tool("ingest", "--table", "u", "--key", landed.key)[0] == 2
    code, answer = tool("ingest", "--table", "t", "--key", f"_landing/t/{'0' * 64}/gone.csv")
    assert (code, answer["error"]["code"]) == (1, "E_NO_OBJECT")
    file.write_bytes(b"changed")
    Path(lake.path("bronze", landed.key)).write_bytes(b"changed")
    broken = land(lake, file, "t")
    Path(lake.path("bronze", broken.key)).write_bytes(b"changed again")
    code, answer = tool("ingest", "--table", "t", "--key", broken.key)
    assert (code, answer["error"]["code"]) == (1, "E_FILE_DAMAGED")


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["show"], ["show", "flights"], ["list-tables", "--layer", "x"]]
)
def test_wrong_usage_is_told_as_json(tool, arguments: list[str]) -> None:
    code, answer = tool(*arguments)
    assert (code, answer["error"]["code"]) == (2, "E_USAGE")


def test_the_tool_starts_without_prefect() -> None:
    modules = "sys, datalab.lake_cli, datalab.layers.bronze, datalab.duck"
    script = f"import {modules}; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=HERE.parent, check=False).returncode == 0


def test_the_report_escapes_what_it_shows() -> None:
    page = render(Report("p", "<script>x</script>", "run", "dev", problems=["a & b"]))
    assert "<script>" not in page and "a &amp; b" in page
