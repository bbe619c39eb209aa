"""When silver is made again because its code has changed, and when it is left alone."""

from __future__ import annotations

import json

import pytest
from conftest import Load
from deltalake import DeltaTable

from datalab.delta_log import commit_fact
from datalab.lake import Lake
from datalab.layers import silver_code
from datalab.layers.quality import Contract
from datalab.layers.silver import refine
from datalab.layers.silver_code import code_hash, meaning

PLAIN = """\
from datalab.infer import cast
from datalab.columns import LINEAGE

def value(name):
    return cast(name)
"""


def made_by(lake: Lake, code: str) -> None:
    """Write silver.t and its quarantine once more, as if the code with this hash had made them."""
    for name in ("t", "t_quarantine"):
        table = lake.require("silver", name)
        inputs = {**commit_fact(table, "datalab.inputs"), "code": code}
        result = json.dumps(commit_fact(table, "datalab.result"))
        facts = {"datalab.inputs": json.dumps(inputs), "datalab.result": result}
        lake.write("silver", name, table.to_pyarrow_table(), "overwrite", facts, table)


@pytest.fixture
def silver(lake: Lake, load: Load) -> DeltaTable:
    load(b"a,b\n1,x\n2,y\n")
    assert refine(lake, "t", Contract("t"), "run-1").skipped is False
    return lake.require("silver", "t")


@pytest.mark.usefixtures("silver")
def test_the_same_code_leaves_a_table_alone(lake: Lake) -> None:
    assert refine(lake, "t", Contract("t"), "run-2").skipped is True
    assert lake.require("silver", "t").version() == 0


@pytest.mark.usefixtures("silver")
def test_other_code_makes_it_again(lake: Lake) -> None:
    made_by(lake, "0123456789abcdef")
    assert refine(lake, "t", Contract("t"), "run-2").skipped is False
    assert commit_fact(lake.require("silver", "t"), "datalab.inputs")["code"] == code_hash()


@pytest.mark.usefixtures("silver")
def test_code_that_is_known_to_make_the_same_leaves_it_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by(lake, "0123456789abcdef")
    monkeypatch.setattr(silver_code, "SAME_ROWS", {code_hash(): ("0123456789abcdef",)})
    kept = refine(lake, "t", Contract("t"), "run-2")
    assert (kept.skipped, kept.rows_in, kept.rows_out, kept.quarantined) == (True, 2, 2, 0)
    assert lake.require("silver", "t").version() == 1
    # What was equal to an earlier state of this code says nothing of what it has become since.
    monkeypatch.setattr(silver_code, "SAME_ROWS", {"fedcba9876543210": ("0123456789abcdef",)})
    assert refine(lake, "t", Contract("t"), "run-3").skipped is False


@pytest.mark.usefixtures("silver")
def test_another_contract_makes_it_again_whatever_the_code(lake: Lake) -> None:
    assert refine(lake, "t", Contract("t", hash="another"), "run-2").skipped is False


@pytest.mark.parametrize(
    "changed",
    [
        PLAIN.replace("return", "# why\n    return"),
        PLAIN.replace("    return", '    """What it does."""\n    return'),
        '"""A module."""\n' + PLAIN,
        PLAIN.replace("cast(name)", "cast(\n        name\n    )"),
        "from datalab.formats.columns import LINEAGE\nfrom datalab.layers.infer import cast\n"
        + PLAIN.partition("\n\n")[2],
    ],
    ids=["comment", "docstring", "module docstring", "layout", "moved and sorted imports"],
)
def test_what_decides_no_row_is_the_same_code(changed: str) -> None:
    assert changed != PLAIN
    assert meaning(changed) == meaning(PLAIN)


@pytest.mark.parametrize(
    "changed",
    [
        PLAIN.replace("cast(name)", "cast(name, strict=True)"),
        PLAIN.replace("import cast", "import try_cast as cast"),
        PLAIN.replace("datalab.infer", "datalab.guess"),
        PLAIN.replace("return", "name = name.strip()\n    return"),
    ],
    ids=["argument", "imported name", "imported file", "statement"],
)
def test_what_may_decide_a_row_is_other_code(changed: str) -> None:
    assert changed != PLAIN
    assert meaning(changed) != meaning(PLAIN)


@pytest.mark.parametrize("name", silver_code.DECIDES)
def test_every_file_that_decides_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silver_code, "meaning", lambda source: source)
    whole = code_hash.__wrapped__()
    without = tuple(each for each in silver_code.DECIDES if each != name)
    monkeypatch.setattr(silver_code, "DECIDES", without)
    assert code_hash.__wrapped__() != whole
