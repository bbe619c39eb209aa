"""Silver: bronze rows with types, and beside them the rows that break a rule, with the reason.

Every bronze row is in exactly one of silver and quarantine; that is checked before silver is committed.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
from deltalake import DeltaTable

from datalab import duck
from datalab.delta_log import commit_fact, table_size
from datalab.errors import DataLabError
from datalab.lake import Lake, quote
from datalab.layers.quality import Contract
from datalab.layers.silver_code import code_hash, made_by_this_code
from datalab.layers.silver_plan import Plan
from datalab.layers.silver_rows import Rows
from datalab.layers.stream import replace_table
from datalab.layers.tiles import Tiles


@dataclass
class Refined:
    """What a silver run did."""

    table: str
    rows_in: int
    rows_out: int
    quarantined: int
    seconds: float
    skipped: bool
    types: dict[str, str] = field(default_factory=dict)
    reasons: list[tuple[str, int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def refine(lake: Lake, name: str, contract: Contract, run_id: str) -> Refined:
    """Make silver.<name> and silver.<name>_quarantine from bronze.<name>; skipped when nothing changed."""
    started = time.monotonic()
    bronze = lake.require("bronze", name)
    inputs = {
        "bronze": bronze.version(),
        "bronze_id": str(bronze.metadata().id),
        "contract": contract.hash,
        "code": code_hash(),
    }
    quarantine = f"{name}_quarantine"
    silver = lake.table("silver", name)
    if silver is not None and lake.table("silver", quarantine) is not None and _made_from(silver, inputs):
        kept = commit_fact(silver, "datalab.result") or {}
        return Refined(name, **kept, seconds=0.0, skipped=True, warnings=freshness(lake, silver, contract))
    con = duck.connect(lake)
    try:
        tiles = Tiles(bronze)
        plan = Plan(con, name, tiles, contract)
        rows = Rows(con, tiles, plan)
        rows.check()
        rows_in = table_size(bronze)[0]
        facts = {"datalab.inputs": json.dumps(inputs), "datalab.run": run_id}
        replace_table(lake, "silver", quarantine, rows.bad(), facts)
        result: dict[str, Any] = {
            "rows_in": rows_in,
            "rows_out": rows_in - rows.bad_count,
            "quarantined": rows.bad_count,
            "types": plan.types,
            "reasons": rows.top_reasons(20),
        }
        facts["datalab.result"] = json.dumps(result)
        replace_table(lake, "silver", name, rows.good(rows_in - rows.bad_count), facts)
    except duckdb.Error as error:
        raise duck.sql_error(error, f"silver.{name}") from error
    finally:
        con.close()
    written = lake.require("silver", name)
    return Refined(
        name,
        **result,
        seconds=time.monotonic() - started,
        skipped=False,
        warnings=freshness(lake, written, contract),
    )


def _made_from(silver: DeltaTable, inputs: dict[str, Any]) -> bool:
    """Whether the table is what these inputs give."""
    recorded = commit_fact(silver, "datalab.inputs")
    if not isinstance(recorded, dict) or not made_by_this_code(recorded.get("code")):
        return False
    return {**recorded, "code": inputs["code"]} == inputs


def freshness(lake: Lake, silver: DeltaTable, contract: Contract) -> list[str]:
    """A warning when the newest row is older than the contract allows."""
    if contract.freshness is None:
        return []
    column, seconds = contract.freshness
    con = duck.connect(lake)
    try:
        duck.bind(con, duck.Reference("silver", contract.table), silver)
        newest = duck.one_row(
            con, f"SELECT epoch(max({quote(column)})::TIMESTAMPTZ) FROM silver.{quote(contract.table)}"
        )[0]
    except duckdb.Error as error:
        raise DataLabError(
            "E_CONTRACT_INVALID", f"freshness of {contract.table}: {error}", "name a time column"
        ) from error
    finally:
        con.close()
    if newest is None:
        return [f"freshness: {column} has no value"]
    age = datetime.now(UTC).timestamp() - newest
    if age <= seconds:
        return []
    return [f"stale: the newest {column} is {age / 3600:.1f} h old, allowed are {seconds / 3600:.1f} h"]
