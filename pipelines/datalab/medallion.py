"""The steps of the medallion pipeline, without an orchestrator: the flow calls them.

A table's trouble is that table's: what depends on it waits, everything else is done, and the run's end names
each table that failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from datalab.delta_log import table_size
from datalab.errors import DataLabError
from datalab.formats.columns import LINEAGE
from datalab.lake import Lake
from datalab.layers import bronze, gold, silver
from datalab.layers.landing import Landed, is_the_file_s, landed, landed_tables, parse_key, reject
from datalab.layers.owners import Owners
from datalab.layers.quality import contract_for, published_contract
from datalab.pipeline import definition_of, logger


@dataclass
class Outcome:
    """What the steps did so far."""

    files: list[bronze.Ingested] = field(default_factory=list)
    silver: list[silver.Refined] = field(default_factory=list)
    gold: list[gold.Built] = field(default_factory=list)
    metrics: list[gold.Metric] = field(default_factory=list)
    # Files that were set aside.
    problems: list[str] = field(default_factory=list)
    # By table, such as silver.flights.
    failed: dict[str, DataLabError] = field(default_factory=dict)

    def attempt(self, lake: Lake, table: str, work: Callable[[], None]) -> None:
        """Do what belongs to one table. Its failure is noted, unless it is the object store's."""
        try:
            work()
        except TimeoutError:
            raise  # the run's own
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tables have no part in it
            known = isinstance(error, DataLabError)
            failure = (
                error
                if known
                else DataLabError(
                    "E_UNEXPECTED", f"{type(error).__name__}: {error}", "see the run's log", permanent=False
                )
            )
            logger().error("%s failed: %s", table, failure, exc_info=None if known else error)
            self.failed[table] = failure
            if not failure.permanent:
                lake.names("bronze")  # where this fails, too, the other tables need not be tried

    def verdict(self) -> DataLabError | None:
        """The error that the run ends with; None: all is well."""
        lines = [*self.problems, *(f"{table}: {error}" for table, error in self.failed.items())]
        if self.failed:
            named = ", ".join(self.failed)
            return DataLabError(
                "E_TABLES_FAILED",
                f"{named} failed, all that does not depend on it is done:"
                + "".join(f"\n  ✖ {x}" for x in lines),
                "correct what each line says and run it again",
                permanent=all(error.permanent for error in self.failed.values()),
            )
        if lines:
            return DataLabError(
                "E_FILES_REJECTED", "; ".join(lines), "correct the files and ingest them again"
            )
        return None


def load_bronze(lake: Lake, folder: Path, table: str | None, key: str | None, run_id: str) -> Outcome:
    """Every landed file that bronze lacks. A file that cannot be read is set aside, with the reason."""
    done = Outcome()
    owners = _owners(lake, folder)
    if key is not None:
        file = parse_key(key)
        done.attempt(
            lake, f"bronze.{file.table}", lambda: _load(lake, folder, owners, [file], run_id, done, True)
        )
        return done
    for each in [table] if table else landed_tables(lake):
        done.attempt(
            lake,
            f"bronze.{each}",
            lambda name=each: _load(lake, folder, owners, landed(lake, name), run_id, done),  # type: ignore[misc]
        )
    return done


def _owners(lake: Lake, folder: Path) -> Owners:
    """Whose each table is. From now on, what the run writes is recorded as its pipeline's."""
    lake.pipeline = definition_of(folder).name
    return Owners.read(lake, lake.pipeline)


def _load(
    lake: Lake,
    folder: Path,
    owners: Owners,
    files: list[Landed],
    run_id: str,
    done: Outcome,
    asked_for: bool = False,
) -> None:
    """Files of one table, oldest first: after one that may yet come in, none is loaded that came later."""
    for file in files:
        started = time.monotonic()
        try:
            # How files of a table are written, its owner's contract says.
            theirs = owners.other("silver", file.table) is not None
            contract = (
                published_contract(lake, file.table)
                if theirs
                else contract_for(file.table, folder / "contracts")
            )
            declared = contract.source
            loaded = bronze.ingest(lake, file, declared, run_id, asked_for=asked_for)
        except DataLabError as error:
            if not is_the_file_s(error):
                raise
            reject(lake, file, error)
            done.problems.append(f"{file.table}/{file.file}: {error}")
            continue
        if not loaded.skipped:
            done.files.append(loaded)
            seconds = time.monotonic() - started
            done.metrics.append(
                gold.Metric(run_id, file.table, "bronze", loaded.rows, loaded.rows, loaded.malformed, seconds)
            )


