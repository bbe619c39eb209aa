"""A kernel that computes is activity, however silent: no notebook is stopped in the middle of a long cell.

Jupyter takes only what a kernel says for activity. Any setting named `*_last_activity` counts, too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tornado.ioloop import PeriodicCallback

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

EVERY_MS = 5_000


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    kernels, settings = server.kernel_manager, server.web_app.settings

    def look() -> None:
        # A kernel has no state before its first message.
        states = [
            getattr(kernels.get_kernel(each), "execution_state", None) for each in kernels.list_kernel_ids()
        ]
        if "busy" in states:
            settings["busy_kernel_last_activity"] = datetime.now(UTC)

    PeriodicCallback(look, EVERY_MS).start()
