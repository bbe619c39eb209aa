"""The lake on a real S3 server."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from datalab import duck
from datalab.delta_log import table_size
from datalab.errors import DataLabError
from datalab.formats.source import Source
from datalab.layers import bronze
from datalab.layers.bronze import ingest
from datalab.layers.landing import land, landed, landed_tables, reject
from datalab.medallion import Outcome, build_gold, load_bronze, refine_silver
from datalab.settings import Settings

pytestmark = pytest.mark.server


def test_flights_through_s3(object_store: dict[str, str], flights_csv: Path, medallion: Path) -> None:
    lake = Settings.from_env(object_store).lake()
    landed_file = land(lake, flights_csv, "flights")
    assert landed_tables(lake) == ["flights"] and landed(lake, "flights") == [landed_file]
    done = load_bronze(lake, medallion, None, None, "r")
    refine_silver(lake, medallion, None, "r", done)
    build_gold(lake, medallion, "r", done)
    sizes = {f"{t.layer}.{t.name}": t.rows for t in lake.list_tables()}
    assert sizes["bronze.flights"] == sizes["silver.flights"] == 336_776
    assert sizes["gold.daily_delays"] == 1095
    assert list(duck.query(lake, "SELECT sum(flights) AS n FROM gold.carrier_performance")) == [
        {"n": 336_776}
    ]
    again = Outcome()
    refine_silver(lake, medallion, None, "r2", again)
    build_gold(lake, medallion, "r2", again)
    assert again.metrics == []


def test_many_writers_lose_no_row(object_store: dict[str, str], tmp_path: Path) -> None:
    lake = Settings.from_env(object_store).lake()
    files = []
    for n in range(6):
        path = tmp_path / f"{n}.csv"
        path.write_bytes(f"a,b{n}\n".encode() + f"{n},x\n".encode() * 500)
        files.append(land(lake, path, "crowd"))
    failures: list[Exception] = []

    def work(n: int) -> None:
        try:
            ingest(Settings.from_env(object_store).lake(), files[n])
        except DataLabError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n % 6,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Giving up after many conflicts is allowed; writing a row twice, or losing one, is not.
    assert all(f.code == "E_WRITE_CONFLICT" for f in failures)
    for file in files:
        ingest(lake, file)
    table = lake.require("bronze", "crowd")
    assert table_size(table)[0] == 3000
    counts = ", ".join(f"count(b{n}) AS n{n}" for n in range(6))
    assert list(duck.query(lake, f"SELECT {counts} FROM bronze.crowd")) == [{f"n{n}": 500 for n in range(6)}]


def test_a_file_written_between_look_and_write_is_not_written_twice(
    object_store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Settings.from_env(object_store).lake()
    (tmp_path / "rows.csv").write_bytes(b"a\n1\n2\n")
    file = land(lake, tmp_path / "rows.csv", "overtaken")
    open_source = bronze.open_source

    def overtaken(*args: Any) -> Source:
        # The slower writer has seen that there is no table; now the faster one makes it of the same file.
        monkeypatch.setattr(bronze, "open_source", open_source)
        assert ingest(lake, file).rows == 2
        return open_source(*args)

    monkeypatch.setattr(bronze, "open_source", overtaken)
    assert ingest(lake, file).skipped
    assert table_size(lake.require("bronze", "overtaken"))[0] == 2


def test_rejected_files_are_set_aside(object_store: dict[str, str], tmp_path: Path) -> None:
    lake = Settings.from_env(object_store).lake()
    (tmp_path / "bad.csv").write_bytes(bytes(3000))
    file = land(lake, tmp_path / "bad.csv", "rejects")
    with pytest.raises(DataLabError) as caught:
        ingest(lake, file)
    key = reject(lake, file, caught.value)
    assert landed(lake, "rejects") == []
    with lake.open("bronze", key) as stream:
        assert stream.read() == bytes(3000)
    with lake.open("bronze", f"{key}.reason.json") as stream:
        assert b"E_FILE_BINARY" in stream.read()


def test_names_of_packed_files_do_not_change_their_bytes(object_store: dict[str, str]) -> None:
    lake = Settings.from_env(object_store).lake()
    lake.put("artifacts", "x.tar.gz", b"plain bytes")
    with lake.open("artifacts", "x.tar.gz") as stream:
        assert stream.read() == b"plain bytes"


def test_wrong_credentials_are_told_without_them(object_store: dict[str, str]) -> None:
    lake = Settings.from_env({**object_store, "DATALAB_S3_SECRET_KEY": "wrong-one"}).lake()
    with pytest.raises(DataLabError) as caught:
        lake.list_tables()
    assert caught.value.code == "E_STORE" and "wrong-one" not in str(caught.value)
