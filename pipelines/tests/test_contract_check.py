"""What no run could do is refused when a contract is registered, and before a file is loaded."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from datalab import lake_cli
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers.contract_check import check_contract
from datalab.layers.landing import land, landed
from datalab.layers.quality import parse_contract
from datalab.prefect.registration import _check_folder

# By what is in the error: contracts that `parse_contract` alone let through.
WRONG = {
    "columns.a: Invalid Input Error": "columns: {a: {regex: '(?=x)y'}}",
    "columns.a: Conversion Error": "columns: {a: {type: bigint, min: few}}",
    "columns.a: Conversion": "columns: {a: {type: date, allowed: [2026-01-01, tomorrow]}}",
    "columns.a: ": "columns: {a: {type: 'decimal(40,2)'}}",
    "_raw: is a column of the lake's own": "columns: {_raw: varchar}",
    "_run_id: is a column of the lake's own": "keys: [_run_id]",
    "freshness.column: a is a bigint, not a time": (
        "columns: {a: bigint}\nfreshness: {column: a, max_age: 2d}"
    ),
    "columns.a.min: expected a number": "columns: {a: {type: double, min: .inf}}",
    "columns.a.allowed: expected a list of single values": "columns: {a: {allowed: [[1]]}}",
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
  e: {regex: "^[A-Z]{2}$", allowed: [AB, 1, true]}
  f: {min: 1, max: 2020-01-01}
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
