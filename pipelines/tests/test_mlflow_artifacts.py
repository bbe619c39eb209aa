"""MLflow's artifacts as streams, on a real S3 server, and through MLflow's own client."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

pytestmark = pytest.mark.server

HERE = Path(__file__).resolve().parent
BESIDE = HERE.parent.parent / "src/services/mlflow"
SERVICE = BESIDE if BESIDE.is_dir() else Path("/opt/datalab/services/mlflow")


@pytest.fixture
def bucket(object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in environment(object_store).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(SERVICE))
    import artifacts

    yield artifacts.Bucket("s3://artifacts/root")


def environment(object_store: dict[str, str]) -> dict[str, str]:
    return {
        "MLFLOW_S3_ENDPOINT_URL": object_store["DATALAB_S3_ENDPOINT"],
        "AWS_ACCESS_KEY_ID": object_store["DATALAB_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": object_store["DATALAB_S3_SECRET_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "s3://artifacts/root",
    }


def block(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest() * 2048  # 64 KiB that differ from all others


async def blocks(count: int, fails: bool = False) -> AsyncIterator[bytes]:
    for number in range(count):
        yield block(number)
    if fails:
        raise ConnectionError("the client is gone")


def content(bucket: Any, path: str) -> bytes:
    size, chunks = bucket.open(path)
    data = b"".join(chunks)
    assert len(data) == size
    return data


@pytest.mark.parametrize("count", [0, 1, 128, 129, 400])
def test_a_stream_comes_back_as_it_was(bucket: Any, count: int) -> None:
    asyncio.run(bucket.log_artifact_from_async_stream(blocks(count), "model.bin", f"run-{count}"))
    assert content(bucket, f"run-{count}/model.bin") == b"".join(block(n) for n in range(count))
    listed = [(file.path, file.file_size) for file in bucket.list_artifacts(f"run-{count}")]
    assert listed == [(f"run-{count}/model.bin", count * 65536)]


def test_a_stream_that_is_cut_off_stores_nothing(bucket: Any) -> None:
    with pytest.raises(ConnectionError, match="the client is gone"):
        asyncio.run(bucket.log_artifact_from_async_stream(blocks(400, fails=True), "model.bin", "cut"))
    assert bucket.list_artifacts("cut") == []


def test_a_store_that_refuses_ends_the_upload(bucket: Any) -> None:
    import artifacts

    elsewhere = artifacts.Bucket("s3://no-such-bucket/root")
    with pytest.raises(Exception, match="NoSuchBucket"):
        asyncio.run(elsewhere.log_artifact_from_async_stream(blocks(4000), "model.bin"))


def test_what_is_not_there_is_404(bucket: Any) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="No such artifact: 'nothing'") as caught:
        bucket.open("nothing")
    assert caught.value.get_http_status_code() == 404


def test_256_mib_each_way_takes_bounded_memory(object_store: dict[str, str]) -> None:
    script = f"""
import asyncio, hashlib, sys
from pathlib import Path
def peak():
    return int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])
sys.path[:0] = [{str(SERVICE)!r}, {str(HERE)!r}]
import artifacts
from test_mlflow_artifacts import block, blocks
bucket = artifacts.Bucket("s3://artifacts/root")
asyncio.run(bucket.log_artifact_from_async_stream(blocks(64), "warm.bin"))
before = peak()
asyncio.run(bucket.log_artifact_from_async_stream(blocks(4096), "large.bin"))
size, chunks = bucket.open("large.bin")
digest = hashlib.sha256()
for chunk in chunks:
    digest.update(chunk)
wanted = hashlib.sha256()
for number in range(4096):
    wanted.update(block(number))
