"""Scratch space: what a killed process has left is removed, what a living one owns is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HERE

from datalab import bundles, scratch
from datalab.prefect import worker

OWNER = """
import sys
from datalab import scratch
path = scratch.folder() / "spilled"
path.write_bytes(b"x" * 3_000_000)
print(path.parent, flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(scratch.ROOT, str(tmp_path / "scratch"))
    monkeypatch.setattr(scratch, "_mine", None)
    return tmp_path / "scratch"


def owner() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=HERE.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_has_left_is_removed_and_what_lives_is_kept() -> None:
    killed, left = owner()
    living, kept = owner()
    try:
        assert scratch.sweep() == 0
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "spilled").stat().st_size == 3_000_000
        assert scratch.sweep() >= 3_000_000
        assert not left.exists() and not left.with_suffix(".lock").exists()
        assert (kept / "spilled").stat().st_size == 3_000_000
        assert scratch.sweep() == 0
    finally:
        living.communicate("\n")
    # One that ends by itself takes its folder with it.
    assert not kept.exists() and not kept.with_suffix(".lock").exists()


def test_a_forked_child_leaves_its_parent_s_folder(root: Path) -> None:
    own = scratch.folder()
    child = os.fork()
    if child == 0:
        try:
            ok = scratch.folder() != own and own.is_dir()
            scratch._remove_own(os.getpid())
            os._exit(0 if ok and own.is_dir() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert own.is_dir() and scratch.sweep() == 0 and own.is_dir()


def test_temporary_files_are_made_in_it_and_processes_agree_on_the_place(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.delenv(scratch.ROOT)
    monkeypatch.setenv("TMPDIR", str(root.parent))
    monkeypatch.setattr(tempfile, "tempdir", None)
    scratch.use_for_temporary_files()
    with tempfile.NamedTemporaryFile() as file:
        assert Path(file.name).parent == scratch.folder()
    assert scratch.root() == root.parent / f"datalab-scratch-{os.getuid()}"
    child = "from datalab import scratch; print(scratch.root())"
    said = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, check=True, cwd=HERE.parent
    )
    assert said.stdout.strip() == str(scratch.root())
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_a_run_and_a_worker_begin_with_a_sweep(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import hashlib
    import tempfile

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("DATALAB_LAKE_ROOT", str(tmp_path / "lake"))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "flow.py").write_text("")
    packed = bundles.pack(tmp_path / "p", {})
    from datalab.settings import Settings

    Settings.from_env().lake().put("artifacts", bundles.bundle_key("p", "1"), packed)
    for start in (
        lambda: bundles.fetch("p", "1", hashlib.sha256(packed).hexdigest()),
        worker.own_scratch,
    ):
        killed, left = owner()
        killed.kill()
        killed.wait()
        start()
        assert not left.exists()
        said = capsys.readouterr()
        assert "MiB that killed processes have left" in said.out + said.err
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_the_worker_s_folder_is_still_its_own_after_it_has_become_prefect_s() -> None:
    script = (
        "import os, sys\n"
        "from datalab import scratch\n"
        "print(scratch.folder(), flush=True)\n"
        "scratch.keep_over_exec()\n"
        "os.execv(sys.executable, [sys.executable, '-c', 'input()'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    own = Path(process.stdout.readline().strip())
    while Path(f"/proc/{process.pid}/cmdline").read_bytes().find(b"input()") < 0:
        pass
    assert scratch.sweep() == 0 and own.is_dir()
    process.kill()
    process.wait()
    scratch.sweep()
    assert not own.exists()
