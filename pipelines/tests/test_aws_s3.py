"""The lake on moto, which answers as S3 does: names with a prefix, an identity in the place of a key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import free_port, stop, wait_for

from datalab import duck
from datalab.delta_log import table_size
from datalab.errors import DataLabError
from datalab.layers.bronze import ingest
from datalab.layers.landing import land, landed
from datalab.settings import Settings

pytestmark = pytest.mark.server

BUCKETS = ("bronze", "silver", "gold", "artifacts")
PREFIX = "datalab-prod-123456789012-"
TOKEN = "token-of-the-pod"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a moto server with the buckets of a stack on AWS."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "HOME": "/tmp"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"{url}/moto-api/", process, 60)
        client = s3(url)
        for name in BUCKETS:
            client.create_bucket(
                Bucket=PREFIX + name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        yield url
    finally:
        stop(process)


def s3(url: str) -> boto3.client:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(s3={"addressing_style": "path"}),
    )


def environment(url: str) -> dict[str, str]:
    return {
        "DATALAB_STACK": "prod",
        "DATALAB_S3_ENDPOINT": url,
        "DATALAB_S3_REGION": "eu-central-1",
        **{f"DATALAB_BUCKET_{name.upper()}": PREFIX + name for name in BUCKETS},
    }


@pytest.fixture
def with_key(moto: str) -> Settings:
    return Settings.from_env(
        {**environment(moto), "DATALAB_S3_ACCESS_KEY": "AKIATEST", "DATALAB_S3_SECRET_KEY": "secret"}
    )


class PodIdentity(BaseHTTPRequestHandler):
    """What the agent of EKS Pod Identity answers to whoever shows the pod's token."""

    asked: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        shown = self.headers.get("Authorization")
        self.asked.append(shown)
        body = json.dumps(
            {
                "AccessKeyId": "ASIATEST",
                "SecretAccessKey": "secret",
                "Token": "session",
                "Expiration": "2099-01-01T00:00:00Z",
            }
        ).encode()
        self.send_response(200 if shown == TOKEN else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def pod_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[PodIdentity]]:
    """The environment that a pod with an identity has."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), PodIdentity)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text(TOKEN)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/v1/credentials"
    )
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    PodIdentity.asked.clear()
    yield PodIdentity
    server.shutdown()


def load(settings: Settings, folder: Path, table: str) -> int:
    """Land a file, load it, and count the rows by SQL."""
    path = folder / f"{table}.csv"
    path.write_bytes(b"a,b\n" + b"1,x\n" * 500)
    lake = settings.lake()
    file = land(lake, path, table)
    assert landed(lake, table) == [file]
    ingest(lake, file)
    assert table_size(lake.require("bronze", table))[0] == 500
    return next(iter(duck.query(lake, f"SELECT count(a) AS n FROM bronze.{table}")))["n"]


def test_files_become_tables_in_buckets_with_a_prefix(with_key: Settings, moto: str, tmp_path: Path) -> None:
    assert load(with_key, tmp_path, "keyed") == 500
    listed = s3(moto).list_objects_v2(Bucket=PREFIX + "bronze", Prefix="keyed/_delta_log/")
    assert listed["KeyCount"] >= 1


def test_a_pod_shows_its_identity_in_the_place_of_a_key(
    moto: str, pod_identity: type[PodIdentity], tmp_path: Path
) -> None:
    settings = Settings.from_env({**environment(moto), "DATALAB_S3_CREDENTIALS": "ambient"})
    assert settings.access_key == ""
    assert load(settings, tmp_path, "ambient") == 500
    # Both clients of the lake, Arrow's and delta-rs's, have asked the agent with the pod's token.
    assert len(pod_identity.asked) >= 2
    assert set(pod_identity.asked) == {TOKEN}


def test_without_a_key_and_without_an_identity_nothing_is_guessed(moto: str) -> None:
    with pytest.raises(DataLabError) as caught:
        Settings.from_env(environment(moto))
    assert "DATALAB_S3_ACCESS_KEY, DATALAB_S3_SECRET_KEY" in str(caught.value)


def test_a_conditional_write_does_not_go_over_what_is_there(moto: str) -> None:
    client = s3(moto)
    at = {"Bucket": PREFIX + "artifacts", "Key": "once"}
    client.put_object(**at, Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        client.put_object(**at, Body=b"second", IfNoneMatch="*")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert client.get_object(**at)["Body"].read() == b"first"


def test_writers_at_once_lose_no_row(with_key: Settings, tmp_path: Path) -> None:
    lake = with_key.lake()
    files = []
    for n in range(4):
        path = tmp_path / f"{n}.csv"
        path.write_bytes(b"a,b\n" + f"{n},x\n".encode() * 100)
        files.append(land(lake, path, "crowd"))
    ingest(lake, files[0])
    failures: list[DataLabError] = []

    def work(n: int) -> None:
        try:
            ingest(replace(with_key).lake(), files[n])
        except DataLabError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f.code == "E_WRITE_CONFLICT" for f in failures)
    for file in files:
        ingest(lake, file)
    assert table_size(lake.require("bronze", "crowd"))[0] == 400
