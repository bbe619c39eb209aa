"""Table contracts: what a table's columns must be. Read from YAML, all problems told at once."""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from datalab.errors import DataLabError
from datalab.formats.source import FORMATS, Declared
from datalab.layers.contract_values import Places, misfit
from datalab.layers.written import Written, parse_written

if TYPE_CHECKING:
    from datalab.lake import Lake

CONTRACTS = "contracts"

TYPES = ("bigint", "double", "boolean", "date", "timestamp", "timestamptz", "varchar")
DECIMAL = re.compile(r"^decimal\((\d{1,2}),\s*(\d{1,2})\)$")
NULLS = ("", "NA", "N/A", "NULL", "null", "NaN", "nan", "\\N")
SOURCE = {"format", "delimiter", "encoding", "header", "columns"} | {"skip", "header_row", "footer", "sheet"}
AGE = re.compile(r"^(\d+)\s*(m|h|d)$")


@dataclass(frozen=True)
class Column:
    """What one column must be. A rule that is not given is not checked; NULL breaks only `required`."""

    name: str
    type: str | None = None
    required: bool = False
    minimum: Any = None
    maximum: Any = None
    allowed: tuple[Any, ...] | None = None
    regex: str | None = None
    written: Written | None = None  # how people write its values; None: as programs do


@dataclass(frozen=True)
class Contract:
    """A table's contract; the empty one infers every type and accepts every row that could be read."""

    table: str
    columns: dict[str, Column] = field(default_factory=dict)
    nulls: tuple[str, ...] = NULLS
    keys: tuple[str, ...] = ()
    keep: str = "last"  # which of the rows with the same key stays: first or last
    freshness: tuple[str, int] | None = None  # column, seconds
    source: Declared = field(default_factory=Declared)
    hash: str = "none"


def contract_for(table: str, folder: Path) -> Contract:
    """The contract in `<folder>/<table>.yaml`, or the empty one."""
    path = folder / f"{table}.yaml"
    if not path.is_file():
        return Contract(table)
    raw = path.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise DataLabError(
            "E_CONTRACT_INVALID", f"{path.name} is no UTF-8: {error}", "save it as UTF-8"
        ) from error
    return parse_contract(text, table, path.name, hashlib.sha256(raw).hexdigest()[:16])


def published_contract(lake: Lake, table: str) -> Contract:
    """The contract that the registrar has put into the artifacts bucket, or the empty one."""
    try:
        with lake.open("artifacts", f"{CONTRACTS}/{table}.yaml") as stream:
            text = stream.read().decode()
    except DataLabError as error:
        if error.code == "E_NO_OBJECT":
            return Contract(table)
        raise
    return parse_contract(text, table, f"the contract of {table}")


def parse_contract(text: str, table: str, where: str, digest: str = "") -> Contract:
    """A contract from YAML; raises one error that lists every problem."""
    try:
        given = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise DataLabError(
            "E_CONTRACT_INVALID", f"{where} is no YAML: {error}", "check the indentation"
        ) from error
    problems = _Problems(where, Places(text))
    top = problems.mapping(
        given, "", {"table", "summary", "source", "nulls", "columns", "keys", "keep", "freshness"}
    )
    if top.get("table", table) != table:
        problems.add("table", f'"{table}" (the file\'s name)', top["table"])
    nulls = tuple(problems.strings(top.get("nulls", list(NULLS)), "nulls"))
    columns = problems.mapping(top.get("columns") or {}, "columns", None)
    contract = Contract(
        table=table,
        columns={str(name): problems.column(str(name), spec) for name, spec in columns.items()},
        nulls=nulls,
        keys=tuple(problems.strings(top.get("keys", []), "keys")),
        keep=problems.one_of(top.get("keep", "last"), "keep", ("first", "last")),
        freshness=problems.freshness(top.get("freshness")),
        source=problems.source(top.get("source") or {}),
        hash=digest or hashlib.sha256(text.encode()).hexdigest()[:16],
    )
    if problems.found:
        lines = "".join(f"\n  ✖ {each}" for each in problems.found)
        raise DataLabError("E_CONTRACT_INVALID", f"{where}:{lines}", "see docs/medallion.md, Contracts")
    return contract


def _is_decimal(kind: object) -> bool:
    match = DECIMAL.match(kind) if isinstance(kind, str) else None
    return match is not None and 0 < int(match[1]) <= 38 and int(match[2]) <= int(match[1])


