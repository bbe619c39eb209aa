"""The lake tool: what the command line runs inside a container. JSON on stdout, words on stderr.

    python -m datalab.lake_cli list-tables [--layer silver]
    python -m datalab.lake_cli show silver.flights [--limit 20]
    echo 'SELECT count(*) FROM silver.flights' | python -m datalab.lake_cli query
    python -m datalab.lake_cli drop bronze.flights [--force] [--dry-run]
    python -m datalab.lake_cli ingest --table flights --key _landing/flights/<sha256>/flights.csv

With --attended, before the command, the first line of stdin is a JSON document ({"sql": ...} for a query),
and the tool ends when stdin does: signals do not reach a command inside a container, a closed stdin does.

Exit codes: 0 done, 1 failure, 2 usage, 130 stdin ended before. A failure prints {"error": {"code", "message",
"hint"}}; without --attended it is told on stderr, too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NoReturn

from datalab import attended
from datalab.errors import DataLabError
from datalab.lake_config import LAYERS
from datalab.settings import Settings

if TYPE_CHECKING:
    from datalab.formats.source import Declared
    from datalab.lake import Lake


# What a flag of the next `data ingest` mends: such a file is not set aside.
SAYABLE = ("E_FILE_DELIMITER", "E_FILE_ENCODING", "E_FILE_HEADER_UNSURE", "E_FILE_WORKBOOK")
# As in formats.source, which is not imported for a query.
FORMATS = ("csv", "json", "jsonl", "parquet", "xlsx")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise DataLabError("E_USAGE", message, f"{self.prog} --help")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = True
    try:
        args = _arguments().parse_args(argv)
        words = not args.attended
        args.request = attended.begin(args.told) if args.attended else None
        args.run(Settings.from_env().lake(), args)
    except DataLabError as error:
        return _fail(error, words)
    except BrokenPipeError:
        # Whoever read stopped reading: nothing is wrong here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the tool answers in JSON whatever happens
        import traceback

        traceback.print_exception(error, file=sys.stderr)
        return _fail(DataLabError("E_UNEXPECTED", f"{type(error).__name__}: {error}", "see stderr"), words)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m datalab.lake_cli", description="Look at and load the lake.")
    parser.add_argument("--attended", action="store_true", help="read a request from stdin, end when it ends")
    parser.set_defaults(told="Nothing was changed.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    listing = commands.add_parser("list-tables", help="every table with rows, columns, version, size")
    listing.add_argument("--layer", choices=LAYERS)
    listing.set_defaults(run=_list_tables)

    show = commands.add_parser("show", help="one table: columns, history, first rows")
    show.add_argument("table", metavar="LAYER.TABLE")
    show.add_argument("--limit", type=int, default=20, help="sample rows")
    show.set_defaults(run=_show)

    query = commands.add_parser("query", help="run the SELECT on stdin")
    query.add_argument("--timeout", type=float, default=300, help="seconds")
    query.set_defaults(run=_query)

    ingest = commands.add_parser("ingest", help="load a landed file into bronze")
    ingest.add_argument("--table", required=True)
    ingest.add_argument("--key", required=True, help="_landing/<table>/<sha256>/<file name>")
    ingest.add_argument("--format", choices=FORMATS)
    ingest.add_argument("--delimiter", help="one character, or the word tab")
    ingest.add_argument("--encoding", help="for example utf-8, cp1252, utf-16")
    ingest.add_argument("--no-header", action="store_true", help="the first line is data")
    ingest.add_argument("--skip", type=int, help="lines above the header, or above the first row")
    ingest.add_argument("--header-row", type=int, help="the line of the header, from 1")
    ingest.add_argument("--footer", type=int, help="rows at the end that are left out")
    ingest.add_argument("--sheet", help="of a workbook")
    ingest.set_defaults(
        run=_ingest,
        told="The table has the whole file or nothing of it. Loading it again is safe: no row is doubled.",
    )

    drop = commands.add_parser("drop", help="remove a table")
    drop.add_argument("table", metavar="LAYER.TABLE")
    drop.add_argument("--force", action="store_true", help="even if a pipeline owns it")
    drop.add_argument("--dry-run", action="store_true", help="say what would be removed")
    drop.set_defaults(run=_drop, told="The table may be removed in part: the same command removes the rest.")
    return parser


def _drop(lake: Lake, args: argparse.Namespace) -> None:
    from datalab.layers.drop import drop

    _print(asdict(drop(lake, args.table, force=args.force, dry_run=args.dry_run)))


def _list_tables(lake: Lake, args: argparse.Namespace) -> None:
    _print([asdict(info) for info in lake.list_tables(args.layer)])


def _show(lake: Lake, args: argparse.Namespace) -> None:
    from datalab.delta_log import iso
    from datalab.duck import to_json

    layer, _, name = args.table.lower().partition(".")
    if layer not in LAYERS or not name:
        raise DataLabError(
            "E_USAGE", f'"{args.table}" is no table', "layer.table, for example silver.flights"
        )
    table = lake.require(layer, name)
    info = lake.info(layer, name)
    assert info is not None
    sample = table.to_pyarrow_dataset().head(max(0, min(args.limit, 1000)), use_threads=False).to_pylist()
    history = []
    for commit in table.history(20):
        rows = (commit.get("operationMetrics") or {}).get("num_added_rows")
        entry = {
            "version": commit["version"],
            "timestamp": iso(commit["timestamp"]),
            "operation": commit.get("operation", ""),
        }
        history.append(entry if rows is None else {**entry, "rows": int(rows)})
    _print(
        {
            "layer": layer,
            "name": name,
            "version": info.version,
            "rows": info.rows,
            "bytes": info.bytes,
            "updated": info.updated,
            "columns": [{"name": f.name, "type": _type_name(f.type)} for f in table.schema().fields],
            "history": history,
            "sample": [{key: to_json(value) for key, value in row.items()} for row in sample],
        }
    )


def _type_name(kind: Any) -> str:
    """A column's type in DuckDB's words, as silver and the contracts use them."""
    name = kind.type if hasattr(kind, "type") and isinstance(kind.type, str) else str(kind)
    words = {
        "string": "varchar", "long": "bigint", "timestamp": "timestamptz", "timestamp_ntz": "timestamp",
        "short": "smallint", "byte": "tinyint", "binary": "blob",
    }  # fmt: skip
    return words.get(name, name)


def _query(lake: Lake, args: argparse.Namespace) -> None:
    from datalab import bounded, scratch

    sql = sys.stdin.read() if args.request is None else str(args.request.get("sql", ""))
    if not sql.strip():
        raise DataLabError("E_USAGE", "received no SQL on stdin", "echo 'SELECT 1' | ... query")
    scratch.sweep()
    # Runs are at work beside it: one query at a time, in a process that is killed at its limit.
    with bounded.turn(args.timeout) as left:
        body = bounded.query_json(sql, lake.settings.memory, left)
    attended.finish()
    sys.stdout.write(body.decode())
    sys.stdout.flush()


def _ingest(lake: Lake, args: argparse.Namespace) -> None:
    from datalab.layers.bronze import ingest
    from datalab.layers.landing import is_the_file_s, parse_key, reject

    file = parse_key(args.key)
    if file.table != args.table:
        raise DataLabError(
            "E_USAGE", f"the key belongs to the table {file.table}, not {args.table}", "check --key"
        )
    declared = _declared(lake, args)
    try:
        _print(asdict(ingest(lake, file, declared, asked_for=True)))
    except DataLabError as error:
        if is_the_file_s(error) and not error.code.startswith(SAYABLE):
            reject(lake, file, error)
        raise


def _declared(lake: Lake, args: argparse.Namespace) -> Declared:
    from datalab.layers.contract_check import check_contract
    from datalab.layers.quality import published_contract

    declared = check_contract(published_contract(lake, args.table)).source
    if args.format:
        declared = replace(declared, format=args.format)
    if args.delimiter:
        declared = replace(declared, delimiter="\t" if args.delimiter in ("tab", "\\t") else args.delimiter)
    if args.encoding:
        declared = replace(declared, encoding=args.encoding)
    if args.no_header:
        declared = replace(declared, header=False)
    if args.header_row is not None:
        if args.header_row < 1 or args.skip is not None or not declared.header:
            raise DataLabError(
                "E_USAGE", "--header-row is a line from 1 on, without --skip and --no-header", "leave one out"
            )
        declared = replace(declared, skip=args.header_row - 1)
    if (args.skip or 0) < 0 or (args.footer or 0) < 0:
        raise DataLabError("E_USAGE", "--skip and --footer are numbers of lines", "0 or more")
    if args.skip is not None:
        declared = replace(declared, skip=args.skip)
    if args.footer is not None:
        declared = replace(declared, footer=args.footer)
    if args.sheet is not None:
        declared = replace(declared, sheet=args.sheet)
    return declared


def _print(value: Any) -> None:
    attended.finish()
    json.dump(value, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def _fail(error: DataLabError, words: bool) -> int:
    if words:
        print(f"✖ {error.message}" + (f"\n  → {error.hint}" if error.hint else ""), file=sys.stderr)
    _print({"error": error.to_dict()})
    return {"E_USAGE": 2, "E_TABLE_OWNED": 2, "E_INTERRUPTED": attended.INTERRUPTED}.get(error.code, 1)


if __name__ == "__main__":
    sys.exit(main())
