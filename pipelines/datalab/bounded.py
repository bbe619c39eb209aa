"""SQL that a person wrote: in a process that the kernel bounds, with a result bounded in bytes and time.

DuckDB's memory_limit is what its buffers may take. A value such as repeat('x', 1000000) for each row of a
vector is outside of it. The kernel refuses more than RLIMIT_DATA, to threads and libraries alike. (RLIMIT_AS
is of no use: allocators reserve gigabytes of addresses that they never touch.)
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from datalab import scratch
from datalab.errors import DataLabError, from_dict

# What Python, Arrow and delta-rs take beside DuckDB's buffers: measured 280 MiB, in 480 MiB of data.
BESIDE = 448 << 20
# Of an answer as JSON; whoever wants more reads the table itself.
RESULT_BYTES = 64 << 20
# After the time limit, DuckDB has so long to stop by itself.
GRACE_SECONDS = 5.0
UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
BINARY = {"KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40}

LESS = "aggregate or filter more, or give it more memory: DATALAB_DUCKDB_MEMORY and the service's limit"


def data_limit(memory: str) -> int:
    """Bytes of data of a process whose DuckDB may take `memory`."""
    match = re.match(r"^\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*$", memory.upper())
    if match is None:
        raise DataLabError(
            "E_SETTINGS_INVALID",
            f'DATALAB_DUCKDB_MEMORY: expected a size such as "640MB", received "{memory}"',
            "correct it, or unset it",
        )
    return int(float(match[1]) * {**UNITS, **BINARY}[match[2]]) + BESIDE


def limit_this_process(memory: str) -> None:
    """For the rest of its life. If the machine's memory ends before, this process is killed and no other.

    Before Arrow is loaded: its own allocator begins by taking 1 GiB of data, most of which it never touches.
    """
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    size = data_limit(memory)
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


@contextmanager
def more_by_at_most(memory: str) -> Iterator[None]:
    """What this process takes meanwhile, on top of what it has: for SQL beside other work of its own."""
    import pyarrow as pa

    pa.allocate_buffer(1)  # what Arrow's allocator takes in advance is none of the query's
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _data_now() + data_limit(memory)
    if soft != resource.RLIM_INFINITY:
        wanted = min(wanted, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_now() -> int:
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))


@contextmanager
def turn(seconds: float) -> Iterator[float]:
    """Queries of one machine take turns; gives the seconds that are left. Their memory is not added up."""
    deadline = time.monotonic() + seconds
    with (scratch.root() / "query.turn").open("w") as lock:
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise DataLabError(
                        "E_QUERY_TIMEOUT",
                        f"other queries were at work for {seconds:g} s",
                        "try again, or pass a higher --timeout",
                        permanent=False,
                    ) from None
                if not told:
                    print("waits for another query", file=sys.stderr, flush=True)
                    told = True
                time.sleep(0.1)
            else:
                break
        yield max(1.0, deadline - time.monotonic())


def query_json(sql: str, memory: str, seconds: float, most: int = RESULT_BYTES) -> bytes:
    """The rows of a SELECT over the lake of the environment, as one JSON array; its process is gone then."""
    data_limit(memory)  # a wrong setting is told before anything is started
    ours, theirs = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "datalab.query_process", str(theirs)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[theirs],
        # Wherever this process was started, the child finds the same library.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
    )
    os.close(theirs)
    told = b""
    try:
        assert process.stdin is not None and process.stdout is not None
        request = {"sql": sql, "seconds": seconds, "memory": memory}
        with suppress(BrokenPipeError):
            # It stays open: when this process ends, the child sees it and ends, too.
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        body = _read(process.stdout.fileno(), time.monotonic() + seconds + GRACE_SECONDS, seconds, most)
        with os.fdopen(ours, "rb", closefd=False) as pipe:
            told = pipe.read()
        code = process.wait()
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
    if told:
        raise from_dict(json.loads(told))
    if code != 0:
        raise out_of_memory(memory, code)
    return body


def out_of_memory(memory: str, code: int) -> DataLabError:
    """The error for a process that ended without a word: what an allocation that is refused ends in."""
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    size = data_limit(memory) >> 20
    return DataLabError(
        "E_QUERY_MEMORY", f"the query needs more than its {size} MiB: its process ended with {how}", LESS
    )


def _read(descriptor: int, deadline: float, seconds: float, most: int) -> bytes:
    pieces, size = [], 0
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        piece = os.read(descriptor, 1 << 20)
        if not piece:
            return b"".join(pieces)
        size += len(piece)
        if size > most:
            raise too_large(most)
        pieces.append(piece)
    raise DataLabError(
        "E_QUERY_TIMEOUT", f"the query took longer than {seconds:g} s and was killed", "narrow it"
    )


def too_large(most: int) -> DataLabError:
    """The error for an answer that has more bytes than may be handed over."""
    return DataLabError(
        "E_QUERY_RESULT",
        f"the result is larger than {most / 2**20:g} MiB",
        "aggregate, LIMIT or name fewer columns; a pipeline or a notebook reads whole tables",
    )


def end_with(descriptor: int) -> None:
    """End this process when whoever holds the other end of a pipe has ended."""

    def watch() -> None:
        while os.read(descriptor, 1 << 16):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
