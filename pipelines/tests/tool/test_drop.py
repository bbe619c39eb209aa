"""Removing tables: exactly what is said, and nothing that comes back by itself."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Load

from datalab import lake_cli
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers.drop import drop
from datalab.layers.landing import land, landed_tables
from datalab.medallion import build_gold, load_bronze, refine_silver
from datalab.settings import Settings

SQL = "SELECT a, count(*) AS n FROM silver.t GROUP BY a ORDER BY a"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline"
    (path / "gold").mkdir(parents=True)
    (path / "gold" / "counts.sql").write_text(SQL)
    return path


def run_pipeline(lake: Lake, folder: Path) -> None:
    done = load_bronze(lake, folder, None, None, "r")
    refine_silver(lake, folder, None, "r", done)
    build_gold(lake, folder, "r", done)
    assert done.failed == {}


def tables(lake: Lake) -> list[str]:
    return [f"{each.layer}.{each.name}" for each in lake.list_tables()]


def keys(lake: Lake, bucket: str) -> list[str]:
    base = Path(lake.path(bucket, ""))
    return sorted(str(each.relative_to(base)) for each in base.rglob("*") if each.is_file())


def owned(lake: Lake, table: str) -> str:
    with pytest.raises(DataLabError) as caught:
        drop(lake, table)
    assert caught.value.code == "E_TABLE_OWNED"
    return caught.value.message


def test_bronze_goes_with_its_files_and_does_not_come_back(lake: Lake, load: Load, folder: Path) -> None:
    load(b"a\n1\n2\n")
    load(b"a\n1\n", table="other")
    run_pipeline(lake, folder)
    plan = drop(lake, "bronze.t", dry_run=True)
    assert (plan.table, plan.rows, plan.removed, plan.reasons) == ("bronze.t", 2, False, [])
    assert plan.removes == ["bronze.t: 2 objects", "bronze/_landing/t: 1 object"]
    assert plan.notes == [
        "silver.t was made from it and stays as it is",
        "silver.t_quarantine was made from it and stays as it is",
    ]
    assert "bronze.t" in tables(lake) and plan.bytes > 0
    done = drop(lake, "bronze.t")
    assert done.removed and (done.bytes, done.objects) == (plan.bytes, 3)
    assert [key for key in keys(lake, "bronze") if "other/" not in key] == []
    before = tables(lake)
    assert "bronze.t" not in before and {"bronze.other", "silver.t", "gold.counts"} <= set(before)
    run_pipeline(lake, folder)
    assert tables(lake) == before and landed_tables(lake) in (["other"], ["other", "t"])
    assert load(b"a\n1\n2\n").version == 0


def test_silver_goes_with_its_quarantine_once_bronze_is_gone(lake: Lake, load: Load, folder: Path) -> None:
    load(b"a\n1\n")
    run_pipeline(lake, folder)
    assert owned(lake, "silver.t") == (
        "silver.t was not removed: a pipeline's next run makes it again from bronze.t: drop that table first"
    )
    assert owned(lake, "silver.t_quarantine").endswith("it belongs to silver.t: drop that table")
    drop(lake, "bronze.t")
    done = drop(lake, "silver.t")
    assert [each.split(":")[0] for each in done.removes] == ["silver.t", "silver.t_quarantine"]
    assert done.notes == [
        "gold.counts reads it: it stays as it is, and is not built again while this is missing"
    ]
    assert tables(lake) == ["gold.counts", "gold.metrics"]
    run_pipeline(lake, folder)
    assert tables(lake) == ["gold.counts", "gold.metrics"]


def test_gold_of_a_pipeline_needs_force_and_other_tables_do_not(lake: Lake, load: Load, folder: Path) -> None:
    load(b"a\n1\n")
    run_pipeline(lake, folder)
    lake.write("gold", "mine", pa.table({"x": [1]}), "append", {}, None)
    assert "gold/counts.sql makes it again" in owned(lake, "gold.counts")
    assert "runs write it" in owned(lake, "gold.metrics")
    assert drop(lake, "gold.mine").reasons == []
    assert drop(lake, "gold.counts", force=True).removed
    assert "gold.counts" not in tables(lake) and "gold.metrics" in tables(lake)


def test_a_table_with_a_contract_is_declared(lake: Lake, load: Load) -> None:
    load(b"a\n1\n")
    lake.put("artifacts", "contracts/t.yaml", b"table: t\n")
    assert owned(lake, "bronze.t").endswith("a pipeline declares it, in contracts/t.yaml")
    assert drop(lake, "bronze.t", force=True).removed


def test_what_can_t_be_read_and_what_is_half_removed_can_be_removed(lake: Lake, load: Load) -> None:
    load(b"a\n1\n")
    log = Path(lake.path("bronze", "t/_delta_log"))
    (log / f"{0:020}.json").write_text("not json")
    plan = drop(lake, "bronze.t", dry_run=True)
    assert plan.rows is None and plan.objects == 3
    for each in log.iterdir():
        each.unlink()
    assert drop(lake, "bronze.t").removed
    assert keys(lake, "bronze") == []


@pytest.mark.parametrize("name", ["t", "bronze.", "bronze._landing", "tin.t", "bronze.t/../u", "artifacts.t"])
def test_a_name_that_is_no_table_removes_nothing(lake: Lake, load: Load, name: str) -> None:
    load(b"a\n1\n")
    with pytest.raises(DataLabError) as caught:
        drop(lake, name, force=True)
    assert caught.value.code == "E_USAGE"
    with pytest.raises(DataLabError) as caught:
        drop(lake, "bronze.tt", force=True)
    assert caught.value.code == "E_NO_TABLE" and "did you mean bronze.t?" in caught.value.hint
    assert tables(lake) == ["bronze.t"]


def test_the_tool_drops(
    lake: Lake, load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))
    monkeypatch.setattr(sys, "stdin", StringIO())
    load(b"a\n1\n")
    lake.put("artifacts", "contracts/t.yaml", b"table: t\n")
    assert lake_cli.main(["drop", "bronze.t"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E_TABLE_OWNED"
    assert lake_cli.main(["drop", "bronze.t", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["reasons"] == ["a pipeline declares it, in contracts/t.yaml"]
    assert lake_cli.main(["drop", "bronze.t", "--force"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] is True


@pytest.mark.server
def test_objects_of_a_store_are_removed(object_store: dict[str, str], tmp_path: Path) -> None:
    lake = Settings.from_env(object_store).lake()
    for table in ("gone", "gone_too", "stays"):
        file = tmp_path / f"{table}.csv"
        file.write_bytes(b"a\n1\n")
        land(lake, file, table)
    run = load_bronze(lake, tmp_path, None, None, "r")
    assert run.failed == {}
    assert drop(lake, "bronze.gone").objects == 3
    names = lake.names("bronze")
    assert "gone" not in names and {"gone_too", "stays"} <= set(names)
    assert "gone" not in landed_tables(lake)
    with pytest.raises(DataLabError) as caught:
        drop(lake, "bronze.gone")
    assert caught.value.code == "E_NO_TABLE"
