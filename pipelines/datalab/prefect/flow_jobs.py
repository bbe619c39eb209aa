"""Flow runs as Jobs in a cluster: what a Job is made of, and what becomes of a run whose Job is gone.

The pod of a run is the template that the platform writes for the worker (`spawn-run.json`): image,
confinement, labels, files and account are not a pipeline's business. A pipeline, or a run, says how much
memory and CPU it gets, and variables of its own.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from datalab.prefect.api import CLAIM_SECONDS, POOL, Api, ApiError, Run, say
from datalab.prefect.cluster_api import Cluster, ClusterError

TYPE = "kubernetes"
# Where the image keeps Prefect's collection for it; only a worker in a cluster looks there.
COLLECTIONS = "/opt/datalab/collections"
# How long an ended Job is kept: its pod's log is in the log store by then.
KEPT_SECONDS = 600
ROUND_SECONDS = 30.0


def base_job_template(pod: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The work pool's template: the platform's pod as a Job, with its variables as Prefect fills them in."""
    spec = copy.deepcopy(pod["spec"])
    (container,) = spec["containers"]
    limits, requests = container["resources"]["limits"], container["resources"]["requests"]
    variables = {
        "memory": _text("Memory", "Memory of a run: what it is promised, and its limit.", limits["memory"]),
        "cpu": _text("CPU", "Cores that a run may count on.", requests["cpu"]),
    }
    container["resources"] = {
        "requests": {**requests, "memory": "{{ memory }}", "cpu": "{{ cpu }}"},
        "limits": {**limits, "memory": "{{ memory }}"},
    }
    if "cpu" in limits:
        variables["cpu_limit"] = _text("CPU limit", "Cores that a run may take at most.", limits["cpu"])
        container["resources"]["limits"]["cpu"] = "{{ cpu_limit }}"
    # Prefect's worker knows the container by this name, and insists on two fields that belong elsewhere.
    container.update(name="prefect-job", args="{{ command }}")
    container.setdefault("env", [])
    spec.update(restartPolicy="Never", parallelism=1, completions=1)
    return {
        "variables": {
            "type": "object",
            "properties": {
                **variables,
                "name": _text("Name", "What a Job's name begins with.", None),
                "command": _text("Command", "What a run is started by.", None),
                "env": {
                    "title": "Environment Variables",
                    "type": "object",
                    "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
        },
        "job_configuration": {
            "name": "{{ name }}",
            "command": "{{ command }}",
            "namespace": namespace,
            # The platform's labels; Prefect's own of the same names give way.
            "labels": dict(pod["metadata"]["labels"]),
            # The login is in the pod's files: it must not stand in the Job.
            "env": {"PREFECT_API_AUTH_STRING": None},
            "job_manifest": {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"generateName": "{{ name }}-", "namespace": namespace},
                "spec": {
                    "backoffLimit": 0,
                    "ttlSecondsAfterFinished": KEPT_SECONDS,
                    "template": {"metadata": copy.deepcopy(pod["metadata"]), "spec": spec},
                },
            },
        },
    }


def _text(title: str, description: str, default: str | None) -> dict[str, Any]:
    return {"title": title, "description": description, "type": "string"} | (
        {} if default is None else {"default": default}
    )


def job_variables(resources: dict[str, Any] | None) -> dict[str, str]:
    """What a pipeline's definition asks for, as variables of the template; of CPU at most four times."""
    if not resources:
        return {}
    found: dict[str, str] = {}
    if resources.get("memoryBytes"):
        found["memory"] = f"{-(-resources['memoryBytes'] // 2**20)}Mi"
    if resources.get("milliCpu"):
        found["cpu"] = f"{resources['milliCpu']}m"
        found["cpu_limit"] = f"{max(1000, 4 * resources['milliCpu'])}m"
    return found


def ensure_pool(api: Api, template: dict[str, Any], most: int) -> None:
    """The pool has the template, and hands out `most` runs at once, whoever was here first."""
    wanted = {"base_job_template": template, "concurrency_limit": most}
    try:
        pool = api.call("GET", f"/work_pools/{POOL}")
    except ApiError as error:
        if error.status != 404:
            raise
        try:
            api.call("POST", "/work_pools/", {"name": POOL, "type": TYPE, **wanted})
            say(f"created the work pool {POOL}")
            return
        except ApiError as second:
            if second.status != 409:
                raise
        pool = api.call("GET", f"/work_pools/{POOL}")
    if pool["type"] != TYPE:
        raise ApiError(f"the work pool {POOL} is of type {pool['type']}, not {TYPE}: up replaces it")
    if any(pool[key] != value for key, value in wanted.items()):
        api.call("PATCH", f"/work_pools/{POOL}", wanted)
        say(f"updated the work pool {POOL}")


def forget_gone_workers(api: Api) -> None:
    """A worker is called after its pod: the list would grow with every start."""
    for worker in api.call("POST", f"/work_pools/{POOL}/workers/filter", {"limit": 200}):
        if worker["status"] == "OFFLINE":
            api.forget_worker(worker["name"])


def reconcile(api: Api, cluster: Cluster) -> dict[str, list[str]]:
    """Runs without a living Job, whoever started them. Those that have one are left alone."""
    done: dict[str, list[str]] = {"crashed": [], "rescheduled": [], "cancelled": []}
    runs = api.runs()
    if not runs:
        return done
    jobs = cluster.jobs()
    alive = {job.run for job in jobs if not job.ended}
    ended = {job.run for job in jobs} - alive
    for run in runs:
        if run.id in alive or (_may_be_at_it(run) and run.id not in ended):
            continue
        if not api.unchanged(run):
            continue  # it ended, or was taken up again, while this was looked at
        if run.state == "CANCELLING":
            _move(api, run, "CANCELLED", "Its Job is gone.", done["cancelled"])
        elif run.state == "PENDING" and run.id not in ended:
            _move(api, run, "SCHEDULED", "Its worker ended before it was started.", done["rescheduled"])
        else:
            _move(api, run, "CRASHED", "Its Job ended without it.", done["crashed"])
    return done


def _may_be_at_it(run: Run) -> bool:
    """A worker makes a Job just after it claimed a run; of a cancelled one it says so just after."""
    return run.state in ("PENDING", "CANCELLING") and run.age <= CLAIM_SECONDS


def _move(api: Api, run: Run, state: str, why: str, done: list[str]) -> None:
    api.set_state(run, state, why)
    done.append(run.name)
    say(f"{run.name} is {state.capitalize()}: {why}")


def unclaim(api: Api, cluster: Cluster, run: Run) -> None:
    """A claimed run goes back to the queue; what was to run it is taken away first."""
    for job in cluster.jobs():
        if job.run == run.id:
            cluster.delete(job)
    api.set_state(run, "SCHEDULED", "The platform stops.")


def prepare(api: Api, cluster: Cluster) -> None:
    """Before a worker takes runs."""
    file = Path(os.environ["DATALAB_RUN_TEMPLATE"])
    template = base_job_template(json.loads(file.read_text()), os.environ["DATALAB_NAMESPACE"])
    ensure_pool(api, template, int(os.environ["DATALAB_MAX_RUNS"]))
    forget_gone_workers(api)
    reconcile(api, cluster)


def work(api: Api, cluster: Cluster, arguments: list[str]) -> int:
    """Run Prefect's worker, and look after its runs at its side. Gives its exit code."""
    # Several share a pool: each is called after its pod.
    command = [
        sys.executable,
        "-m",
        "datalab.prefect.event_worker",
        "--name",
        socket.gethostname(),
        *arguments,
    ]
    path = os.pathsep.join(filter(None, [COLLECTIONS, os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})  # noqa: S603 - the image's own
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: child.send_signal(received))
    while True:
        try:
            code = child.wait(ROUND_SECONDS)
        except subprocess.TimeoutExpired:
            try:
                reconcile(api, cluster)
            except (ApiError, ClusterError) as error:
                say(f"runs were not looked at: {error}")
        else:
            return code if code >= 0 else 128 - code
