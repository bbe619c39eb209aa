"""Bundles: a pipeline's folder as one file in the artifacts bucket, and the pull step that unpacks it.

The same folder and definition give the same bytes, so the hash of a bundle says whether anything changed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalab import scratch
from datalab.errors import DataLabError

if TYPE_CHECKING:
    from datalab.lake import Lake

MAX_BYTES = 64 * 1024 * 1024
LEFT_OUT = {"__pycache__", ".pytest_cache", ".ruff_cache", ".git"}


def bundle_key(name: str, version: str) -> str:
    """Where a bundle is in the artifacts bucket."""
    return f"pipelines/{name}/{version}.tar.gz"


def pack(folder: Path, definition: dict[str, Any]) -> bytes:
    """The folder as a tar.gz with definition.json in it; equal input gives equal bytes."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not LEFT_OUT & set(path.relative_to(folder).parts)
    }
    files["definition.json"] = json.dumps(definition, sort_keys=True, indent=1).encode()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, body in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(body), 0o644, 0
            tar.addfile(entry, io.BytesIO(body))
    packed = gzip.compress(plain.getvalue(), mtime=0)
    if len(packed) > MAX_BYTES:
        raise DataLabError(
            "E_BUNDLE_SIZE", f"{folder.name} is {len(packed):,} bytes packed", "keep data out of the folder"
        )
    return packed


def unpack(packed: bytes, target: Path) -> None:
    """Unpack into an empty folder. Only plain files below it: no links, no way out."""
    total = 0
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        for entry in tar:
            parts = Path(entry.name).parts
            if not entry.isfile() or entry.name.startswith("/") or ".." in parts:
                raise DataLabError(
                    "E_BUNDLE_INVALID", f"the bundle holds {entry.name!r}, which is no plain file in it"
                )
            total += entry.size
            if total > 4 * MAX_BYTES:
                raise DataLabError("E_BUNDLE_INVALID", "the unpacked bundle is too large")
            path = target.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            body = tar.extractfile(entry)
            assert body is not None
            path.write_bytes(body.read())


def registered_definition(lake: Lake, name: str, version: str) -> dict[str, Any] | None:
    """The definition in a bundle that was registered; None if the bundle is gone or can't be read."""
    try:
        with lake.open("artifacts", bundle_key(name, version)) as stream:
            packed = stream.read()
    except DataLabError as error:
        if error.code != "E_NO_OBJECT":
            raise
        return None
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
            body = tar.extractfile("definition.json")
            given = json.load(body) if body else None
    except (OSError, KeyError, ValueError, EOFError, tarfile.TarError):
        return None
    return given if isinstance(given, dict) else None


def fetch(name: str, version: str, sha256: str) -> dict[str, str]:
    """The Prefect pull step: the bundle's folder, unpacked once for each version on a worker.

    Several runs may start at once: the folder appears by a rename, complete or not at all.
    """
    base = Path(tempfile.gettempdir()) / f"datalab-pipelines-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.stat().st_uid != os.getuid():
        raise DataLabError("E_BUNDLE_INVALID", f"{base} belongs to another user", "remove it")
    target = base / f"{name}-{sha256[:16]}"
    if not target.is_dir():
        from datalab.settings import Settings

        lake = Settings.from_env().lake()
        with lake.open("artifacts", bundle_key(name, version)) as stream:
            packed = stream.read()
        if hashlib.sha256(packed).hexdigest() != sha256:
            raise DataLabError(
                "E_BUNDLE_INVALID",
                f"the bundle of {name} {version} is not the registered one",
                "datalab up registers it",
            )
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=base))
        try:
            unpack(packed, fresh)
            fresh.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    # This is the run's own process, at its start.
    freed = scratch.sweep()
    if freed:
        print(f"removed {freed >> 20} MiB that killed processes have left in {scratch.root()}", flush=True)
    scratch.use_for_temporary_files()
    return {"directory": str(target)}
