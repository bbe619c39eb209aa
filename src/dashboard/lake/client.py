"""Asks the lake process: starts it when somebody asks, ends it when nobody has for a while."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from backends.fetch import Question, Unavailable, ask

#: Seconds without a question after which the process ends and its memory is free again.
IDLE = 90.0
QUERY_SECONDS = 20
QUERY_ROWS = 1000
#: The process that serves pages holds no more of an answer than this.
ANSWER_BYTES = 64 << 20
WORKER = Path(__file__).with_name("worker.py")


class QueryFailed(Unavailable):
    """The lake refused or failed; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class LakeProcess:
    """One process that answers one question at a time."""

    def __init__(self, command: list[str], idle: float = IDLE) -> None:
        self._command = command
        self._idle = idle
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._used = 0.0
        self._count = 0

    def ask(self, question: dict[str, Any], seconds: float) -> Any:
        """The answer; the process is ended when it takes longer than `seconds`."""
        if not self._turn.acquire(timeout=seconds):
            raise Unavailable("it is busy with other queries; try again in a moment")
        try:
            return self._ask(question, seconds)
        finally:
            self._used = time.monotonic()
            self._turn.release()

    def _ask(self, question: dict[str, Any], seconds: float) -> Any:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        self._count += 1
        line = json.dumps({**question, "id": self._count}) + "\n"
        try:
            process.stdin.write(line.encode())
            process.stdin.flush()
            said = _read_line(process, time.monotonic() + seconds)
        except (BrokenPipeError, ValueError):
            said = None
        except QueryFailed:
            self.stop()
            raise
        if said is None:
            code = process.poll()
            self.stop()
            if code is None:
                raise QueryFailed(f"it took longer than {seconds:g} s and was stopped", "ask for less")
            if code > 0:
                raise QueryFailed(
                    f"the process that reads the lake ended with exit code {code}",
                    "./datalab services logs dashboard says why",
                )
            raise QueryFailed(
                "it needs more memory than it may take, and its process was ended",
                "aggregate or filter more; ./datalab data query has more memory",
            )
        answer = json.loads(said)
        if "error" in answer:
            raise QueryFailed(str(answer["error"]), str(answer.get("hint", "")))
        return answer["ok"]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own file
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=_environment()
            )
            self._used = time.monotonic()
            threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
        return self._process

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            time.sleep(min(5.0, self._idle))
            if time.monotonic() - self._used < self._idle or not self._turn.acquire(blocking=False):
                continue
            try:
                if time.monotonic() - self._used >= self._idle and process is self._process:
                    self.stop()
            finally:
                self._turn.release()

    def stop(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _read_line(process: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """A line of output; None when the time is over or the process has ended."""
    assert process.stdout is not None
    pieces: list[bytes] = []
    size = 0
    descriptor = process.stdout.fileno()
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            return None
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            process.wait()
            return None
        pieces.append(piece)
        size += len(piece)
        if size > ANSWER_BYTES:
            raise QueryFailed(f"its answer is larger than {ANSWER_BYTES >> 20} MiB", "ask for less")
        if piece.endswith(b"\n"):
            return b"".join(pieces)
    return None


def _environment() -> dict[str, str]:
    """DuckDB gets a part of the container's memory."""
    return {"DATALAB_DUCKDB_MEMORY": "192MB", "DATALAB_THREADS": "1", **os.environ}


_process = LakeProcess([sys.executable, str(WORKER)])


def tables(ttl: float = 15) -> Question:
    """Every table with rows, size, version and when it was written."""
    return ask(("lake", "tables"), lambda: _process.ask({"op": "tables"}, 20), ttl)


def quality() -> Question:
    """What runs have written, from gold.metrics."""
    return ask(("lake", "quality"), lambda: _process.ask({"op": "quality"}, 20), 30)


def table(layer: str, name: str, version: int) -> Question:
    """One table's columns, history and first rows. A version never changes: asked once for each."""
    question = {"op": "table", "layer": layer, "name": name, "rows": 50}
    return ask(("lake", "table", layer, name, version), lambda: _process.ask(question, 20), 300)


def query(sql: str) -> dict[str, Any]:
    """The first rows of a SELECT; raises QueryFailed."""
    question = {"op": "query", "sql": sql, "rows": QUERY_ROWS, "seconds": QUERY_SECONDS}
    return _process.ask(question, QUERY_SECONDS + 5)
