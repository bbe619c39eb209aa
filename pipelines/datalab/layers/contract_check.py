"""Rules that a contract may not hold though it reads well: each is tried on one row before any table is."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pyarrow as pa

from datalab.errors import DataLabError
from datalab.formats.columns import RESERVED
from datalab.lake import quote
from datalab.layers.infer import literal
from datalab.layers.quality import Column, Contract
from datalab.layers.silver_plan import reasons, source, typed, value_of
from datalab.layers.tiles import TILE

TIMES = ("date", "timestamp", "timestamptz", None)


def check_contract(contract: Contract) -> Contract:
    """The contract, or one error that lists what no run could do: at registration and before an ingest."""
    problems = [
        f"{name}: is a column of the lake's own"
        for name in dict.fromkeys([*contract.columns, *contract.keys])
        if name.lower() in RESERVED
    ]
    if contract.freshness is not None:
        column = contract.columns.get(contract.freshness[0])
        if column is not None and column.type not in TIMES:
            problems.append(f"freshness.column: {column.name} is a {column.type}, not a time")
    con = duckdb.connect(":memory:")
    try:
        con.execute("SET TimeZone = 'UTC'")
        for column in contract.columns.values():
            # What a bound is compared with is known only with the type; a pattern is a pattern.
            rule = column if column.type else replace(column, minimum=None, maximum=None, allowed=None)
            value = value_of(pa.field(column.name, pa.string()), rule, True, None, contract)
            row = f"SELECT '1'::VARCHAR AS {quote(column.name)}, NULL::VARCHAR AS _problem"
            con.execute(f"CREATE OR REPLACE VIEW {quote(TILE)} AS {row}")
            columns = [typed([value]), *([reasons([value])] if value.reasons else []), *_compared(rule)]
            try:
                con.execute(f"SELECT {', '.join(columns)} FROM {source([value])}").fetchall()
            except duckdb.Error as error:
                problems.append(f"columns.{column.name}: {str(error).strip().splitlines()[0]}")
    finally:
        con.close()
    if problems:
        lines = "".join(f"\n  ✖ {each}" for each in problems)
        raise DataLabError(
            "E_CONTRACT_INVALID",
            f"the contract of {contract.table}:{lines}",
            "see docs/medallion.md, Contracts",
        )
    return contract


def _compared(rule: Column) -> list[str]:
    """Texts that a column's values are compared with, as its type: where no value is, nothing else looks."""
    given = (rule.minimum, rule.maximum, *(rule.allowed or ()))
    texts = [literal(each) for each in given if each is not None]
    return [f"CAST({each} AS {rule.type})" for each in texts if each.startswith("'")]
