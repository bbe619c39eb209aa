"""The work pool that deployments are in: of processes on one host, of Jobs in a cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from datalab.prefect import flow_jobs
from datalab.prefect.api import POOL
from datalab.prefect.registration import say

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# Priority 1 is served first; health checks ride in that queue.
QUEUES = {"critical": 1, "high": 2, "normal": 3, "low": 4}
# With a command of its own a run is one process; without, a supervisor process is started before it (+2 s).
PROCESS = {"command": "python -m prefect.engine"}


def pool_type() -> str:
    """What the platform's worker makes of a run."""
    return os.environ.get("DATALAB_POOL_TYPE") or "process"


def job_variables(definition: dict[str, Any]) -> dict[str, str]:
    """What a deployment says about where it runs. A Job has a supervisor: it sees evictions."""
    if pool_type() == flow_jobs.TYPE:
        return flow_jobs.job_variables(definition.get("resources"))
    return PROCESS


def health_variables() -> dict[str, str]:
    """Of the health check: it is over before anybody could evict it, and has no supervisor."""
    return PROCESS


def ensure_pool(client: SyncPrefectClient) -> None:
    """The work pool and its queues, one for each priority."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    wanted = pool_type()
    try:
        there = client.read_work_pool(POOL)
        if there.type != wanted:
            # It came with another stack's database; deployments find the new one by its name.
            client.delete_work_pool(POOL)
            say(f"removed the work pool {POOL} of type {there.type}")
            raise ObjectNotFound(None)
    except ObjectNotFound:
        try:
            client.create_work_pool(
                WorkPoolCreate(name=POOL, type=wanted, base_job_template=_template(wanted))
            )
            say(f"created the work pool {POOL}")
        except ObjectAlreadyExists:
            pass  # the worker was faster
    known = {queue.name: queue for queue in client.read_work_queues(work_pool_name=POOL)}
    for name, priority in QUEUES.items():
        if name not in known:
            try:
                client.create_work_queue(name=name, priority=priority, work_pool_name=POOL)
                say(f"created the work queue {name}")
            except ObjectAlreadyExists:
                pass


def _template(kind: str) -> dict[str, Any]:
    """In a cluster the worker brings it: it has the template of pods."""
    if kind == flow_jobs.TYPE:
        return {}
    from prefect.workers.process import ProcessWorker

    return ProcessWorker.get_default_base_job_template()
