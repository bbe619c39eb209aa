"""Landed files: where an upload waits until bronze has it, under the hash of its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from datalab.errors import DataLabError
from datalab.formats.sniff import file_hash
from datalab.lake import Lake, check_table_name

PREFIX = "_landing"
REJECTED = "_rejected"
KEY = re.compile(r"^_landing/(?P<table>[^/]+)/(?P<hash>[0-9a-f]{64})/(?P<file>[^/]+)$")


@dataclass(frozen=True)
class Landed:
    """A file in the landing zone."""

    key: str
    table: str
    hash: str
    file: str


def parse_key(key: str) -> Landed:
    """A landing key taken apart, or an error that says how one looks."""
    match = KEY.match(key)
    if match is None or match["file"] in (".", ".."):
        raise DataLabError(
            "E_LANDING_KEY", f'"{key}" is not a landing key', "_landing/<table>/<sha256>/<file name>"
        )
    return Landed(key, check_table_name(match["table"]), match["hash"], match["file"])


def landed(lake: Lake, table: str) -> list[Landed]:
    """The files landed for a table, oldest first, so that bronze gets them in the order they came."""
    from pyarrow.fs import FileSelector, FileType

    base = lake.path("bronze", f"{PREFIX}/{check_table_name(table)}")
    try:
        infos = lake.fs.get_file_info(FileSelector(base, recursive=True, allow_not_found=True))
    except OSError as error:
        raise lake.unreachable(error) from error
    root = lake.path("bronze", "")
    files = [i for i in infos if i.type == FileType.File and not i.base_name.endswith(".part")]
    files.sort(key=lambda i: (i.mtime_ns or 0, i.path))
    found = [i.path.removeprefix(root).lstrip("/") for i in files]
    return [parse_key(key) for key in found if KEY.match(key)]


def landed_tables(lake: Lake) -> list[str]:
    """The tables that have landed files, sorted."""
    from pyarrow.fs import FileSelector, FileType

    try:
        infos = lake.fs.get_file_info(FileSelector(lake.path("bronze", PREFIX), allow_not_found=True))
    except OSError as error:
        raise lake.unreachable(error) from error
    return sorted(i.base_name for i in infos if i.type == FileType.Directory)


def land(lake: Lake, file: Path, table: str) -> Landed:
    """Put a local file into the landing zone, as `datalab data ingest` does."""
    check_table_name(table)
    if not file.is_file():
        raise DataLabError("E_FILE_MISSING", f"there is no file {file}", "check the path")
    with file.open("rb") as stream:
        digest = file_hash(stream)
    key = f"{PREFIX}/{table}/{digest}/{file.name}"
    target = lake.path("bronze", key)
    if lake.settings.root:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    with file.open("rb") as stream, lake.fs.open_output_stream(target, compression=None) as out:
        while chunk := stream.read(4 * 1024 * 1024):
            out.write(chunk)
    return Landed(key, table, digest, file.name)


def is_the_file_s(error: DataLabError) -> bool:
    """Whether the file is to blame, which is then set aside. A table, a contract or the store is not."""
    _, about, *_ = error.code.split("_")
    return error.permanent and about in ("FILE", "JSON", "PARQUET", "SCHEMA")


def reject(lake: Lake, file: Landed, error: DataLabError) -> str:
    """Set a file aside that cannot be ingested, with the reason beside it, so that later runs pass it by."""
    import json

    key = file.key.replace(PREFIX, REJECTED, 1)
    target = lake.path("bronze", key)
    if lake.settings.root:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        lake.fs.move(lake.path("bronze", file.key), target)
    except FileNotFoundError:
        return key  # someone else did it
    except OSError as problem:
        raise lake.unreachable(problem) from problem
    lake.put("bronze", f"{key}.reason.json", json.dumps(error.to_dict()).encode(), "application/json")
    return key