class _Problems:
    def __init__(self, where: str, places: Places) -> None:
        self.where = where
        self.places = places
        self.found: list[str] = []

    def say(self, path: str, what: str) -> None:
        line = self.places.line(tuple(path.split(".")) if path else ())
        self.found.append(f"{self.where}:{line}: {path or 'contract'}: {what}")

    def add(self, path: str, expected: str, received: object) -> None:
        self.say(path, f"expected {expected}, received {received!r}")

    def mapping(self, given: object, path: str, known: set[str] | None) -> dict[Any, Any]:
        if not isinstance(given, dict):
            self.add(path, "a mapping", given)
            return {}
        for key in given:
            here = f"{path + '.' if path else ''}{key}"
            if not isinstance(key, str):
                self.say(path, f"expected a name, received {key!r} (YAML reads it so: write it in quotes)")
            elif known is not None and key not in known:
                close = difflib.get_close_matches(key, sorted(known), n=1)
                meant = f"did you mean {close[0]}? " if close else ""
                self.say(here, f"unknown; {meant}known are {', '.join(sorted(known))}")
        return given

    def strings(self, given: object, path: str) -> list[str]:
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            self.add(path, "a list of texts", given)
            return []
        return given

    def one_of(self, given: object, path: str, known: tuple[str, ...]) -> Any:
        if given not in known:
            self.add(path, " or ".join(known), given)
            return known[0]
        return given

    def flag(self, given: object, path: str) -> bool:
        if not isinstance(given, bool):
            self.add(path, "true or false", given)
            return False
        return given

    def text(self, given: object, path: str) -> str | None:
        if given is not None and not isinstance(given, str):
            self.add(path, "a text", given)
            return None
        return given

    def column(self, name: str, spec: object) -> Column:
        path = f"columns.{name}"
        known = {"type", "format", "required", "min", "max", "allowed", "regex", "summary"}
        given = self.mapping({"type": spec} if isinstance(spec, str) else (spec or {}), path, known)
        kind = given.get("type")
        if kind is not None and kind not in TYPES and not _is_decimal(kind):
            self.add(f"{path}.type", f"{', '.join(TYPES)} or decimal(p,s) with s <= p <= 38", kind)
            kind = None
        regex = self.text(given.get("regex"), f"{path}.regex")
        if regex is not None:
            try:
                re.compile(regex)
            except re.error as error:
                self.say(f"{path}.regex", str(error))
                regex = None
        allowed = given.get("allowed")
        if allowed is not None and not isinstance(allowed, list):
            self.add(f"{path}.allowed", "a list", allowed)
            allowed = None
        if any(isinstance(each, list | dict) or each is None for each in allowed or ()):
            self.add(f"{path}.allowed", "a list of single values", allowed)
            allowed = None
        for bound in ("min", "max"):
            value = given.get(bound)
            if isinstance(value, list | dict | bool) or (isinstance(value, float) and not isfinite(value)):
                self.add(f"{path}.{bound}", "a number, a date or a text", value)
        if kind == "boolean":
            for bound in {"min", "max"} & set(given):
                self.say(f"{path}.{bound}", "a boolean is neither more nor less than another")
        else:
            bounds = [each for each in ("min", "max") if given.get(each) is not None]
            self.fit(kind, path, [(each, given[each]) for each in bounds])
        written = None
        if given.get("format") is not None:
            written, wrong = parse_written(given["format"], kind)
            for where, what in wrong:
                self.say(".".join(filter(None, (path, "format", where))), what)
        self.fit(kind, f"{path}.allowed", [(str(n), each) for n, each in enumerate(allowed or ())])
        return Column(
            name,
            kind,
            self.flag(given.get("required", False), f"{path}.required"),
            given.get("min"),
            given.get("max"),
            tuple(allowed) if allowed is not None else None,
            regex,
            written,
        )

    def fit(self, kind: str | None, path: str, values: list[tuple[str, object]]) -> None:
        """Refuses values that are of another kind than their column."""
        parts = [(tuple(f"{path}.{name}".split(".")), value) for name, value in values]
        written = [(self.places.written(each, value), value) for each, value in parts]
        wrong = misfit(kind, written)
        if wrong is not None:
            self.say(path, wrong)

    def freshness(self, given: object) -> tuple[str, int] | None:
        if given is None:
            return None
        spec = self.mapping(given, "freshness", {"column", "max_age"})
        match = AGE.match(str(spec.get("max_age")))
        column = self.text(spec.get("column"), "freshness.column")
        if match is None or not column:
            self.add("freshness", 'column and max_age such as "2d", "6h" or "30m"', given)
            return None
        return column, int(match[1]) * {"m": 60, "h": 3600, "d": 86400}[match[2]]

    def source(self, given: object) -> Declared:
        spec = self.mapping(given, "source", SOURCE)
        kind = spec.get("format")
        if kind is not None:
            kind = self.one_of(kind, "source.format", FORMATS)
        columns = spec.get("columns")
        header = self.flag(spec.get("header", True), "source.header")
        skip = self.count(spec.get("skip"), "source.skip", 0)
        row = self.count(spec.get("header_row"), "source.header_row", 1)
        if row is not None:
            if skip is not None or not header:
                self.say("source.header_row", "leave it out, or both source.skip and header: false")
            skip = row - 1
        return Declared(
            kind,
            self.text(spec.get("delimiter"), "source.delimiter"),
            self.text(spec.get("encoding"), "source.encoding"),
            header,
            self.strings(columns, "source.columns") if columns is not None else None,
            skip,
            self.count(spec.get("footer"), "source.footer", 0) or 0,
            self.text(spec.get("sheet"), "source.sheet"),
        )

    def count(self, given: object, path: str, least: int) -> int | None:
        if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < least):
            self.add(path, f"a whole number from {least} on", given)
            return None
        return given
