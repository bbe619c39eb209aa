"""Values as JSON: none is lost, rounded or taken for another."""

from __future__ import annotations

import io
import json
import sys

import pyarrow as pa
import pytest
from conftest import Load

from datalab import lake_cli
from datalab.lake import Lake

# As the tool writes it, for a reader of JSON may round what it reads.
CASES = [
    ("'NaN'::DOUBLE", '"NaN"'),
    ("'inf'::DOUBLE", '"Infinity"'),
    ("'-inf'::FLOAT", '"-Infinity"'),
    ("NULL", "null"),
    ("''", '""'),
    ("9007199254740993", "9007199254740993"),
    ("(-9223372036854775808)::BIGINT", "-9223372036854775808"),
    ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
    ("12345678901234567890123456789012345678::DECIMAL(38, 0)", "12345678901234567890123456789012345678"),
    ("1.25::DECIMAL(9, 2)", "1.25"),
    ("1.00000000000000000001::DECIMAL(38, 20)", '"1.00000000000000000001"'),
    ("['NaN'::DOUBLE, 1.5]", '["NaN", 1.5]'),
    ("{'a': 9007199254740993, 'b': 'inf'::DOUBLE}", '{"a": 9007199254740993, "b": "Infinity"}'),
    ("chr(27) || '[31m'", '"\\u001b[31m"'),
]


@pytest.fixture
def printed(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))

    def run(*arguments: str, stdin: str = "") -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        assert lake_cli.main(list(arguments)) == 0
        return capsys.readouterr().out

    return run


def test_a_query_prints_every_value_as_it_is(printed) -> None:
    columns = ", ".join(f"{sql} AS v{n}" for n, (sql, _) in enumerate(CASES))
    wanted = ", ".join(f'"v{n}": {text}' for n, (_, text) in enumerate(CASES))
    assert printed("query", stdin=f"SELECT {columns}") == f"[{{{wanted}}}]\n"


def test_so_does_the_sample_of_a_table(printed, lake: Lake) -> None:
    rows = {"x": [float("nan"), float("-inf"), None, 0.5], "n": [2**63 - 1, None, -(2**53) - 1, 0]}
    lake.write("gold", "odd", pa.table(rows), "append", {}, None)
    text = printed("show", "gold.odd")
    assert '"n": 9223372036854775807' in text
    assert [row["x"] for row in json.loads(text)["sample"]] == ["NaN", "-Infinity", None, 0.5]


def test_a_file_of_numbers_keeps_them(printed, load: Load) -> None:
    load(b'{"id": 12345678901234567890}\n', name="t.jsonl")
    assert json.loads(printed("query", stdin="SELECT id FROM bronze.t")) == [{"id": "12345678901234567890"}]
