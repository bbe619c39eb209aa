"""One table's trouble is that table's: the others are listed, refined, built and measured."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from conftest import Load, medallion_folder

from datalab import duck, lake_cli
from datalab.delta_log import TableInfo, Unreadable
from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers.landing import land, landed
from datalab.medallion import Outcome, build_gold, load_bronze, refine_silver

# What may be in the place of a table's first commit.
BROKEN = {
    "no json": b"not json",
    "no bytes": b"",
    "no metadata": b'{"commitInfo":{}}\n',
    "unknown protocol": b'{"protocol":{"minReaderVersion":9,"minWriterVersion":9}}\n',
}


def spoil(lake: Lake, layer: str, name: str, text: bytes = b"not json") -> None:
    log = Path(lake.uri(layer, name)) / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{0:020}.json").write_bytes(text)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("layer", ["bronze", "silver", "gold"])
def test_a_broken_table_is_listed_with_its_error_and_the_others_are_listed(
    lake: Lake, load: Load, layer: str, text: bytes
) -> None:
    load(b"a\n1\n")
    spoil(lake, layer, "broken", text)
    first, second = sorted(lake.list_tables(), key=lambda each: each.name)
    assert isinstance(first, Unreadable) and isinstance(second, TableInfo)
    assert (first.layer, first.name) == (layer, "broken")
    assert first.error.startswith(f"{layer}.broken cannot be read: ")
    assert (second.layer, second.name, second.rows) == ("bronze", "t", 1)


def test_the_tool_lists_both(
    lake: Lake, load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))
    load(b"a\n1\n")
    spoil(lake, "bronze", "broken")
    assert lake_cli.main(["list-tables"]) == 0
    broken, good = json.loads(capsys.readouterr().out)
    assert set(broken) == {"layer", "name", "error"} and broken["name"] == "broken"
    assert (good["name"], good["rows"]) == ("t", 1)
    assert lake_cli.main(["show", "bronze.broken"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E_TABLE_DAMAGED"


def run_all(lake: Lake, folder: Path) -> Outcome:
    done = load_bronze(lake, folder, None, None, "r")
    refine_silver(lake, folder, None, "r", done)
    build_gold(lake, folder, "r", done)
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pipeline with gold tables on silver.t, on silver.other, and on what is made of each of them."""
    (tmp_path / "gold").mkdir()
    (tmp_path / "contracts").mkdir()
    sql = {
        "a_t": "SELECT count(*) AS n FROM silver.t",
        "b_other": "SELECT count(*) AS n FROM silver.other_quarantine",
        "c_t": "SELECT n + 1 AS n FROM gold.a_t",
        "d_other": "SELECT n + 1 AS n FROM gold.b_other",
    }
    for name, text in sql.items():
        (tmp_path / "gold" / f"{name}.sql").write_text(text)
    return tmp_path


@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_a_broken_table_ends_a_run_after_everything_else_is_done(
    lake: Lake, load: Load, folder: Path, layer: str
) -> None:
    load(b"a\n1\n2\n", "t")
    load(b"a\n1\n", "other")
    shutil.rmtree(lake.uri(layer, "other"), ignore_errors=True)
    spoil(lake, layer, "other")
    done = run_all(lake, folder)
    failed = f"{layer}.other"
    assert list(done.failed) == [failed]
    assert [each.table for each in done.silver] == ["t"]
    assert [(each.table, each.state) for each in done.gold] == [
        ("a_t", "built"),
        ("b_other", f"not built: {failed} failed"),
        ("c_t", "built"),
        ("d_other", "not built: gold.b_other failed"),
    ]
    assert list(duck.query(lake, "SELECT n FROM gold.c_t")) == [{"n": 3}]
    # Bronze was loaded by hand.
    metrics = duck.query(lake, 'SELECT layer, "table" FROM gold.metrics ORDER BY 1, 2')
    assert [tuple(row.values()) for row in metrics] == [("gold", "a_t"), ("gold", "c_t"), ("silver", "t")]
    verdict = done.verdict()
    assert verdict is not None and verdict.code == "E_TABLES_FAILED" and verdict.permanent
    assert verdict.message.startswith(f"{failed} failed, all that does not depend on it is done:")
    assert f"{layer}.other cannot be read" in verdict.message


def test_a_contract_that_can_not_be_held_fails_its_table_only(lake: Lake, load: Load, folder: Path) -> None:
    load(b"a\n1\n", "other")
    load(b"a\n1\n", "t")
    (folder / "contracts" / "other.yaml").write_text("keys: [missing]\n")
    done = run_all(lake, folder)
    assert {table: error.code for table, error in done.failed.items()} == {
        "silver.other": "E_CONTRACT_MISMATCH"
    }
    assert [each.table for each in done.silver] == ["t"]
    (folder / "contracts" / "other.yaml").write_text("keys: [a]\n")
    again = run_all(lake, folder)
    assert again.verdict() is None and [each.state for each in again.gold] == [
        "unchanged", "built", "unchanged", "built",
    ]  # fmt: skip


