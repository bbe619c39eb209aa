"""Answers questions about the lake: one JSON object a line in, one a line out. Ends when stdin does.

{"op": "tables"}
{"op": "table", "layer": "silver", "name": "flights", "rows": 50}
{"op": "quality"}
{"op": "query", "sql": "SELECT ...", "rows": 1000, "seconds": 20}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from datalab import bounded, scratch
from datalab.errors import DataLabError
from datalab.settings import Settings

if TYPE_CHECKING:
    from datalab.lake import Lake

#: A text longer than this is cut, and its answer says how many are: one value must not be all of an answer.
LONGEST = 100_000
#: Of the rows of an answer; what is more is cut, as rows beyond their number are.
BYTES = 8 << 20
MAX_SAFE = 2**53 - 1
QUARANTINE = "_quarantine"


def tables(lake: Lake, _: dict[str, Any]) -> list[dict[str, Any]]:
    """Every table that can be read, and those that can't with the reason."""
    return [asdict(each) for each in lake.list_tables()]


def table(lake: Lake, question: dict[str, Any]) -> dict[str, Any]:
    """One table: columns, history, partitions and first rows."""
    from datalab.delta_log import iso
    from datalab.duck import to_json

    layer, name = str(question["layer"]), str(question["name"])
    opened = lake.require(layer, name)
    info = lake.info(layer, name)
    count = int(question.get("rows", 50))
    head = opened.to_pyarrow_dataset().head(count, use_threads=False)
    cut = Cut()
    values = ({key: cut.short(to_json(value)) for key, value in row.items()} for row in head.to_pylist())
    history = [
        {
            "version": commit["version"],
            "at": iso(commit["timestamp"]),
            "operation": commit.get("operation", ""),
            "rows": _number((commit.get("operationMetrics") or {}).get("num_added_rows")),
            "files": _number((commit.get("operationMetrics") or {}).get("num_added_files")),
        }
        for commit in opened.history(30)
    ]
    return {
        "info": asdict(info) if info else None,
        "columns": [
            {"name": f.name, "type": _type_name(f.type), "nullable": f.nullable}
            for f in opened.schema().fields
        ],
        "history": history,
        "rows": _first(values, count)[0],
        "reasons": _reasons(lake, layer, name),
    }


def _reasons(lake: Lake, layer: str, name: str) -> list[dict[str, Any]]:
    """Why rows are in quarantine, the most frequent first."""
    beside = name if name.endswith(QUARANTINE) else name + QUARANTINE
    if layer != "silver" or lake.table(layer, beside) is None:
        return []
    return list(
        _rows(
            lake,
            f"SELECT _reasons AS reason, count(*) AS rows FROM silver.{beside} "
            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
            10,
        )
    )


def quality(lake: Lake, _: dict[str, Any]) -> list[dict[str, Any]]:
    """What runs have written into each table, newest first; empty before the first run."""
    if lake.table("gold", "metrics") is None:
        return []
    return list(_rows(lake, 'SELECT * FROM gold.metrics ORDER BY "at" DESC LIMIT 1000', 10))


def query(lake: Lake, question: dict[str, Any]) -> dict[str, Any]:
    """The first rows of one SELECT. DuckDB reaches the lake's tables and nothing else: see datalab.duck."""
    limit = int(question["rows"])
    began = time.perf_counter()
    cut = Cut()
    found = _rows(lake, str(question["sql"]), float(question["seconds"]), cut)
    rows, more = _first(found, limit)
    found.close()
    if more and not rows:
        raise bounded.too_large(BYTES)
    seconds = round(time.perf_counter() - began, 3)
    return {"rows": rows, "more": more, "cut": cut.values, "seconds": seconds}


def _first(found: Iterable[dict[str, Any]], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The first rows, as many as an answer may hold, and whether there are more."""
    rows: list[dict[str, Any]] = []
    size = 0
    for row in found:
        size += len(json.dumps(row, ensure_ascii=False))
        if len(rows) == limit or size > BYTES:
            return rows, True
        rows.append(row)
    return rows, False


def _rows(lake: Lake, sql: str, seconds: float, cut: Cut | None = None) -> Any:
    from datalab.duck import query as run

    short = (cut or Cut()).short

    def each() -> Iterator[dict[str, Any]]:
        rows = run(lake, sql, seconds)
        try:
            for row in rows:
                yield {key: short(value) for key, value in row.items()}
        finally:
            rows.close()  # type: ignore[attr-defined]

    return each()


class Cut:
    """Makes values fit into an answer, and counts those that lose something by it."""

    def __init__(self) -> None:
        self.values = 0

    def short(self, value: Any) -> Any:
        """A value that fits. A browser rounds integers beyond 2^53: these are texts."""
        if isinstance(value, dict | list):
            value = json.dumps(value, ensure_ascii=False)
        if isinstance(value, int) and abs(value) > MAX_SAFE:
            return str(value)
        if isinstance(value, str) and len(value) > LONGEST:
            self.values += 1
            return value[:LONGEST] + "…"
        return value


def _number(value: Any) -> int | None:
    return int(value) if value is not None else None


def _type_name(kind: Any) -> str:
    from datalab.lake_cli import _type_name as words

    return words(kind)


OPERATIONS: dict[str, Callable[[Lake, dict[str, Any]], Any]] = {
    "tables": tables,
    "table": table,
    "quality": quality,
    "query": query,
}


def answer(lake: Lake, question: dict[str, Any]) -> dict[str, Any]:
    """The answer to one question; a failure is an answer too."""
    try:
        return {"ok": OPERATIONS[question["op"]](lake, question)}
    except DataLabError as error:
        return {"error": error.message, "hint": error.hint or "", "code": error.code}
    except MemoryError as error:
        said = f"it needs more memory than it may take: {error}".strip(": ")
        return {"error": said, "hint": "aggregate or filter more", "code": "E_QUERY_MEMORY"}
    except Exception as error:  # noqa: BLE001 - one bad question must not end the process
        return {"error": f"{type(error).__name__}: {error}"[:500], "hint": "", "code": "E_UNEXPECTED"}


def main() -> None:
    """Answers until stdin ends."""
    settings = Settings.from_env()
    # If memory runs out this process goes, not the one that serves pages.
    bounded.limit_this_process(settings.memory)
    scratch.sweep()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints goes to the log, not into an answer.
    os.dup2(2, 1)
    lake = settings.lake()
    for line in sys.stdin:
        question = json.loads(line)
        out.write(json.dumps({"id": question.get("id"), **answer(lake, question)}, ensure_ascii=False) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
