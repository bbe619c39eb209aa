"""Reads files that were damaged at random, in a process of its own: a crash there is an answer, too.

python mutants.py KIND COUNT SEED    prints a JSON list of what went wrong
"""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import signal
import sys
import traceback
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import openpyxl
import pyarrow as pa
from pyarrow import parquet

from datalab.errors import DataLabError
from datalab.formats.open_source import open_source, opened
from datalab.formats.sniff import inspect
from datalab.formats.source import Declared
from datalab.layers.contract_check import check_contract
from datalab.layers.quality import parse_contract

LIMIT = 1 << 20
SECONDS = 5
# Of address space: what Arrow and DuckDB reserve before anything is read is 2 GB of it.
MEMORY = 6 << 30

CSV = 'id,name,when\n1,"Zoë, \n""x""",2024-01-02\n2,,2024-01-03 04:05:06\n3,b;c,\n'.encode()
JSON = '{"id": 1, "name": "Zoë", "tags": [1, {"a": null}]}\n{"id": 2.50}\n{"name": "\\u0041"}\n'.encode()
ARRAY = b"[" + JSON.replace(b"\n", b",\n").rstrip(b",\n") + b"]"
YAML = b"""\
table: t
source: { format: csv, delimiter: ";", skip: 1, footer: 2 }
nulls: ["", NA]
columns:
  id: { type: bigint, required: true, min: 1, max: 10, format: { thousands: "," } }
  name: { type: varchar, regex: "^[A-Z]+$", allowed: [A, "NO"] }
  when: { type: date, min: 2024-01-01, format: "%d.%m.%Y" }
  part: { type: "decimal(9,2)", max: 1.5 }
keys: [id]
freshness: { column: when, max_age: 2d }
"""
PIECES = [
    b"\0",
    b"\r",
    b"\n",
    b'"',
    b'""',
    b",",
    b";",
    b"\t",
    b"{",
    b"[",
    b"]}",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
]
PIECES += [
    b"\\u0000",
    b"\\ud800",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"!!python/object:os.system",
    b"|\n",
    b"%",
    b"'",
]
PIECES += [b"9" * 40, b"-0", b"NaN", b"1e999", b"0000-00-00", "\u202e\u0000é".encode(), b"<<: ", b"\x1b[31m"]


def parquet_file() -> bytes:
    out = io.BytesIO()
    table = pa.table({"id": [1, 2, 3], "name": ["a", None, "c"], "parts": [[1], [], None]})
    parquet.write_table(table, out)
    return out.getvalue()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (("id", "name"), (1, "a"), (2.5, None)):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", CSV)
    return out.getvalue()


SEEDS = {
    "csv": ("t.csv", lambda: CSV),
    "json": ("t.jsonl", lambda: JSON),
    "array": ("t.json", lambda: ARRAY),
    "parquet": ("t.parquet", parquet_file),
    "yaml": ("t.yaml", lambda: YAML),
    "gz": ("t.csv.gz", lambda: gzip.compress(CSV)),
    "zip": ("t.zip", zipped),
    "xlsx": ("t.xlsx", workbook),
}


def mutate(body: bytes, random_: random.Random) -> bytes:
    """The bytes with one to four kinds of damage."""
    found = bytearray(body)
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(found) + 1)
        match random_.randrange(6):
            case 0 if found:
                found[at % len(found)] = random_.randrange(256)
            case 1 if found:
                found[at % len(found)] ^= 1 << random_.randrange(8)
            case 2:
                del found[at : at + random_.randint(1, 20)]
            case 3:
                found[at:at] = random_.choice(PIECES)
            case 4:
                found[at:at] = found[at : at + random_.randint(1, 60)] * random_.randint(1, 30)
            case _:
                del found[at:]
    return bytes(found)


def read(name: str, body: bytes) -> None:
    """What an ingest does with a file, but for the table; every row is looked at."""
    if name.endswith(".yaml"):
        check_contract(parse_contract(body.decode(), "t", name))
        return
    with opened(pa.BufferReader(body), name, Declared()) as (stream, inner, declared):
        profile = inspect(stream, inner, LIMIT, declared.encoding, declared.format)
        source = open_source(stream, profile, inner, declared, LIMIT)
        for batch in source.batches():
            batch.validate(full=True)
            assert batch.schema.names[-2:] == ["_raw", "_problem"]


def out_of_time(*_: object) -> None:
    raise TimeoutError(f"took more than {SECONDS} s")


def main(kind: str, count: int, seed: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, out_of_time)
    name, make = SEEDS[kind]
    body, random_ = make(), random.Random(seed)  # noqa: S311
    wrong = []
    for number in range(count):
        mutant = mutate(body, random_)
        signal.alarm(SECONDS)
        try:
            read(name, mutant)
        except DataLabError as error:
            if error.code == "E_UNEXPECTED":
                wrong.append([number, repr(mutant), str(error)])
        except UnicodeDecodeError:
            # A contract is read as text before it comes here.
            if kind != "yaml":
                wrong.append([number, repr(mutant), traceback.format_exc()])
        except BaseException:  # noqa: BLE001
            wrong.append([number, repr(mutant), traceback.format_exc()])
        finally:
            signal.alarm(0)
    json.dump(wrong, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
