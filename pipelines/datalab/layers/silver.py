"""Silver: bronze rows with types, and beside them the rows that break a rule, with the reason.

Every bronze row is in exactly one of silver and quarantine; that is checked before silver is committed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from datalab import duck
from datalab.delta_log import commit_fact, table_size
from datalab.errors import DataLabError
from datalab.formats.columns import LINEAGE, RESERVED
from datalab.lake import Lake, quote
from datalab.layers.infer import cast, infer_types, literal, present
from datalab.layers.quality import Column, Contract
from datalab.layers.silver_code import code_hash, made_by_this_code

BATCH = 32_768


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
        duck.bind(con, duck.Reference("bronze", name), bronze)
        plan = _Plan(con, name, pa.schema(bronze.schema().to_arrow()), contract)
        rows_in = table_size(bronze)[0]
        facts = {"datalab.inputs": json.dumps(inputs), "datalab.run": run_id}
        bad = _Counted(con, plan.bad_rows)
        lake.write("silver", quarantine, bad.reader(), "overwrite", facts, lake.table("silver", quarantine))
        reasons = con.execute(plan.reasons).fetchall() if bad.count else []
        good = _Counted(con, plan.good_rows, expected=rows_in - bad.count)
        result: dict[str, Any] = {
            "rows_in": rows_in,
            "rows_out": rows_in - bad.count,
            "quarantined": bad.count,
            "types": plan.types,
            "reasons": reasons,
        }
        facts["datalab.result"] = json.dumps(result)
        try:
            lake.write("silver", name, good.reader(), "overwrite", facts, lake.table("silver", name))
        except Exception as error:
            if good.failure is not None:
                raise good.failure from error
            raise
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


class _Plan:
    """The SQL of a table: which rows are good, which are not and why."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, contract: Contract
    ) -> None:
        self.relation = f"bronze.{quote(table)}"
        self.contract = contract
        data = [f for f in schema if f.name not in RESERVED]
        declared = _match_columns(contract, [f.name for f in data], table)
        texts = [f.name for f in data if _is_text(f.type)]
        free = [name for name in texts if declared[name].type is None]
        inferred = infer_types(con, self.relation, free, contract.nulls)
        self.types: dict[str, str] = {}
        self.values: dict[str, str] = {}
        problems: list[str] = ["_problem"]
        inner: list[str] = []  # a text column with its NULL words taken out, worked out once
        for n, each in enumerate(data):
            rule = declared[each.name]
            value, kind = quote(each.name), rule.type
            if each.name in texts:
                inner.append(f"{present(each.name, contract.nulls)} AS {quote(f'p {n}')}")
                value = quote(f"p {n}")
            typed = value
            if kind is not None and kind != "varchar":
                typed = cast(value if each.name in texts else f"{value}::VARCHAR", kind)
                problems.append(
                    _reason(f"{value} IS NOT NULL AND {typed} IS NULL", f"{each.name}: not a {kind}")
                )
            elif kind == "varchar":
                typed = f"{value}::VARCHAR"
            elif each.name in inferred and inferred[each.name] != "varchar":
                # Every value is known to fit: no need to look again.
                kind = inferred[each.name]
                typed = f"TRY_CAST(trim({value}) AS {kind.upper()})"
            self.types[each.name] = kind or inferred.get(each.name) or str(each.type)
            self.values[each.name] = typed
            problems += _rules(rule, value, typed, each.name in contract.keys)
        reason = f"concat_ws('; ', {', '.join(problems)})"
        raw = ", ".join(quote(f.name) for f in data)
        typed_columns = ", ".join(f"{value} AS {quote('v ' + name)}" for name, value in self.values.items())
        lineage = ", ".join(LINEAGE)
        checked = (
            f"SELECT {lineage}, _raw, {reason} AS why, {raw}, {typed_columns} "
            f"FROM (SELECT *{''.join(', ' + each for each in inner)} FROM {self.relation})"
        )
        if contract.keys:
            checked = self._without_duplicates(checked)
        self.checked = checked
        good_columns = ", ".join(f"{quote('v ' + name)} AS {quote(name)}" for name in self.values)
        self.good_rows = f"SELECT {good_columns}, {lineage} FROM ({checked}) WHERE why = ''"
        self.bad_rows = f"SELECT why AS _reasons, {lineage}, _raw, {raw} FROM ({checked}) WHERE why <> ''"
        self.reasons = (
            f"SELECT why, count(*) AS n FROM ({checked}) WHERE why <> '' "
            "GROUP BY why ORDER BY n DESC, why LIMIT 20"
        )

    def _without_duplicates(self, checked: str) -> str:
        keys = ", ".join(quote("v " + key) for key in self.contract.keys)
        way = "DESC" if self.contract.keep == "last" else "ASC"
        order = f"_ingested_at {way}, _content_hash {way}, _row_number {way}"
        named = ", ".join(self.contract.keys)
        window = f"PARTITION BY why = '', {keys} ORDER BY {order}"
        numbered = f"SELECT *, row_number() OVER ({window}) AS nth FROM ({checked})"
        duplicate = literal(f"duplicate key ({named}): the {self.contract.keep} row is kept")
        return (
            "SELECT * EXCLUDE (nth) REPLACE "
            f"(CASE WHEN why = '' AND nth > 1 THEN {duplicate} ELSE why END AS why) FROM ({numbered})"
        )


