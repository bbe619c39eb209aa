"""How long Prefect's server rests between two looks for work."""

from __future__ import annotations

import asyncio
import queue
from types import SimpleNamespace
from typing import Any

from datalab.prefect.server import CHECK, RESOLUTION, pause_longer


def test_the_background_worker_gets_longer_pauses() -> None:
    from docket import Docket, Worker
    from prefect.server.api import background_workers

    assert background_workers.Worker is Worker
    background = SimpleNamespace(Worker=Worker)
    pause_longer(background, type("PubSub", (), {}))  # type: ignore[arg-type]
    worker = background.Worker(Docket("test", url="memory://"))
    assert isinstance(worker, Worker)
    assert (worker.minimum_check_interval, worker.scheduling_resolution) == (CHECK, RESOLUTION)


def test_a_message_is_taken_and_no_message_is_none() -> None:
    from burner_redis.pubsub import PubSub

    assert asyncio.iscoroutinefunction(PubSub._queue_get)

    class Own(PubSub):
        pass

    pause_longer(SimpleNamespace(Worker=None), Own)  # type: ignore[arg-type]
    own: Any = Own.__new__(Own)
    own._queue = queue.Queue()
    own._queue.put("first")
    assert asyncio.run(own._queue_get(0.1)) == "first"
    assert asyncio.run(own._queue_get(0.0)) is None
    own._queue.put("second")
    assert asyncio.run(own._queue_get(None)) == "second"
