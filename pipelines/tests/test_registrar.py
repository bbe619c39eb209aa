"""The registrar and what it makes, against a real Prefect server; the parts that need none come first."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import HERE

from datalab.bundles import fetch, pack, unpack
from datalab.errors import DataLabError
from datalab.pipeline import Retries, with_retries
from datalab.prefect.api import Api
from datalab.settings import Settings

FLOW = """
from datalab.pipeline import pipeline

@pipeline
def hello(name: str = "you") -> str:
    return f"hello {name}"
"""


def definition(name: str, version: str = "1", **more: object) -> dict[str, object]:
    return {
        "name": name, "version": version, "summary": "", "entrypoint": "flow.py:hello", "schedule": None,
        "retries": {"count": 0, "delaySeconds": 1, "backoff": "fixed", "maxDelaySeconds": 1},
        "timeoutSeconds": 60, "priority": "normal", "concurrency": 1, "parameters": {}, "tags": [],
        "paused": False, **more,
    }  # fmt: skip


def test_equal_folders_give_equal_bundles(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "__pycache__").mkdir(parents=True)
        (tmp_path / name / "flow.py").write_text(FLOW)
        (tmp_path / name / "__pycache__" / "x.pyc").write_text(name)
    one, two = (pack(tmp_path / name, {"b": 1, "a": 2}) for name in ("a", "b"))
    assert one == two
    assert one != pack(tmp_path / "a", {"b": 2, "a": 2})
    unpack(one, tmp_path / "out")
    assert (tmp_path / "out" / "flow.py").read_text() == FLOW
    assert json.loads((tmp_path / "out" / "definition.json").read_text()) == {"a": 2, "b": 1}


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "a/../../out.py"])
def test_a_bundle_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    with pytest.raises(DataLabError, match="no plain file"):
        unpack(body.getvalue(), tmp_path / "in")


def test_a_bundle_that_is_not_the_registered_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(tmp_path))
    Settings.from_env().lake().put("artifacts", "pipelines/p/1.tar.gz", b"something else")
    with pytest.raises(DataLabError, match="not the registered one"):
        fetch("p", "1", "0" * 64)


def test_waits_grow_to_the_longest() -> None:
    retries = Retries(5, 10, "exponential", 60)
    assert [retries.delay(n) for n in (1, 2, 3, 4, 5)] == [10, 20, 40, 60, 60]
    assert [Retries(5, 10, "fixed", 60).delay(n) for n in (1, 5)] == [10, 10]


def test_a_run_is_tried_again_unless_that_is_no_use() -> None:
    waits: list[float] = []
    calls = 0

    def flaky() -> str:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise OSError("away")
        return "there"

    assert with_retries(flaky, Retries(3, 1), waits.append) == "there"
    assert waits == [1, 2]

    def broken() -> None:
        raise DataLabError("broken", "for good")

    with pytest.raises(DataLabError):
        with_retries(broken, Retries(3, 1), waits.append)
    assert waits == [1, 2]


class Registrar:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def add(self, name: str, code: str = FLOW) -> None:
        (self.folder / "pipelines" / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "pipelines" / name / "flow.py").write_text(code.replace("hello(", f"{name}("))

    def run(self, *definitions: dict[str, object]) -> tuple[int, list[str], str]:
        file = self.folder / "pipelines.json"
        pipelines = [{**d, "entrypoint": f"flow.py:{d['name']}"} for d in definitions]
        file.write_text(json.dumps({"pipelines": pipelines}))
        done = subprocess.run(
            [sys.executable, "-m", "datalab.prefect.register"],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture
def registrar(tmp_path: Path, prefect_server: dict[str, str]) -> Registrar:
    import os

    (tmp_path / "pipelines").mkdir()
    return Registrar(
        tmp_path,
        {
            **os.environ,
            **prefect_server,
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
            "DATALAB_LAKE_ROOT": str(tmp_path / "lake"),
            "DATALAB_PIPELINES_DIR": str(tmp_path / "pipelines"),
            "DATALAB_PIPELINES_FILE": str(tmp_path / "pipelines.json"),
        },
    )


@pytest.mark.server
def test_the_registrar_makes_prefect_match_the_file(registrar: Registrar, api: Api) -> None:
    registrar.add("one")
    registrar.add("two")
    cron = {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}
    one, two = definition("one", schedule=cron, tags=["x"]), definition("two", priority="high", paused=True)
    code, lines, error = registrar.run(one, two)
    assert code == 0, error
    assert {"registered one 1", "registered two 1", "registered datalab-health/roundtrip"} <= set(lines)

    found = api.call("GET", "/deployments/name/one/one")
    assert found["tags"] == ["datalab", "x"] and found["work_queue_name"] == "normal"
    assert found["parameter_openapi_schema"]["properties"]["name"]["default"] == "you"
    assert found["schedules"][0]["schedule"]["cron"] == "0 6 * * *" and found["schedules"][0]["active"]
    assert found["global_concurrency_limit"]["limit"] == 1
    assert api.call("GET", "/deployments/name/two/two")["paused"] is True
    (zombies,) = api.call("POST", "/automations/filter", {})
    assert zombies["trigger"]["within"] == 540 and zombies["enabled"]

    # Someone else's deployment is never touched.
    theirs = {"name": "theirs", "flow_id": found["flow_id"], "tags": ["other"]}
    stranger = api.call("POST", "/deployments/", theirs)

    assert registrar.run(one, two)[1] == ["unchanged one 1", "unchanged two 1"]
    changed = definition("one", "2", schedule={"intervalSeconds": 3600}, tags=["x"])
    assert registrar.run(changed)[1] == ["registered one 2", "removed two"]
    found = api.call("GET", "/deployments/name/one/one")
    assert [s["schedule"].get("interval") for s in found["schedules"]] == [3600.0]
    assert api.call("GET", f"/deployments/{stranger['id']}")["name"] == "theirs"
    assert len(api.call("POST", "/automations/filter", {})) == 1
    api.call("DELETE", f"/deployments/{stranger['id']}")


@pytest.mark.server
def test_one_broken_pipeline_changes_nothing(registrar: Registrar, api: Api) -> None:
    registrar.add("good")
    registrar.add("bad", "import nothing_like_this\n")
    registrar.add("dies", "import os\nos._exit(3)\n")
    registrar.add("lacks", FLOW)
    before = api.call("POST", "/deployments/filter", {})
    code, lines, error = registrar.run(
        definition("good"), definition("bad"), definition("dies"), definition("gone"),
        definition("lacks", parameters={"nmae": "x"}),
    )  # fmt: skip
    assert code == 1 and lines == []
    for part in (
        "bad: ", "nothing_like_this", "flow.py, line 1", "dies: importing", "gone: there is no folder",
        "lacks: no parameter nmae",
    ):  # fmt: skip
        assert part in error
    assert "good:" not in error
    assert api.call("POST", "/deployments/filter", {}) == before


@pytest.mark.server
def test_a_wrong_login_is_told_without_the_secret(registrar: Registrar) -> None:
    registrar.environment["PREFECT_API_AUTH_STRING"] = "admin:not-the-secret"
    code, _, error = registrar.run()
    assert code == 1 and "refuses the login" in error and "not-the-secret" not in error


@pytest.mark.server
def test_a_worker_runs_a_registered_pipeline(
    registrar: Registrar, prefect_server: dict[str, str], api: Api, medallion: Path
) -> None:
    """From a landed file to gold through the server, a worker and the bundle."""
    import time

    from datalab.layers.landing import land

    lake = Settings.from_env(registrar.environment).lake()
    shutil.copytree(medallion, registrar.folder / "pipelines" / "medallion_etl")
    file = registrar.folder / "people.csv"
    file.write_text("name,age\nZoë,7\nJosé,x\nragged\n")
    land(lake, file, "people")
    code, _, error = registrar.run(definition("medallion_etl"))
    assert code == 0, error
    found = api.call("GET", "/deployments/name/medallion_etl/medallion_etl")
    body = {"state": {"type": "SCHEDULED"}, "parameters": {"table": "people"}}
    run = api.call("POST", f"/deployments/{found['id']}/create_flow_run", body)
    worker = subprocess.Popen(
        [sys.executable, "-m", "datalab.prefect.event_worker", "--pool", "default", "--type", "process"],
        env={
            **registrar.environment,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PATH": f"{Path(sys.executable).parent}:{registrar.environment['PATH']}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 90
        state = ""
        while state not in ("COMPLETED", "FAILED", "CRASHED") and time.monotonic() < end:
            state = api.call("GET", f"/flow_runs/{run['id']}")["state_type"]
            time.sleep(0.5)
    finally:
        worker.terminate()
        worker.wait(30)
    assert state == "COMPLETED"
    sizes = {f"{t.layer}.{t.name}": t.rows for t in lake.list_tables()}
    assert (sizes["silver.people"], sizes["silver.people_quarantine"]) == (2, 1)
    page = Path(lake.path("artifacts", "reports/medallion_etl/people.html")).read_text()
    assert "expected 2 fields, found 1" in page
