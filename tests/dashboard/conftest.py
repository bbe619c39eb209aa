"""The dashboard's code, on a lake in a folder and real HTTP servers on this machine."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

APP = Path(os.environ.get("DATALAB_DASHBOARD") or Path(__file__).resolve().parents[2] / "src" / "dashboard")
RECORDED = Path(__file__).with_name("recorded")
sys.path.insert(0, str(APP))

Answers = dict[str, Callable[[], tuple[int, Any]]]


class Backend:
    """One server that answers paths as recorded, and counts what it was asked."""

    def __init__(self, answers: Answers) -> None:
        self.asked: list[str] = []
        self.answers = answers
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                self.rfile.read(length)
                path = self.path.split("?")[0]
                outer.asked.append(path)
                status, body = outer.answers.get(path, lambda: (404, {}))()
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_PATCH = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops answering: the next connection is refused."""
        self._server.shutdown()
        self._server.server_close()


def recorded(name: str) -> Any:
    """An answer that a real service gave."""
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def core() -> Iterator[Backend]:
    """The core as it answered on a real stack."""
    backend = Backend(
        {
            "/registry": lambda: (200, recorded("registry")),
            "/health": lambda: (200, recorded("health")),
            "/alerts": lambda: (200, recorded("alerts")),
        }
    )
    yield backend
    backend.close()


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the settings file with these backends, and forgets all answers of other tests."""
    import settings
    from backends import fetch

    def configure(**backends: str) -> None:
        given = {name: {"url": url} for name, url in backends.items()}
        path = tmp_path / "dashboard.json"
        path.write_text(json.dumps({"stack": "test", "limitBytes": 1 << 30, "backends": given}))
        monkeypatch.setenv("DATALAB_DASHBOARD_FILE", str(path))
        monkeypatch.setenv("DATALAB_LAKE_ROOT", str(tmp_path / "lake"))
        settings.settings.cache_clear()
        with fetch._lock:
            fetch._entries.clear()

    return configure