def test_a_file_of_a_table_that_can_not_be_read_waits_and_is_not_set_aside(
    lake: Lake, load: Load, folder: Path, tmp_path: Path
) -> None:
    spoil(lake, "bronze", "broken")
    (tmp_path / "rows.csv").write_bytes(b"a\n1\n")
    waiting = land(lake, tmp_path / "rows.csv", "broken")
    land(lake, tmp_path / "rows.csv", "t")
    done = run_all(lake, folder)
    assert [file.table for file in done.files] == ["t"] and done.problems == []
    assert {table: error.code for table, error in done.failed.items()} == {"bronze.broken": "E_TABLE_DAMAGED"}
    assert landed(lake, "broken") == [waiting]


def test_a_store_that_does_not_answer_ends_the_run_at_once_and_may_be_tried_again(
    lake: Lake, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(b"a\n1\n", "other")
    load(b"a\n1\n", "t")
    names = lake.names("bronze")
    assert names == ["other", "t"]

    def down(*_: object) -> None:
        monkeypatch.setattr(lake, "names", down)
        raise lake.unreachable(OSError("connection refused"))

    monkeypatch.setattr(lake, "table", down)
    with pytest.raises(DataLabError) as caught:
        refine_silver(lake, folder, None, "r", Outcome())
    assert (caught.value.code, caught.value.permanent) == ("E_STORE", False)


def test_the_flow_ends_failed_after_its_report(
    lake: Lake, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real flow, from its folder, as Prefect calls it: `fn` is the function below @pipeline."""
    import importlib.util

    load(b"a\n1\n", "t")
    load(b"a\n1\n", "broken")
    shutil.rmtree(lake.uri("bronze", "broken"))
    spoil(lake, "bronze", "broken")
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(lake.settings.root))
    spec = importlib.util.spec_from_file_location("medallion_flow", medallion_folder() / "flow.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "medallion_flow", module)
    spec.loader.exec_module(module)
    with pytest.raises(DataLabError) as caught:
        module.medallion_etl.fn()
    assert caught.value.code == "E_TABLES_FAILED"
    assert caught.value.message.startswith("bronze.broken failed, all")
    page = Path(lake.path("artifacts", "reports/medallion_etl/latest.html")).read_text()
    assert "silver.t" in page and "bronze.broken: bronze.broken cannot be read" in page


FEATURES: dict[str, tuple[dict[str, object], dict[str, str]]] = {
    "deletion vectors": (
        {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": ["deletionVectors"],
            "writerFeatures": ["deletionVectors"],
        },
        {},
    ),
    "column mapping": (
        {"minReaderVersion": 2, "minWriterVersion": 5},
        {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "9"},
    ),
}


def give_feature(lake: Lake, layer: str, name: str, feature: str) -> None:
    """As another program would have made the table with it."""
    protocol, configuration = FEATURES[feature]
    commit = Path(lake.uri(layer, name)) / "_delta_log" / f"{0:020}.json"
    lines = []
    for line in commit.read_text().splitlines():
        action = json.loads(line)
        if "protocol" in action:
            action["protocol"] = protocol
        if "metaData" in action:
            action["metaData"]["configuration"].update(configuration)
            schema = json.loads(action["metaData"]["schemaString"])
            for number, field in enumerate(schema["fields"]) if configuration else ():
                field["metadata"]["delta.columnMapping.id"] = number
                field["metadata"]["delta.columnMapping.physicalName"] = f"col-{number}"
            action["metaData"]["schemaString"] = json.dumps(schema)
        lines.append(json.dumps(action))
    commit.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("feature", FEATURES)
def test_a_table_that_would_be_read_wrong_is_refused_by_its_feature_wherever_it_is_opened(
    lake: Lake, load: Load, folder: Path, feature: str
) -> None:
    load(b"id\n1\n2\n", "people")
    load(b"id\n3\n", "other")
    give_feature(lake, "bronze", "people", feature)
    said = f"bronze.people can't be read: another program has written it with {feature}"
    first, second = sorted(lake.list_tables("bronze"), key=lambda each: each.name)
    assert isinstance(first, TableInfo) and (first.name, first.rows) == ("other", 1)
    assert isinstance(second, Unreadable) and second.error == said
    for read in (
        lambda: list(duck.query(lake, "SELECT * FROM bronze.people")),
        lambda: load(b"id\n4\n", "people"),
    ):
        with pytest.raises(DataLabError, match=said) as found:
            read()
        assert found.value.code == "E_TABLE_FEATURE"
    done = run_all(lake, folder)
    assert {table: error.code for table, error in done.failed.items()} == {"bronze.people": "E_TABLE_FEATURE"}
    assert [each.table for each in done.silver] == ["other"]
