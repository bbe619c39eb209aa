"""The process of one query: `datalab.bounded` starts it. The request comes on stdin, rows go to stdout.

What is wrong goes, as JSON, to the descriptor that the only argument names: stdout may be half written then.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TextIO

from datalab import bounded
from datalab.errors import DataLabError


def main(failures: int) -> int:
    """Answer, and return the exit code."""
    request = json.loads(sys.stdin.readline())
    os.environ["DATALAB_DUCKDB_MEMORY"] = request["memory"]
    bounded.limit_this_process(request["memory"])
    bounded.end_with(sys.stdin.fileno())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints is no row.
    os.dup2(2, 1)
    try:
        try:
            _answer(request, out)
        except MemoryError as error:
            raise DataLabError(
                "E_QUERY_MEMORY", f"the query needs more than it may take: {error}", bounded.LESS
            ) from error
    except DataLabError as error:
        _tell(failures, error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        _tell(failures, DataLabError("E_UNEXPECTED", f"{type(error).__name__}: {error}", "report it"))
    return 0


def _tell(failures: int, error: DataLabError) -> None:
    # A pipe holds 64 KiB, and nobody reads before this process has ended.
    told = {**error.to_dict(), "message": error.message[:8000], "permanent": error.permanent}
    os.write(failures, json.dumps(told).encode())


def _answer(request: dict[str, object], out: TextIO) -> None:
    from datalab.duck import query
    from datalab.settings import Settings

    rows = iter(query(Settings.from_env().lake(), str(request["sql"]), float(str(request["seconds"]))))
    write = out.write
    row = next(rows, None)
    write("[")
    while row is not None:
        write(json.dumps(row, ensure_ascii=False))
        row = next(rows, None)
        write(",\n" if row is not None else "")
    write("]\n")
    out.flush()


if __name__ == "__main__":
    code = main(int(sys.argv[1]))
    sys.stderr.flush()
    # Threads of libraries that wait for memory do not hold it up.
    os._exit(code)