def refine_silver(lake: Lake, folder: Path, table: str | None, run_id: str, done: Outcome) -> None:
    """Silver for one table, or for all of bronze that was loaded from files and is no other pipeline's."""
    owners = _owners(lake, folder)
    for name in [table] if table is not None else lake.names("bronze"):
        if f"bronze.{name}" in done.failed:
            continue
        done.attempt(
            lake,
            f"silver.{name}",
            lambda name=name: _refine(lake, folder, owners, name, table is not None, run_id, done),  # type: ignore[misc]
        )
        error = done.failed.get(f"silver.{name}")
        if error is not None and error.code in ("E_NO_TABLE", "E_TABLE_NOT_INGESTED", "E_TABLE_OWNER"):
            raise error  # whoever asked for this table asked for none that can be refined


def _refine(
    lake: Lake, folder: Path, owners: Owners, name: str, wanted: bool, run_id: str, done: Outcome
) -> None:
    """Silver for one table. `wanted`: it was asked for by its name."""
    source = lake.require("bronze", name) if wanted else lake.table("bronze", name)
    if source is None:
        return
    lacking = sorted(set(LINEAGE) - {each.name for each in source.schema().fields})
    if lacking and not wanted:
        logger().warning("bronze.%s was not loaded from files (it has no %s): left alone", name, lacking[0])
        return
    if lacking:
        raise DataLabError(
            "E_TABLE_NOT_INGESTED",
            f"bronze.{name} has no column {', '.join(lacking)}: it was not loaded from files",
            "load its data with datalab data ingest, or refine it in a pipeline of your own",
        )
    try:
        before = owners.check(lake, "silver", name)
    except DataLabError as error:
        if error.code != "E_TABLE_OWNER" or wanted:
            raise
        logger().info("left alone: %s", error.message)
        return
    rows = table_size(source)[0]
    logger().info("silver.%s: looks at %d rows of %d columns", name, rows, len(source.schema().fields))
    refined = silver.refine(lake, name, contract_for(name, folder / "contracts"), run_id)
    done.silver.append(refined)
    if not refined.skipped:
        _say_taken_over("silver", name, before)
        done.metrics.append(
            gold.Metric(
                run_id,
                name,
                "silver",
                refined.rows_in,
                refined.rows_out,
                refined.quarantined,
                refined.seconds,
            )
        )


def build_gold(lake: Lake, folder: Path, run_id: str, done: Outcome) -> None:
    """Every SQL file whose tables are there and well, then the metrics of the whole run."""
    owners = _owners(lake, folder)
    definitions: list[gold.Definition] = []
    done.attempt(lake, "gold", lambda: definitions.extend(gold.definitions(folder / "gold")))
    for definition in definitions:
        failed = _waits_for(definition, done)
        if failed:
            logger().warning("gold.%s is not built: it reads %s", definition.name, failed)
            reads = [str(ref) for ref in definition.reads]
            done.gold.append(gold.Built(definition.name, 0, 0, 0.0, f"not built: {failed} failed", reads))
            continue
        done.attempt(
            lake,
            f"gold.{definition.name}",
            lambda each=definition: _build(lake, owners, each, run_id, done),  # type: ignore[misc]
        )
    done.attempt(lake, f"gold.{gold.METRICS}", lambda: gold.record(lake, done.metrics))


def _waits_for(definition: gold.Definition, done: Outcome) -> str | None:
    """A table that failed, or is itself not built, among those that a gold table reads."""
    left = {f"gold.{each.table}" for each in done.gold if each.state.startswith("not built")}
    for ref in definition.reads:
        names = [str(ref)]
        if ref.layer == "silver":
            # Quarantine is made with silver, and both of bronze.
            table = ref.table.removesuffix("_quarantine")
            names += [f"silver.{table}", f"bronze.{table}"]
        for name in names:
            if name in done.failed or name in left:
                return name
    return None


def _build(lake: Lake, owners: Owners, definition: gold.Definition, run_id: str, done: Outcome) -> None:
    before = owners.check(lake, "gold", definition.name)
    built = gold.build(lake, definition, run_id)
    done.gold.append(built)
    if built.state == "built":
        _say_taken_over("gold", definition.name, before)
        done.metrics.append(
            gold.Metric(run_id, built.table, "gold", built.rows_in, built.rows_out, 0, built.seconds)
        )


def _say_taken_over(layer: str, table: str, before: str | None) -> None:
    if before is not None:
        logger().warning("%s.%s is taken over from %s, whose table it is no longer", layer, table, before)
