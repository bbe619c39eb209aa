"""What a flow is made of: @pipeline applies the definition's retries and timeout, @step makes a task."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from datalab.errors import DataLabError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Retries:
    """How often and how long after each other a failed run is tried again."""

    count: int = 0
    delay_seconds: float = 10
    backoff: str = "exponential"
    max_delay_seconds: float = 300

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the given failed attempt (1, 2, ...)."""
        factor = 2 ** min(attempt - 1, 30) if self.backoff == "exponential" else 1
        return min(self.delay_seconds * factor, self.max_delay_seconds)


@dataclass(frozen=True)
class Definition:
    """The part of a pipeline's definition that its flow needs."""

    name: str
    retries: Retries
    timeout_seconds: float | None


def definition_of(folder: Path) -> Definition:
    """From definition.json, which the registrar puts into the bundle; without it (in tests) all defaults."""
    path = folder / "definition.json"
    given: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    retries = given.get("retries") or {}
    defaults = Retries()
    return Definition(
        given.get("name", folder.name),
        Retries(
            int(retries.get("count", 0)),
            float(retries.get("delaySeconds", defaults.delay_seconds)),
            str(retries.get("backoff", defaults.backoff)),
            float(retries.get("maxDelaySeconds", defaults.max_delay_seconds)),
        ),
        given.get("timeoutSeconds"),
    )


def pipeline(function: Callable[P, R]) -> Any:
    """Make a Prefect flow of a function, with the retries and the timeout of its pipeline.yaml.

    Attempts are made inside one flow run, and the timeout is for all of them together. A failure that trying
    again cannot mend (DataLabError.permanent) ends the run at once.
    """
    from prefect import flow

    definition = definition_of(Path(inspect.getfile(function)).parent)

    @functools.wraps(function)
    def attempts(*args: P.args, **kwargs: P.kwargs) -> R:
        with running(definition.name):
            return with_retries(lambda: function(*args, **kwargs), definition.retries)

    # Results stay where they are: a report and tables are the outcome of a pipeline, not a pickled value.
    return flow(
        name=definition.name,
        timeout_seconds=definition.timeout_seconds,
        persist_result=False,
        validate_parameters=True,
    )(attempts)


@contextlib.contextmanager
def running(name: str) -> Iterator[None]:
    """Whose run this is, for the lakes that it opens: a process has one run at a time."""
    before = os.environ.get("DATALAB_PIPELINE")
    os.environ["DATALAB_PIPELINE"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["DATALAB_PIPELINE"]
        else:
            os.environ["DATALAB_PIPELINE"] = before


def with_retries(call: Callable[[], R], retries: Retries, sleep: Callable[[float], None] = time.sleep) -> R:
    """Call until it works, the attempts are used up, or the failure is permanent."""
    attempt = 1
    while True:
        try:
            return call()
        except Exception as error:
            if attempt > retries.count or (isinstance(error, DataLabError) and error.permanent):
                raise
            wait = retries.delay(attempt)
            logger().warning(
                "attempt %d of %d failed, the next one is in %g s: %s",
                attempt,
                retries.count + 1,
                wait,
                error,
            )
            sleep(wait)
            attempt += 1


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function a task of its own in the run's picture. Outside a flow it is the plain function."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from prefect import task
        from prefect.cache_policies import NO_CACHE
        from prefect.context import FlowRunContext

        if FlowRunContext.get() is None:
            return function(*args, **kwargs)
        wrapped = task(name=function.__name__, persist_result=False, cache_policy=NO_CACHE)(function)
        return wrapped(*args, **kwargs)

    return call


def run_id() -> str:
    """The id of the flow run, or one of its own outside Prefect."""
    from uuid import uuid4

    from prefect.runtime import flow_run

    return str(flow_run.get_id() or f"local-{uuid4()}")


def logger() -> Any:
    """The run's logger; outside a run an ordinary one."""
    import logging

    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("datalab")