def _match_columns(contract: Contract, names: list[str], table: str) -> dict[str, Column]:
    """The rule of each column. What a contract requires must be there; what it only describes may be."""
    needed = [c.name for c in contract.columns.values() if c.required]
    missing = [c for c in (*needed, *contract.keys) if c not in names]
    if missing:
        raise DataLabError(
            "E_CONTRACT_MISMATCH",
            f"the contract of {table} needs {', '.join(sorted(set(missing)))}; "
            f"bronze.{table} has {', '.join(names)}",
            "correct the contract, or ingest a file that has the column",
        )
    return {name: contract.columns.get(name, Column(name)) for name in names}


def _rules(rule: Column, value: str, typed: str, key: bool) -> list[str]:
    found = []
    if rule.required or key:
        what = "part of the key" if key else "required"
        found.append(_reason(f"_problem IS NULL AND {value} IS NULL", f"{rule.name}: {what}, but empty"))
    if rule.minimum is not None:
        found.append(_reason(f"{typed} < {literal(rule.minimum)}", f"{rule.name}: below {rule.minimum}"))
    if rule.maximum is not None:
        found.append(_reason(f"{typed} > {literal(rule.maximum)}", f"{rule.name}: above {rule.maximum}"))
    if rule.allowed is not None:
        listed = ", ".join(literal(each) for each in rule.allowed) or "NULL"
        found.append(_reason(f"{typed} NOT IN ({listed})", f"{rule.name}: not one of the allowed values"))
    if rule.regex is not None:
        matches = f"regexp_matches({value}::VARCHAR, {literal(rule.regex)})"
        found.append(_reason(f"NOT {matches}", f"{rule.name}: does not match {rule.regex}"))
    return found


def _reason(condition: str, reason: str) -> str:
    return f"CASE WHEN {condition} THEN {literal(reason)} END"


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


class _Counted:
    """A query's rows as a stream that knows its length, and fails before the commit if that is wrong."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sql: str, expected: int | None = None) -> None:
        # The connection is busy until the stream is used up.
        self.source = con.sql(sql).to_arrow_reader(BATCH)
        self.expected = expected
        self.count = 0
        self.failure: DataLabError | None = None

    def reader(self) -> pa.RecordBatchReader:
        """The stream to hand to the writer."""
        return pa.RecordBatchReader.from_batches(self.source.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self.source:
            self.count += batch.num_rows
            yield batch
        if self.expected is not None and self.count != self.expected:
            self.failure = DataLabError(
                "E_ROWS_LOST",
                f"silver would have {self.count} rows, bronze less quarantine has {self.expected}",
                "nothing was written to silver; please report this",
            )
            raise self.failure


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
