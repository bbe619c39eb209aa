"""The steps of the medallion pipeline, without an orchestrator: the flow calls them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from datalab.errors import DataLabError
from datalab.formats.columns import LINEAGE
from datalab.lake import Lake
from datalab.layers import bronze, gold, silver
from datalab.layers.landing import landed, landed_tables, parse_key, reject
from datalab.layers.quality import contract_for
from datalab.pipeline import logger


@dataclass
class Outcome:
    """What the steps did so far."""

    files: list[bronze.Ingested] = field(default_factory=list)
    silver: list[silver.Refined] = field(default_factory=list)
    gold: list[gold.Built] = field(default_factory=list)
    metrics: list[gold.Metric] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def load_bronze(lake: Lake, folder: Path, table: str | None, key: str | None, run_id: str) -> Outcome:
    """Every landed file that bronze lacks. A file that cannot be read is set aside, with the reason."""
    done = Outcome()
    if key is not None:
        files = [parse_key(key)]
    else:
        tables = [table] if table else landed_tables(lake)
        files = [file for each in tables for file in landed(lake, each)]
    for file in files:
        started = time.monotonic()
        try:
            declared = contract_for(file.table, folder / "contracts").source
            loaded = bronze.ingest(lake, file, declared, run_id)
        except DataLabError as error:
            if not error.permanent or error.code == "E_CONTRACT_INVALID":
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
    return done


def refine_silver(lake: Lake, folder: Path, table: str | None, run_id: str, done: Outcome) -> None:
    """Silver for one table, or for all of bronze that was loaded from files: what people wrote is theirs."""
    if table is not None:
        lake.require("bronze", table)
    for name in [table] if table else lake.names("bronze"):
        source = lake.table("bronze", name)
        if source is None:
            continue
        lacking = sorted(set(LINEAGE) - {each.name for each in source.schema().fields})
        if lacking and table is None:
            logger().warning(
                "bronze.%s was not loaded from files (it has no %s): left alone", name, lacking[0]
            )
            continue
        if lacking:
            raise DataLabError(
                "E_TABLE_NOT_INGESTED",
                f"bronze.{name} has no column {', '.join(lacking)}: it was not loaded from files",
                "load its data with datalab data ingest, or refine it in a pipeline of your own",
            )
        refined = silver.refine(lake, name, contract_for(name, folder / "contracts"), run_id)
        done.silver.append(refined)
        if not refined.skipped:
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
    """Every SQL file whose tables are there, then the metrics of the whole run."""
    for definition in gold.definitions(folder / "gold"):
        built = gold.build(lake, definition, run_id)
        done.gold.append(built)
        if built.state == "built":
            done.metrics.append(
                gold.Metric(run_id, built.table, "gold", built.rows_in, built.rows_out, 0, built.seconds)
            )
    gold.record(lake, done.metrics)
