"""Landed files to bronze, silver and gold. What each layer promises is in docs/medallion.md."""

from __future__ import annotations

import time
from pathlib import Path

from datalab.medallion import Outcome, build_gold, load_bronze, refine_silver
from datalab.pipeline import logger, pipeline, run_id, step
from datalab.report import Report, Sample, publish, sample
from datalab.settings import Settings

HERE = Path(__file__).parent
_set_aside: dict[str, list[str]] = {}


@pipeline
def medallion_etl(table: str | None = None, source_key: str | None = None) -> dict[str, int]:
    """Run the layers for one table, or for every table with landed files.

    table: the table to refine; without it all of them
    source_key: a landing key, when only this file is to be loaded
    """
    started = time.monotonic()
    lake, run = Settings.from_env().lake(), run_id()

    @step
    def bronze() -> Outcome:
        done = load_bronze(lake, HERE, table, source_key, run)
        # A second attempt of the run does not see the files again that the first one has set aside.
        done.problems = [*_set_aside.get(run, []), *done.problems]
        _set_aside[run] = list(done.problems)
        return done

    @step
    def silver(done: Outcome) -> Outcome:
        refine_silver(lake, HERE, table, run, done)
        return done

    @step
    def gold(done: Outcome) -> Outcome:
        build_gold(lake, HERE, run, done)
        return done

    @step
    def report(done: Outcome) -> str:
        page = Report(
            "medallion_etl",
            table or "all",
            run,
            lake.settings.stack,
            time.monotonic() - started,
            done.files,
            done.silver,
            done.gold,
            _samples(done),
            [*done.problems, *(f"{table}: {error}" for table, error in done.failed.items())],
        )
        return publish(lake, page)

    def _samples(done: Outcome) -> list[Sample]:
        found: list[Sample] = []
        for each in done.gold:
            if each.state in ("built", "unchanged"):
                done.attempt(
                    lake, f"gold.{each.table}", lambda name=each.table: found.append(sample(lake, name))
                )
        return found

    done = gold(silver(bronze()))
    key = report(done)
    for each in done.silver:
        logger().info(
            "silver.%s: %d rows, %d in quarantine%s",
            each.table, each.rows_out, each.quarantined, " (unchanged)" if each.skipped else "",
        )  # fmt: skip
    logger().info("report: artifacts/%s", key)
    failure = done.verdict()
    if failure is not None:
        raise failure
    return {
        "files": len(done.files),
        "rows": sum(each.rows_out for each in done.silver),
        "quarantined": sum(each.quarantined for each in done.silver),
    }


if __name__ == "__main__":
    medallion_etl()
