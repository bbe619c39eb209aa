"""What no run could do is refused when a contract is registered, and before a file is loaded."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from conftest import Load, rows_of

from datalab import lake_cli
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers.contract_check import check_contract
from datalab.layers.landing import land, landed
from datalab.layers.quality import parse_contract
from datalab.layers.silver import refine
from datalab.prefect.registration import _check_folder

# By what is in the error: contracts that `parse_contract` alone let through.
WRONG = {
    "columns.a: Invalid Input Error": "columns: {a: {regex: '(?=x)y'}}",
    "columns.a: Conversion Error": "columns: {a: {type: bigint, min: few}}",
    "columns.a: Conversion": "columns: {a: {type: date, allowed: [2026-01-01, tomorrow]}}",
    "t.yaml:1: columns.a.type: expected bigint": "columns: {a: {type: 'decimal(40,2)'}}",
    "_raw: is a column of the lake's own": "columns: {_raw: varchar}",
    "_run_id: is a column of the lake's own": "keys: [_run_id]",
    "freshness.column: a is a bigint, not a time": (
        "columns: {a: bigint}\nfreshness: {column: a, max_age: 2d}"
    ),
    "columns.a.min: expected a number": "columns: {a: {type: double, min: .inf}}",
    "columns.a.allowed: expected a list of single values": "columns: {a: {allowed: [[1]]}}",
    "t.yaml:3: columns.code.allowed: expected texts for a varchar, received False "
    '(YAML reads NO as a boolean: write it in quotes, "NO")': (
        "columns:\n  code:\n    allowed: [NA, NO, SE]\n    type: varchar"
    ),
    "columns.a.allowed: expected texts for a varchar, received 1": (
        "columns: {a: {type: varchar, allowed: [1]}}"
    ),
    "columns.a: expected texts for a varchar, received 5": "columns: {a: {type: varchar, min: 5}}",
    "columns.a.allowed: expected values of one kind, received False": "columns: {a: {allowed: [x, off]}}",
    "columns.a: expected a number for a bigint, received datetime.date": (
        "columns: {a: {type: bigint, max: 2020-01-01}}"
    ),
    "columns.a.min: a boolean is neither more nor less": "columns: {a: {type: boolean, min: true}}",
    "t.yaml:2: columns: expected a name, received False": "keys: []\ncolumns: {no: bigint}",
    "t.yaml:1: colums: unknown; did you mean columns?": "colums: {}",
}


@pytest.mark.parametrize(("words", "text"), WRONG.items(), ids=list(WRONG.values()))
def test_what_no_run_could_do_is_refused(words: str, text: str) -> None:
    with pytest.raises(DataLabError) as caught:
        check_contract(parse_contract(text, "t", "t.yaml"))
    assert caught.value.code == "E_CONTRACT_INVALID" and words in caught.value.message


def test_all_problems_are_told_at_once() -> None:
    text = "columns: {a: {regex: '(?=x)y'}, b: {type: bigint, min: few}}\nkeys: [_raw]"
    with pytest.raises(DataLabError) as caught:
        check_contract(parse_contract(text, "t", "t.yaml"))
    assert caught.value.message.count("✖") == 3


def test_what_a_run_can_do_passes(medallion: Path) -> None:
    for path in medallion.glob("contracts/*.yaml"):
        check_contract(parse_contract(path.read_text(), path.stem, path.name))
    text = """
columns:
  a: {type: bigint, min: -5, max: 1000, allowed: [1, 2], required: true}
  b: {type: "decimal(38,10)", min: 0.5}
  c: {type: date, min: 2020-01-01, max: "2030-01-01"}
  d: {type: timestamptz, min: 2020-01-01T00:00:00Z}
  e: {regex: "^[A-Z]{2}$", allowed: [AB, "1", "true"]}
  f: {min: 1, max: 2.5}
  g: {type: varchar, allowed: ["NO", "1"], min: A}
keys: [a, z]
freshness: {column: e, max_age: 2d}
"""
    check_contract(parse_contract(text, "t", "t.yaml"))


def test_registration_and_ingest_refuse_it(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "columns: {a: {regex: '(?=x)y'}}"
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "t.yaml").write_text(text)
    with pytest.raises(DataLabError) as caught:
        _check_folder(tmp_path)
    assert caught.value.code == "E_CONTRACT_INVALID"
    lake.put("artifacts", "contracts/t.yaml", text.encode())
    (tmp_path / "t.csv").write_text("a\n1\n")
    key = land(lake, tmp_path / "t.csv", "t").key
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert lake_cli.main(["ingest", "--table", "t", "--key", key]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E_CONTRACT_INVALID"
    # The contract is to blame: the file waits.
    assert [each.key for each in landed(lake, "t")] == [key]


def test_the_case_of_a_column_does_not_count(lake: Lake, load: Load) -> None:
    load(b"Id,Amount\n1,5\n1,6\n2,-7\n")
    text = "columns: {amount: {type: bigint, min: 0}}\nkeys: [id]\nkeep: first"
    refine(lake, "t", parse_contract(text, "t", "t.yaml"), "r")
    assert rows_of(lake, "silver", "t", "Id", "Amount") == [(1, 5)]
    assert sorted(rows_of(lake, "silver", "t_quarantine", "_reasons")) == [
        ("Amount: below 0",), ("duplicate key (Id): the first row is kept",),
    ]  # fmt: skip


def test_a_column_that_is_misspelt_is_not_ignored(lake: Lake, load: Load) -> None:
    load(b"id,amount\n1,5\n")
    contract = parse_contract("columns: {amuont: {min: 0}}", "t", "t.yaml")
    with pytest.raises(DataLabError, match=r"rules for amuont \(did you mean amount\?\)") as refused:
        refine(lake, "t", contract, "r")
    assert refused.value.code == "E_CONTRACT_MISMATCH"
    # A column that other files have may be described.
    refine(lake, "t", parse_contract("columns: {country: {regex: x}}", "t", "t.yaml"), "r")
