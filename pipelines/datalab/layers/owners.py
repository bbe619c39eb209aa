"""Whose a table is: each table of silver and gold is written by one pipeline.

A pipeline owns silver.<table> and its quarantine for each of its contracts, and gold.<name> for each of its
SQL files. Tables that no contract names belong to the pipeline that has written them, as long as it is
registered.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from datalab.errors import DataLabError
from datalab.lake import OWNER, Lake

# In the artifacts bucket: written by the registrar, read by every run.
PUBLISHED = "pipelines/owners.json"
# Commits of other programs, such as OPTIMIZE, record no owner: so many are looked through.
COMMITS = 20


def claims(folder: Path) -> dict[str, str]:
    """The tables that a pipeline's folder declares, with the file that does it."""
    found: dict[str, str] = {}
    for path in sorted((folder / "contracts").glob("*.yaml")):
        for table in (path.stem, f"{path.stem}_quarantine"):
            found.setdefault(f"silver.{table}", f"contracts/{path.name}")
    for path in sorted((folder / "gold").glob("*.sql")):
        found[f"gold.{path.stem}"] = f"gold/{path.name}"
    return found


def declared(folder: Path, pipelines: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The owner of each declared table, and what is wrong: tables that several pipelines declare."""
    owners: dict[str, str] = {}
    files: dict[str, list[str]] = {}
    for name in pipelines:
        for table, file in claims(folder / name).items():
            owners.setdefault(table, name)
            files.setdefault(table, []).append(f"{name}/{file}")
    problems = {
        tuple(given): f"{table} has {len(given)} owners: {' and '.join(given)}; keep the file in one pipeline"
        for table, given in reversed(files.items())
        if len(given) > 1
    }
    return owners, list(reversed(problems.values()))


def publish(lake: Lake, pipelines: Iterable[str], owners: Mapping[str, str]) -> None:
    """Tell every run which pipelines there are and what is theirs."""
    body = json.dumps({"pipelines": sorted(pipelines), "tables": owners}, sort_keys=True, indent=1)
    lake.put("artifacts", PUBLISHED, body.encode(), "application/json")


@dataclass(frozen=True)
class Owners:
    """Whose each table is, as a run of one pipeline sees it."""

    pipeline: str
    registered: frozenset[str] = frozenset()
    tables: Mapping[str, str] | None = None

    @classmethod
    def read(cls, lake: Lake, pipeline: str) -> Owners:
        """What the registrar has published; where it never ran, only this pipeline is known."""
        try:
            with lake.open("artifacts", PUBLISHED) as stream:
                given = json.loads(stream.read())
            return cls(pipeline, frozenset(given["pipelines"]), dict(given["tables"]))
        except DataLabError as error:
            if error.code != "E_NO_OBJECT":
                raise
            return cls(pipeline)
        except (ValueError, KeyError, TypeError) as error:
            raise DataLabError(
                "E_PIPELINES_FILE_INVALID",
                f"artifacts/{PUBLISHED} is no list of tables: {error}",
                "datalab up writes it",
            ) from error

    def other(self, layer: str, table: str) -> str | None:
        """Another pipeline that declares the table."""
        names = (table, f"{table}_quarantine") if layer == "silver" else (table,)
        found = [(self.tables or {}).get(f"{layer}.{name}") for name in names]
        return next((owner for owner in found if owner not in (None, self.pipeline)), None)

    def check(self, lake: Lake, layer: str, table: str) -> str | None:
        """Refuse a table of another pipeline. The pipeline that it is taken over from, if there is one."""
        name = f"{layer}.{table}"
        other = self.other(layer, table)
        if other is not None:
            raise refused(name, other, "declares it")
        before = recorded(lake.table(layer, table))
        if before in (None, self.pipeline):
            return None
        if before in self.registered and (self.tables or {}).get(name) != self.pipeline:
            raise refused(name, str(before), "has written it and is still registered")
        return before


def recorded(table: DeltaTable | None) -> str | None:
    """The pipeline whose run has written a table last."""
    if table is None:
        return None
    found = (commit.get(OWNER) for commit in table.history(COMMITS))
    return next((owner for owner in found if isinstance(owner, str)), None)


def refused(table: str, owner: str, why: str) -> DataLabError:
    """The error for a table of another pipeline."""
    layer, _, name = table.partition(".")
    file = f"contracts/{name}.yaml" if layer == "silver" else f"gold/{name}.sql"
    return DataLabError(
        "E_TABLE_OWNER",
        f"{table} belongs to the pipeline {owner}, which {why}",
        f"run {owner}; or move {file} to this pipeline's folder and register both with datalab up",
    )
