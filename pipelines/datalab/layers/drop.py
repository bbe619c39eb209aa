"""Removing a table: what goes with it, what stays, and why a pipeline would bring it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from datalab.delta_log import commit_fact, table_size
from datalab.errors import DataLabError
from datalab.lake import TABLE_NAME, Lake
from datalab.lake_config import LAYERS
from datalab.layers.landing import PREFIX, REJECTED
from datalab.layers.quality import CONTRACTS

QUARANTINE = "_quarantine"


@dataclass
class Dropped:
    """What is, or would be, removed with one table; the shape that the lake tool prints."""

    table: str
    # None: the table can't be read.
    rows: int | None
    # Of the objects, earlier versions included.
    bytes: int = 0
    objects: int = 0
    # In words that begin with a table or a folder.
    removes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # Why a pipeline would make it again, or misses it then: nothing is removed unless it is forced.
    reasons: list[str] = field(default_factory=list)
    removed: bool = False


def drop(lake: Lake, name: str, *, force: bool = False, dry_run: bool = False) -> Dropped:
    """Remove a table, or say what that would remove.

    What belongs to the table goes before it, and of the table its log: then there is none any more. After an
    interruption the same call removes what is left.
    """
    layer, _, table = name.lower().partition(".")
    if layer not in LAYERS or not TABLE_NAME.match(table):
        raise DataLabError("E_USAGE", f'"{name}" is no table', "layer.table, for example silver.flights")
    folders = list(_folders(layer, table))
    sizes = {(bucket, key): _size(lake, bucket, key) for bucket, key in folders}
    if sizes[folders[0]][0] == 0:
        raise lake.unknown_table(f"{layer}.{table}")
    plan = Dropped(f"{layer}.{table}", _rows(lake, layer, table))
    for (bucket, key), (objects, size) in sizes.items():
        plan.objects += objects
        plan.bytes += size
        if objects > 0:
            what = f"{bucket}/{key}" if key.startswith("_") else f"{bucket}.{key}"
            plan.removes.append(f"{what}: {objects} object{'' if objects == 1 else 's'}")
    plan.reasons = list(_reasons(lake, layer, table))
    plan.notes = list(_notes(lake, layer, table))
    if dry_run or (plan.reasons and not force):
        if not dry_run:
            raise DataLabError(
                "E_TABLE_OWNED", f"{plan.table} was not removed: {'; '.join(plan.reasons)}", "--force"
            )
        return plan
    for bucket, key in reversed(folders):
        for each in ([] if key.startswith("_") else [f"{key}/_delta_log"]) + [key]:
            _remove(lake, bucket, each)
    plan.removed = True
    return plan


def _folders(layer: str, table: str) -> Iterator[tuple[str, str]]:
    """The table's own first, then what goes with it: landed files would be loaded again."""
    yield layer, table
    if layer == "bronze":
        yield layer, f"{PREFIX}/{table}"
        yield layer, f"{REJECTED}/{table}"
    if layer == "silver" and not table.endswith(QUARANTINE):
        yield layer, table + QUARANTINE


def _reasons(lake: Lake, layer: str, table: str) -> Iterator[str]:
    if layer == "bronze" and _there(lake, "artifacts", f"{CONTRACTS}/{table}.yaml"):
        yield f"a pipeline declares it, in {CONTRACTS}/{table}.yaml"
    if layer == "silver":
        source = table.removesuffix(QUARANTINE)
        if table != source and _size(lake, "silver", source)[0] > 0:
            yield f"it belongs to silver.{source}: drop that table"
        elif _size(lake, "bronze", source)[0] > 0:
            yield f"a pipeline's next run makes it again from bronze.{source}: drop that table first"
    if layer == "gold" and table == "metrics":
        yield "runs write it: every table's figures of every run are in it"
    elif layer == "gold" and _inputs(lake, layer, table):
        yield f"a pipeline's gold/{table}.sql makes it again, unless that file is gone"


def _notes(lake: Lake, layer: str, table: str) -> Iterator[str]:
    """What depends on it, and stays as it is."""
    if layer == "bronze":
        for each in (table, table + QUARANTINE):
            if _size(lake, "silver", each)[0] > 0:
                yield f"silver.{each} was made from it and stays as it is"
    gone = {f"{layer}.{table}"}
    if layer == "silver" and not table.endswith(QUARANTINE):
        gone.add(f"{layer}.{table}{QUARANTINE}")
    for each in lake.names("gold"):
        if f"gold.{each}" not in gone and gone & set(_inputs(lake, "gold", each)):
            yield f"gold.{each} reads it: it stays as it is, and is not built again while this is missing"


def _inputs(lake: Lake, layer: str, table: str) -> dict[str, object]:
    """The tables that a pipeline's SQL has made this one from."""
    try:
        inputs = commit_fact(lake.table(layer, table), "datalab.inputs")
    except DataLabError as error:
        if not error.permanent:
            raise
        return {}
    return inputs if isinstance(inputs, dict) else {}


def _rows(lake: Lake, layer: str, table: str) -> int | None:
    try:
        found = lake.table(layer, table)
        return None if found is None else table_size(found)[0]
    except DataLabError as error:
        if not error.permanent:
            raise
    except Exception:  # noqa: BLE001, S110 - whatever is wrong with it, it can be removed
        pass
    return None


def _there(lake: Lake, bucket: str, key: str) -> bool:
    from pyarrow.fs import FileType

    try:
        return bool(lake.fs.get_file_info(lake.path(bucket, key)).type == FileType.File)
    except OSError as error:
        raise lake.unreachable(error) from error


def _size(lake: Lake, bucket: str, key: str) -> tuple[int, int]:
    """Number and bytes of the objects below a folder."""
    from pyarrow.fs import FileSelector, FileType

    selector = FileSelector(lake.path(bucket, key), recursive=True, allow_not_found=True)
    try:
        files = [each for each in lake.fs.get_file_info(selector) if each.type == FileType.File]
    except OSError as error:
        raise lake.unreachable(error) from error
    return len(files), sum(each.size or 0 for each in files)


def _remove(lake: Lake, bucket: str, key: str) -> None:
    try:
        lake.fs.delete_dir(lake.path(bucket, key))
    except FileNotFoundError:
        return
    except OSError as error:
        if _size(lake, bucket, key)[0] > 0:
            raise lake.unreachable(error) from error
