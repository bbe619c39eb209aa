"""Prefect's server that rests when it has nothing to do: `python -m datalab.prefect.server ARGUMENT...`.

Its background tasks run on docket, which looks four times a second for tasks that are due, and ten times a
second for cancelled ones. Prefect has no setting for either. A task that a request adds still wakes
docket at once; only tasks that are due by the clock wait, and those run every few seconds at most.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import time
from datetime import timedelta
from types import ModuleType
from typing import Any

# How late a task may be that is due by the clock.
RESOLUTION = timedelta(seconds=1)
# How long one look for work may block; what is added meanwhile ends it.
CHECK = timedelta(seconds=5)
# How long a cancelled task may go on.
CANCEL_SECONDS = 1.0


def pause_longer(background: ModuleType, pubsub: type[Any]) -> None:
    """Give Prefect's background worker, and docket's queue in memory, the pauses above."""
    worker = background.Worker

    def patient(docket: object) -> Any:
        return worker(docket, minimum_check_interval=CHECK, scheduling_resolution=RESOLUTION)

    async def take(self: Any, timeout: float | None) -> Any:
        """The next message, without the thread that would wait for it a tenth of a second at a time."""
        end = None if timeout is None else time.monotonic() + max(timeout, CANCEL_SECONDS if timeout else 0)
        while True:
            try:
                return self._queue.get_nowait()
            except queue.Empty:
                left = CANCEL_SECONDS if end is None else end - time.monotonic()
                if left <= 0:
                    return None
                await asyncio.sleep(min(left, CANCEL_SECONDS))

    background.Worker = patient  # type: ignore[attr-defined]
    pubsub._queue_get = take


def main(arguments: list[str]) -> None:
    """Become `prefect server start ARGUMENT...`."""
    from burner_redis.pubsub import PubSub
    from prefect.cli import app
    from prefect.server.api import background_workers

    pause_longer(background_workers, PubSub)
    sys.argv = ["prefect", "server", "start", *arguments]
    app()


if __name__ == "__main__":
    main(sys.argv[1:])
