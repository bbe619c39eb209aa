"""Scratch space: a folder of each process for what it spills, removed when nobody owns it any more.

A process that is killed removes nothing, and in a container /tmp is memory that counts. Who owns a folder is
told by a lock on the file beside it, which the kernel takes back when the process ends, however it does.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from datalab.errors import DataLabError

ROOT = "DATALAB_SCRATCH"

_mine: tuple[int, Path, int] | None = None  # process, folder, descriptor of its lock


def root() -> Path:
    """Where the folders are: the same for all processes of a container, whatever TMPDIR they are given."""
    if not os.environ.get(ROOT):
        os.environ[ROOT] = f"{tempfile.gettempdir()}/datalab-scratch-{os.getuid()}"
    path = Path(os.environ[ROOT])
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise DataLabError("E_SCRATCH", f"{path} belongs to another user", f"remove it, or set {ROOT}")
    return path


def folder() -> Path:
    """This process's own folder."""
    global _mine
    if _mine is None or _mine[0] != os.getpid():
        _mine = _make()
        atexit.register(_remove_own, _mine[0])
    _mine[1].mkdir(mode=0o700, exist_ok=True)
    return _mine[1]


def use_for_temporary_files() -> None:
    """Whatever makes temporary files makes them in this process's folder, child processes included."""
    own = str(folder())
    os.environ["TMPDIR"] = own
    tempfile.tempdir = None


def keep_over_exec() -> None:
    """The program that this process becomes owns its folder."""
    folder()
    assert _mine is not None
    os.set_inheritable(_mine[2], True)


def sweep() -> int:
    """Remove the folders of processes that have ended; gives how many bytes that were."""
    freed = 0
    for lock in root().glob("*.lock"):
        descriptor = _lock(lock, create=False)
        if descriptor is None:
            continue
        try:
            left = lock.with_suffix("")
            freed += _size(left)
            shutil.rmtree(left, ignore_errors=True)
            lock.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
    return freed


def _make() -> tuple[int, Path, int]:
    base = root()
    for attempt in range(1000):
        path = base / f"{os.getpid()}-{attempt}"
        descriptor = _lock(path.with_suffix(".lock"), create=True)
        if descriptor is not None:
            # What a process of this number has left before.
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(mode=0o700)
            return os.getpid(), path, descriptor
    raise DataLabError("E_SCRATCH", f"no folder can be made in {base}", "remove what is in it")


def _lock(path: Path, create: bool) -> int | None:
    """The lock, when nobody has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever swept in between has removed the file: a lock on it says nothing.
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _size(path: Path) -> int:
    size = 0
    for each in path.rglob("*"):
        with suppress(OSError):
            size += each.lstat().st_blocks * 512
    return size


def _remove_own(process: int) -> None:
    # A forked child inherits this call, and not the folder.
    if _mine is None or process != os.getpid() or _mine[0] != process:
        return
    shutil.rmtree(_mine[1], ignore_errors=True)
    _mine[1].with_suffix(".lock").unlink(missing_ok=True)
