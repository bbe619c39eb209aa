"""The tool ends when whoever asked for its work is gone: seen from outside, in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import HERE, Load

from datalab import scratch
from datalab.lake import Lake
from datalab.layers.landing import land

ENDLESS = "SELECT sum(a.range * b.range) AS s FROM range(10000000) a, range(1000000) b"
TOOL = [sys.executable, "-m", "datalab.lake_cli"]


@pytest.fixture
def start(lake: Lake, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    env = {**os.environ, "DATALAB_LAKE_ROOT": str(lake.settings.root), "PYTHONPATH": str(HERE.parent),
           scratch.ROOT: str(tmp_path / "scratch"), "DATALAB_DUCKDB_MEMORY": "192MB"}  # fmt: skip

    def run(command: list[str], request: str) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=env, cwd=tmp_path, **pipes)  # type: ignore[call-overload]
        started.append(process)
        process.stdin.write(request.encode())
        process.stdin.flush()
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def burnt(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_query_ends_with_its_stdin_and_so_does_its_process(start) -> None:
    process = start([*TOOL, "--attended", "query"], json.dumps({"sql": ENDLESS}) + "\n")
    eventually(lambda: any(burnt(child) > 1.5 for child in children(process.pid)))
    (child,) = children(process.pid)
    process.stdin.close()
    assert process.wait(20) == 130
    assert json.loads(process.stdout.read()) == {
        "error": {"code": "E_INTERRUPTED", "message": "Interrupted. Nothing was changed.", "hint": ""}
    }
    eventually(lambda: not alive(child), 20)


def test_an_ingest_ends_with_its_stdin_before_it_commits(start, lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(b"a\n1\n")
    key = land(lake, file, "t").key
    # The commit is held back until a file is there, which never comes.
    script = (
        "import sys, time, pathlib\n"
        "from datalab import lake, lake_cli\n"
        "write = lake.Lake.write\n"
        "def held(*arguments, **named):\n"
        "    pathlib.Path('begun').touch()\n"
        "    while not pathlib.Path('go').exists(): time.sleep(0.02)\n"
        "    return write(*arguments, **named)\n"
        "lake.Lake.write = held\n"
        "sys.exit(lake_cli.main(sys.argv[1:]))\n"
    )
    arguments = ["--attended", "ingest", "--table", "t", "--key", key]
    process = start([sys.executable, "-c", script, *arguments], "{}\n")
    eventually((tmp_path / "begun").exists)
    process.stdin.close()
    assert process.wait(20) == 130
    (tmp_path / "go").touch()
    error = json.loads(process.stdout.read())["error"]
    assert error["code"] == "E_INTERRUPTED"
    assert "the whole file or nothing of it" in error["message"]
    assert lake.table("bronze", "t") is None
    # And as long as stdin is open, the same command loads it.
    again = start([sys.executable, "-c", script, *arguments], "{}\n")
    assert again.wait(60) == 0
    assert json.loads(again.stdout.read())["rows"] == 1


def test_what_is_done_is_told_even_if_stdin_ends_then(start, load: Load) -> None:
    load(b"a\n1\n")
    process = start([*TOOL, "--attended", "query"], json.dumps({"sql": "SELECT a FROM bronze.t"}) + "\n")
    assert process.wait(60) == 0
    assert json.loads(process.stdout.read()) == [{"a": "1"}]


def test_without_a_request_nothing_is_done(start, lake: Lake) -> None:
    process = start([*TOOL, "--attended", "list-tables"], "")
    process.stdin.close()
    assert process.wait(60) == 130
    assert json.loads(process.stdout.read())["error"]["message"].startswith("Interrupted before it began.")
    wrong = start([*TOOL, "--attended", "list-tables"], "list\n")
    assert wrong.wait(60) == 2


def test_an_error_is_told_once(start, lake: Lake) -> None:
    process = start([*TOOL, "--attended", "show", "silver.x"], "{}\n")
    assert process.wait(60) == 1
    assert json.loads(process.stdout.read())["error"]["code"] == "E_NO_TABLE"
    assert process.stderr.read() == b""
