"""Around the Prefect worker: what it left when it was killed is put right, and it can be drained.

    python -m datalab.prefect.worker start ARGUMENT...
        puts its runs right, becomes `datalab.prefect.event_worker ...`
    python -m datalab.prefect.worker drain --within 60
        takes no new runs, lets others end, cancels what does not

A killed worker's runs say nothing any more. Those that ran are Crashed: at once, not after three missed
heartbeats, so that whoever waits for their concurrency slot goes on. Those that it had only claimed
(Pending) have done nothing yet: they are scheduled again. In a cluster, where a run is a Job and outlives its
worker, only those without a Job are put right: see `datalab.prefect.flow_jobs`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import sys
import time
from typing import Any

from datalab import scratch
from datalab.prefect import flow_jobs
from datalab.prefect.api import CLAIM_SECONDS, POOL, Api, ApiError, say
from datalab.prefect.cluster_api import Cluster, ClusterError

# Set while the pool is paused by a drain: a pool that people paused stays paused.
DRAINED = "datalab_drained"
CANCEL_SECONDS = 15


def wait_for_api(api: Api, seconds: float) -> None:
    """Until the API and its database answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            api.call("POST", "/work_pools/filter", {"limit": 1})
            return
        except ApiError as error:
            if error.status in (401, 403) or time.monotonic() > end:
                raise
            time.sleep(0.5)


def put_right(api: Api, worker: str, host: str) -> dict[str, list[str]]:
    """Whatever this worker left when it ended; it has no process yet, so nothing of its is alive."""
    done: dict[str, list[str]] = {"crashed": [], "rescheduled": []}
    runs = api.runs()
    if not runs:
        return done
    others = api.other_workers(worker)
    for run in runs:
        abandoned = run.state == "PENDING" and run.age > CLAIM_SECONDS
        if not (run.host == host if run.host else not others or abandoned):
            continue  # another worker may be at work on it
        if run.state == "PENDING":
            api.set_state(run, "SCHEDULED", "Its worker ended before it was started.")
            done["rescheduled"].append(run.name)
            say(f"scheduled {run.name} again: its worker ended before it was started")
        else:
            api.set_state(run, "CRASHED", "Its worker was killed.")
            done["crashed"].append(run.name)
            say(f"{run.name} is Crashed: its worker was killed")
    return done


def own_scratch() -> None:
    """What processes before have left is removed; this one and its runs make no temporary files elsewhere."""
    freed = scratch.sweep()
    if freed:
        say(f"removed {freed >> 20} MiB that killed processes have left in {scratch.root()}")
    scratch.use_for_temporary_files()
    scratch.keep_over_exec()


def resume(api: Api) -> None:
    """Ends a drain."""
    try:
        api.call("GET", f"/variables/name/{DRAINED}")
    except ApiError as error:
        if error.status == 404:
            return
        raise
    api.call("PATCH", f"/work_pools/{POOL}", {"is_paused": False})
    api.call("DELETE", f"/variables/name/{DRAINED}")
    say("takes runs again")


def pause(api: Api) -> None:
    """No run is handed out any more, until a worker starts."""
    try:
        if api.call("GET", f"/work_pools/{POOL}")["is_paused"]:
            return
    except ApiError as error:
        if error.status == 404:
            return
        raise
    try:
        api.call("POST", "/variables/", {"name": DRAINED, "value": True})
    except ApiError as error:
        if error.status != 409:
            raise
    api.call("PATCH", f"/work_pools/{POOL}", {"is_paused": True})


def drain(api: Api, within: float, cluster: Cluster | None = None) -> dict[str, Any]:
    """No run is left Running: they end, or are cancelled, or are called Crashed."""
    pause(api)
    seen: set[str] = set()
    told = ""
    end = time.monotonic() + within
    quiet = 0
    while quiet < 2:  # the worker may just be claiming one
        runs = api.runs()
        quiet = 0 if runs else quiet + 1
        seen |= {run.name for run in runs}
        names = ", ".join(sorted(run.name for run in runs))
        if names and names != told:
            say(f"... waits for {names}")
            told = names
        if runs and time.monotonic() > end:
            break
        time.sleep(0.5)
    cancelled: list[str] = []
    rescheduled: list[str] = []
    for run in api.runs():
        if run.state == "PENDING":
            if cluster:
                flow_jobs.unclaim(api, cluster, run)
            else:
                api.set_state(run, "SCHEDULED", "The platform stops.")
            rescheduled.append(run.name)
        elif run.state == "RUNNING":
            say(f"cancels {run.name}: it has not ended within {within:.0f} s")
            api.set_state(run, "CANCELLING", "The platform stops.")
            cancelled.append(run.name)
    end = time.monotonic() + CANCEL_SECONDS
    while (left := api.runs()) and time.monotonic() < end:
        time.sleep(0.5)
    crashed = []
    for run in left:
        say(f"{run.name} is Crashed: it could not be cancelled within {CANCEL_SECONDS} s")
        api.set_state(run, "CRASHED", "The platform stopped while it ran.")
        crashed.append(run.name)
    gone = {*cancelled, *rescheduled, *crashed}
    return {
        "finished": sorted(seen - gone),
        "cancelled": sorted(set(cancelled) - set(crashed)),
        "rescheduled": rescheduled,
        "crashed": crashed,
    }


def main(arguments: list[str]) -> int:
    """Do what the command line says; `start` does not come back."""
    api = Api(os.environ["PREFECT_API_URL"], os.environ.get("PREFECT_API_AUTH_STRING"))
    command, *rest = arguments or [""]
    cluster = Cluster.from_env() if os.environ.get("DATALAB_RUN_TEMPLATE") else None
    try:
        if command == "start" and cluster:
            wait_for_api(api, 120)
            flow_jobs.prepare(api, cluster)
            resume(api)
            own_scratch()
            return flow_jobs.work(api, cluster, rest)
        if command == "start":
            wait_for_api(api, 120)
            names = [value for flag, value in itertools.pairwise(rest) if flag == "--name"]
            put_right(api, names[0] if names else "worker", socket.gethostname())
            resume(api)
            own_scratch()
        elif command == "drain":
            options = argparse.ArgumentParser(prog="datalab.prefect.worker drain")
            options.add_argument("--within", type=float, default=60)
            print(json.dumps(drain(api, options.parse_args(rest).within, cluster)))
            return 0
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except ApiError as error:
        say(f"✖ Prefect does not answer as it should: {error}")
        return 1
    except ClusterError as error:
        say(f"✖ the cluster does not answer as it should: {error}")
        return 1
    return os.execv(sys.executable, [sys.executable, "-m", "datalab.prefect.event_worker", *rest])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
