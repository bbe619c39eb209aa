"""A tool that ends when whoever asked for its work is gone.

`docker exec` passes no signals on, and neither does a cluster's API: interrupted or killed there, a command
goes on here. What does arrive, whatever happened at the other end, is the end of stdin.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from datalab.errors import DataLabError

INTERRUPTED = 130

_answer = threading.Lock()
_finished = False


def begin(told: str) -> dict[str, Any]:
    """Read the request, the first line of stdin, and from then on end this process when stdin ends.

    `told` says what that means for the data.
    """
    global _finished
    _finished = False
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        raise DataLabError("E_INTERRUPTED", f"Interrupted before it began. {told}")
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise DataLabError("E_USAGE", "expected a JSON object as the first line of stdin", "--help")
    threading.Thread(target=_watch, args=(sys.stdin.fileno(), told), daemon=True).start()
    return request


def finish() -> None:
    """The work is done: from here on the answer is written, whatever happens to stdin."""
    global _finished
    with _answer:
        _finished = True


def _watch(descriptor: int, told: str) -> None:
    while os.read(descriptor, 1 << 16):
        pass
    with _answer:
        if _finished:
            return
        error = {"error": {"code": "E_INTERRUPTED", "message": f"Interrupted. {told}", "hint": ""}}
        os.write(1, (json.dumps(error) + "\n").encode())
        # No clean-up that could wait for the work: processes of its own end with this one's pipes.
        os._exit(INTERRUPTED)
