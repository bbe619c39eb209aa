"""A table of silver or gold is written by one pipeline: the run leaves the others' alone."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from pathlib import Path

import pytest
from conftest import Load

from datalab.delta_log import commit_fact
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers import owners
from datalab.medallion import Outcome, build_gold, load_bronze, refine_silver

PRICES = b"id,price\n1,2.50\n1,2.50\nx,3\n4,1.25\n"
CONTRACT = "columns: { id: { type: bigint, required: true }, price: 'decimal(9,2)' }\nkeys: [id]\n"


@pytest.fixture
def pipelines(tmp_path: Path) -> Path:
    """Two pipelines: one with a contract and a gold file, and one with neither."""
    folder = tmp_path / "pipelines"
    (folder / "shop" / "contracts").mkdir(parents=True)
    (folder / "shop" / "gold").mkdir()
    (folder / "shop" / "contracts" / "prices.yaml").write_text(CONTRACT)
    (folder / "shop" / "gold" / "total.sql").write_text("SELECT sum(price) AS total FROM silver.prices")
    (folder / "all_tables").mkdir()
    return folder


def register(lake: Lake, folder: Path, *names: str) -> None:
    owned, problems = owners.declared(folder, names)
    assert problems == []
    owners.publish(lake, names, owned)


def run(lake: Lake, folder: Path, table: str | None = None) -> Outcome:
    """What the flow of a pipeline does."""
    done = load_bronze(lake, folder, table, None, "run")
    refine_silver(lake, folder, table, "run", done)
    build_gold(lake, folder, "run", done)
    return done


def content(lake: Lake, name: str) -> tuple[int, str, int]:
    """Version, type of the price, rows."""
    table = lake.require("silver", name)
    return table.version(), str(table.schema().to_json()).count("decimal(9,2)"), table.count()


def test_a_run_leaves_another_pipeline_s_silver_alone(
    lake: Lake, load: Load, pipelines: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(PRICES, "prices")
    load(b"a\n1\n", "others")
    register(lake, pipelines, "all_tables", "shop")
    run(lake, pipelines / "shop", "prices")
    assert content(lake, "prices") == (0, 1, 2)
    assert commit_fact(lake.require("silver", "prices"), "datalab.owner") == "shop"
    assert commit_fact(lake.require("gold", "total"), "datalab.owner") == "shop"

    with caplog.at_level(logging.INFO):
        done = run(lake, pipelines / "all_tables")
    assert [each.table for each in done.silver] == ["others"]
    assert done.verdict() is None
    assert "left alone: silver.prices belongs to the pipeline shop, which declares it" in caplog.messages
    assert content(lake, "prices") == (0, 1, 2)
    # New rows of its source are its owner's, too.
    load(b"id,price\n7,1.00\n", "prices", "more.csv")
    run(lake, pipelines / "all_tables")
    assert content(lake, "prices") == (0, 1, 2)
    run(lake, pipelines / "shop", "prices")
    assert content(lake, "prices") == (1, 1, 3)


def test_the_first_run_of_a_new_contract_s_pipeline_may_come_later(
    lake: Lake, load: Load, pipelines: Path
) -> None:
    load(PRICES, "prices")
    register(lake, pipelines, "all_tables", "shop")
    assert run(lake, pipelines / "all_tables").silver == []
    assert lake.table("silver", "prices") is None


def test_a_table_of_another_pipeline_is_refused_when_it_is_asked_for(
    lake: Lake, load: Load, pipelines: Path
) -> None:
    load(PRICES, "prices")
    register(lake, pipelines, "all_tables", "shop")
    for table in ("prices", "prices_quarantine"):
        if table != "prices":
            load(b"a\n1\n", table)
        with pytest.raises(DataLabError, match=rf"silver.{table} belongs to the pipeline shop") as told:
            run(lake, pipelines / "all_tables", table)
        assert told.value.code == "E_TABLE_OWNER"
    assert lake.names("silver") == []


def test_tables_without_a_contract_stay_with_the_pipeline_that_made_them(
    lake: Lake, load: Load, pipelines: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(b"a\n1\n", "others")
    (pipelines / "copy").mkdir()
    register(lake, pipelines, "all_tables", "copy")
    assert [each.table for each in run(lake, pipelines / "all_tables").silver] == ["others"]
    load(b"a\n2\n", "others", "more.csv")
    assert run(lake, pipelines / "copy").silver == []
    with pytest.raises(DataLabError, match="all_tables, which has written it and is still registered"):
        run(lake, pipelines / "copy", "others")

    # Its owner is gone: the other one takes it over, and says so once.
    register(lake, pipelines, "copy")
    with caplog.at_level(logging.WARNING):
        assert [each.skipped for each in run(lake, pipelines / "copy").silver] == [False]
        assert [each.skipped for each in run(lake, pipelines / "copy").silver] == [True]
    said = "silver.others is taken over from all_tables, whose table it is no longer"
    assert caplog.messages.count(said) == 1
    assert commit_fact(lake.require("silver", "others"), "datalab.owner") == "copy"


def test_a_contract_or_a_gold_file_that_moves_takes_its_table_along(
    lake: Lake, load: Load, pipelines: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(PRICES, "prices")
    register(lake, pipelines, "all_tables", "shop")
    run(lake, pipelines / "shop")
    for file in ("contracts/prices.yaml", "gold/total.sql"):
        (pipelines / "all_tables" / file).parent.mkdir()
        (pipelines / "shop" / file).rename(pipelines / "all_tables" / file)
    (pipelines / "all_tables" / "gold" / "total.sql").write_text("SELECT 1 AS total FROM silver.prices")
    register(lake, pipelines, "all_tables", "shop")
    load(b"id,price\n7,1.00\n", "prices", "more.csv")
    with caplog.at_level(logging.WARNING):
        assert run(lake, pipelines / "all_tables").verdict() is None
    assert content(lake, "prices") == (1, 1, 3)
    assert [line for line in caplog.messages if "taken over from shop" in line] == [
        "silver.prices is taken over from shop, whose table it is no longer",
        "gold.total is taken over from shop, whose table it is no longer",
    ]


def test_an_older_version_of_a_pipeline_does_not_write_gold_that_is_another_s_by_now(
    lake: Lake, load: Load, pipelines: Path
) -> None:
    load(PRICES, "prices")
    register(lake, pipelines, "shop")
    run(lake, pipelines / "shop")
    old = pipelines / "old"
    (old / "gold").mkdir(parents=True)
    (old / "gold" / "total.sql").write_text("SELECT 0 AS total FROM silver.prices")
    failure = run(lake, old).verdict()
    assert failure is not None and failure.code == "E_TABLES_FAILED"
    assert "gold.total belongs to the pipeline shop, which declares it" in str(failure)
    assert lake.require("gold", "total").version() == 0


def test_a_flow_of_its_own_code_records_its_tables_and_is_refused_others(
    lake: Lake, load: Load, pipelines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(PRICES, "prices")
    load(b"a\n1\n", "others")
    register(lake, pipelines, "own_code", "shop")
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))
    (pipelines / "own_code").mkdir()
    code = pipelines / "own_code" / "flow.py"
    code.write_text(
        "from datalab.layers.quality import Contract\n"
        "from datalab.layers.silver import refine\n"
        "from datalab.pipeline import pipeline\n"
        "from datalab.settings import Settings\n"
        "@pipeline\n"
        "def own_code(table: str) -> None:\n"
        "    refine(Settings.from_env().lake(), table, Contract(table), 'run')\n"
    )
    spec = importlib.util.spec_from_file_location("own_code", code)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "own_code", module)
    spec.loader.exec_module(module)
    work = module.own_code.fn
    work("others")
    assert commit_fact(lake.require("silver", "others"), "datalab.owner") == "own_code"
    with pytest.raises(DataLabError, match=r"silver\.prices_quarantine belongs to the pipeline shop") as told:
        work("prices")
    assert told.value.code == "E_TABLE_OWNER"
    assert lake.names("silver") == ["others", "others_quarantine"]
    # Whatever it is that is not a pipeline's run records nothing: a notebook, a test.
    assert "DATALAB_PIPELINE" not in os.environ


def test_files_are_read_as_their_table_s_owner_says(lake: Lake, tmp_path: Path, pipelines: Path) -> None:
    from datalab.layers.landing import land

    contract = "source: { delimiter: '|', header: false, columns: [id, price] }\n"
    (pipelines / "shop" / "contracts" / "prices.yaml").write_text(contract)
    lake.put("artifacts", "contracts/prices.yaml", contract.encode())
    register(lake, pipelines, "all_tables", "shop")
    (tmp_path / "p.csv").write_bytes(b"1|2,5\n2|3,5\n")
    land(lake, tmp_path / "p.csv", "prices")
    run(lake, pipelines / "all_tables")
    assert lake.require("bronze", "prices").count() == 2
    assert {"id", "price"} <= {each.name for each in lake.require("bronze", "prices").schema().fields}


def test_two_owners_of_a_table_are_named_with_their_files(pipelines: Path) -> None:
    for file, text in (("contracts/prices_quarantine.yaml", ""), ("gold/total.sql", "SELECT 1")):
        (pipelines / "all_tables" / file).parent.mkdir()
        (pipelines / "all_tables" / file).write_text(text)
    assert owners.declared(pipelines, ["all_tables", "shop"])[1] == [
        "silver.prices_quarantine has 2 owners: all_tables/contracts/prices_quarantine.yaml and "
        "shop/contracts/prices.yaml; keep the file in one pipeline",
        "gold.total has 2 owners: all_tables/gold/total.sql and shop/gold/total.sql; "
        "keep the file in one pipeline",
    ]
    (pipelines / "all_tables" / "contracts" / "prices_quarantine.yaml").rename(
        pipelines / "all_tables" / "contracts" / "prices.yaml"
    )
    assert [line.partition(" has ")[0] for line in owners.declared(pipelines, ["all_tables", "shop"])[1]] == [
        "silver.prices",
        "gold.total",
    ]
