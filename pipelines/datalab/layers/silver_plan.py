"""How the values of a silver table come from bronze, and which reasons there are against a row: as SQL."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from datalab.errors import DataLabError
from datalab.formats.columns import RESERVED
from datalab.lake import quote
from datalab.layers.infer import cast, infer_types, literal, present
from datalab.layers.quality import Column, Contract
from datalab.layers.tiles import TILE, Tiles


@dataclass(frozen=True)
class Recipe:
    """How a value comes from what bronze holds, without the column's name: columns that have one and the same
    recipe are worked out together."""

    given: pa.DataType
    """SQL of the value, of "v"; of a text, of "p"."""
    typed: str
    """SQL that makes "p" of "v": the text without the words for NULL."""
    inner: str | None

    @property
    def source(self) -> str:
        """What `typed` is selected from: a tile with "v"."""
        return f"(SELECT *{f', {self.inner} AS p' if self.inner else ''} FROM {quote(TILE)})"


@dataclass(frozen=True)
class Value:
    """A column of silver."""

    name: str
    kind: str
    """None: the value is that of bronze."""
    recipe: Recipe | None
    """SQL of the value; of a text it names "p <name>", which is `inner`."""
    typed: str
    inner: str | None
    reasons: tuple[str, ...]


class Plan:
    """The values of a table, one by one: queries take as many of them at a time as are cheap."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: str, tiles: Tiles, contract: Contract) -> None:
        data = [f for f in tiles.schema if f.name not in RESERVED]
        self.names = [f.name for f in data]
        contract = self.contract = _spelt(contract, self.names)
        declared = _match_columns(contract, self.names, table)
        texts = {f.name for f in data if _is_text(f.type)}
        free = [f.name for f in data if f.name in texts and declared[f.name].type is None]
        inferred = infer_types(con, tiles, free, contract.nulls)
        self.values = [
            value_of(f, declared[f.name], f.name in texts, inferred.get(f.name), contract) for f in data
        ]

    @property
    def types(self) -> dict[str, str]:
        """The type of each column."""
        return {value.name: value.kind for value in self.values}


def typed(values: Sequence[Value]) -> str:
    """These values, each with its column's name."""
    return ", ".join(f"{value.typed} AS {quote(value.name)}" for value in values)


def reasons(values: Sequence[Value]) -> str:
    """As `why`: what these values have against a row; NULL: nothing."""
    found = ", ".join(each for value in values for each in value.reasons)
    return f"nullif(concat_ws('; ', {found}), '') AS why"


def source(values: Sequence[Value]) -> str:
    """What `typed` and `reasons` are selected from: a tile, with each `inner` beside its column."""
    inner = [f"{each.inner} AS {quote('p ' + each.name)}" for each in values if each.inner is not None]
    return f"(SELECT {', '.join(['*', *inner])} FROM {quote(TILE)})"


def value_of(given: pa.Field, rule: Column, text: bool, inferred: str | None, contract: Contract) -> Value:
    """How a column's value is worked out, and the reasons against it."""
    name = given.name
    recipe = Recipe(
        given.type,
        _typed("p" if text else "v", text, rule, inferred),
        present("v", contract.nulls) if text else None,
    )
    value = quote(f"p {name}" if text else name)
    sql = _typed(value, text, rule, inferred)
    as_written = " as the contract's format says" if rule.written is not None and text else ""
    found = (
        []
        if rule.type in (None, "varchar")
        else [_reason(f"{value} IS NOT NULL AND {sql} IS NULL", f"{name}: not a {rule.type}{as_written}")]
    )
    found += _rules(rule, value, sql, name in contract.keys)
    return Value(
        name,
        rule.type or inferred or str(given.type),
        None if recipe.typed == "v" else recipe,
        sql,
        present(name, contract.nulls) if text else None,
        tuple(found),
    )


def _typed(value: str, text: bool, rule: Column, inferred: str | None) -> str:
    """SQL that gives a value its type: the contract's, else the inferred one."""
    kind = rule.type
    if kind is not None and rule.written is not None and text:
        return rule.written.sql(value, kind)
    if kind == "varchar":
        return f"{value}::VARCHAR"
    if kind is not None:
        return cast(value if text else f"{value}::VARCHAR", kind)
    if inferred is not None and inferred != "varchar":
        if inferred.startswith("timestamp"):
            return cast(value, inferred)  # other programs write them in ways that DuckDB does not read
        # Every value is known to fit: no need to look again.
        return f"TRY_CAST(trim({value}) AS {inferred.upper()})"
    return value


def _spelt(contract: Contract, names: list[str]) -> Contract:
    """The contract with the names of columns as the table spells them: their case does not count."""
    spelt = {name.lower(): name for name in names}

    def spell(name: str) -> str:
        return spelt.get(name.lower(), name)

    columns = {spell(name): replace(rule, name=spell(name)) for name, rule in contract.columns.items()}
    return replace(contract, columns=columns, keys=tuple(spell(key) for key in contract.keys))


def _match_columns(contract: Contract, names: list[str], table: str) -> dict[str, Column]:
    """The rule of each column. What a contract requires must be there; what it only describes may be, but not
    under a name that is nearly that of a column of which the contract says nothing."""
    there = set(names)
    needed = [c.name for c in contract.columns.values() if c.required]
    missing = [c for c in (*needed, *contract.keys) if c not in there]
    if missing:
        raise DataLabError(
            "E_CONTRACT_MISMATCH",
            f"the contract of {table} needs {', '.join(sorted(set(missing)))}; "
            f"bronze.{table} has {', '.join(names)}",
            "correct the contract, or ingest a file that has the column",
        )
    silent = [name for name in names if name not in contract.columns and name not in contract.keys]
    absent = [name for name in contract.columns if name not in there]
    meant = [(name, difflib.get_close_matches(name, silent, 1, 0.8)) for name in absent]
    if any(close for _, close in meant):
        said = ", ".join(f"{name} (did you mean {close[0]}?)" for name, close in meant if close)
        raise DataLabError(
            "E_CONTRACT_MISMATCH",
            f"the contract of {table} has rules for {said}; bronze.{table} has {', '.join(names)}",
            "correct the contract: a rule for a column that is not there holds for nothing",
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