print(size, digest.hexdigest() == wanted.hexdigest())
print((peak() - before) // 1024)
bucket.delete_artifacts("large.bin")
"""
    env = {**os.environ, **environment(object_store)}
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    right, grown = ran.stdout.splitlines()
    assert right == f"{1 << 28} True"
    # Some parts of 8 MiB, wherever they are on their way.
    assert int(grown) < 100


@pytest.fixture
def server(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The routes of the server's artifacts, at a port."""
    import artifacts
    from mlflow.server import artifact_router as stock
    from mlflow.server import handlers

    artifacts.serve_streams()
    monkeypatch.setattr(handlers, "_artifact_repo", None)
    app = FastAPI()
    app.include_router(stock.artifact_router)

    @app.get("/api/2.0/mlflow-artifacts/presigned/{path:path}")
    def presigned(path: str) -> Any:
        from fastapi.responses import Response
        from flask import Flask

        with Flask("x").test_request_context():
            found = handlers._get_presigned_download_url(path)
        return Response(found.get_data(), status_code=found.status_code, media_type="application/json")

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(10)


def test_the_own_client_of_mlflow_gets_back_what_it_logged(server: str, tmp_path: Path) -> None:
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    source = tmp_path / "weights.bin"
    with source.open("wb") as file:
        for number in range(48 * 16):
            file.write(block(number))
    client = MlflowArtifactsRepository(
        f"mlflow-artifacts://{server.removeprefix('http://')}/1/run/artifacts",
        tracking_uri=server,
    )
    client.log_artifact(str(source), "models")
    path = tmp_path / "back.bin"
    client._download_file("models/weights.bin", str(path))
    with source.open("rb") as one, path.open("rb") as other:
        assert hashlib.file_digest(one, "sha256").digest() == hashlib.file_digest(other, "sha256").digest()
    with pytest.raises(Exception, match="501 Server Error"):
        client._get_presigned_download_url("models/weights.bin")


PAGES = f"""
import os, sys
sys.path.insert(0, {str(SERVICE)!r})
from artifacts import serve_streams
serve_streams()
from mlflow.server import fastapi_app, handlers
import uvicorn
store = os.environ["_MLFLOW_SERVER_FILE_STORE"]
handlers.initialize_backend_stores(store, store, "mlflow-artifacts:/")
uvicorn.run(fastapi_app.app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


@pytest.fixture
def pages(object_store: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, int, Path]]:
    """MLflow's own application: its address, its process, its folder for temporary files."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    env = {
        **os.environ,
        **environment(object_store),
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{tmp_path}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "TMPDIR": str(temporary),
    }
    process = subprocess.Popen([sys.executable, "-c", PAGES, str(port)], env=env)
    base = f"http://127.0.0.1:{port}"
    while True:
        assert process.poll() is None
        try:
            httpx.get(f"{base}/health").raise_for_status()
            break
        except httpx.TransportError:
            time.sleep(0.2)
    yield base, process.pid, temporary
    process.terminate()
    process.wait(20)


def test_a_page_gets_a_large_file_at_its_own_pace(pages: tuple[str, int, Path]) -> None:
    base, pid, temporary = pages
    count = 4096

    def peak() -> int:
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) // 1024

    made = httpx.post(f"{base}/api/2.0/mlflow/runs/create", json={"experiment_id": "0", "start_time": 1})
    run = made.json()["run"]["info"]
    path = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    target = f"{base}/api/2.0/mlflow-artifacts/artifacts/{path}/models/weights.bin"
    headers = {"Content-Length": str(count * 65536)}
    wanted = hashlib.sha256(b"".join(block(n) for n in range(count))).hexdigest()
    sent = httpx.put(target, content=(block(n) for n in range(count)), headers=headers, timeout=120)
    assert sent.status_code == 200
    before = peak()
    page = f"{base}/get-artifact?run_uuid={run['run_id']}&path=models"
    digest = hashlib.sha256()
    with httpx.stream("GET", f"{page}/weights.bin", timeout=120) as answer:
        assert answer.headers["Content-Length"] == str(count * 65536)
        assert answer.headers["Content-Disposition"] == "attachment; filename=weights.bin"
        for number, chunk in enumerate(answer.iter_raw(65536)):
            digest.update(chunk)
            # A server that does not wait for its client has all of it in memory by then.
            if number < 20:
                time.sleep(0.1)
                assert list(temporary.iterdir()) == []
    assert digest.hexdigest() == wanted
    assert peak() - before < 100
    assert httpx.get(f"{page}/none.bin").status_code == 404
