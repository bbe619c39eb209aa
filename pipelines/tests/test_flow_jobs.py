"""Flow runs as Jobs: what Prefect's own code makes of the template, and runs whose Job is gone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cluster_fixtures import DIGEST, JobsServer, pod
from conftest import HERE, Start, state_of

from datalab.prefect import flow_jobs, worker
from datalab.prefect.api import POOL, Api, ApiError
from datalab.prefect.cluster_api import Cluster, ClusterError, Job

NAMESPACE = "datalab-staging"


def job_of(values: dict[str, Any]) -> dict[str, Any]:
    """The Job that Prefect's worker would ask the cluster for."""
    from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

    if flow_jobs.COLLECTIONS not in sys.path:
        sys.path.append(flow_jobs.COLLECTIONS)
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration as Configuration

    template = flow_jobs.base_job_template(pod(), NAMESPACE)
    run = SimpleNamespace(id=uuid.UUID(int=7), name="brave-otter", flow_id=uuid.UUID(int=8))
    run.model_dump = lambda mode: {"name": run.name}

    async def make() -> dict[str, Any]:
        made = await Configuration.from_template_and_values(template, values, client=object())
        made.prepare_for_flow_run(run, worker_name="prefect-worker-abc")
        return made.job_manifest

    with temporary_settings({PREFECT_API_AUTH_STRING: "admin:canary-of-the-login"}):
        return asyncio.run(make())


def test_a_job_is_the_platforms_pod() -> None:
    job = job_of({})
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert job["spec"]["backoffLimit"] == 0 and job["spec"]["ttlSecondsAfterFinished"] == 600
    assert job["metadata"]["namespace"] == NAMESPACE
    assert spec["restartPolicy"] == "Never"
    assert spec["securityContext"] == pod()["spec"]["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == "prefect-worker-run"
    assert container["image"] == DIGEST
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert container["securityContext"] == pod()["spec"]["containers"][0]["securityContext"]
    assert container["volumeMounts"] == pod()["spec"]["containers"][0]["volumeMounts"]
    assert container["resources"] == pod()["spec"]["containers"][0]["resources"]


def test_a_job_and_its_pod_carry_the_platforms_labels_and_the_run() -> None:
    job = job_of({"labels": {"datalab.stack": "another"}})
    for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        assert labels | pod()["metadata"]["labels"] == labels
        assert labels["prefect.io/flow-run-id"] == str(uuid.UUID(int=7))


def test_the_login_stands_in_no_job() -> None:
    job = job_of({"env": {"MINE": "1"}})
    env = {
        each["name"]: each.get("value") for each in job["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert "canary" not in json.dumps(job)
    assert "PREFECT_API_AUTH_STRING" not in env
    assert env["PREFECT__FLOW_RUN_ID"] == str(uuid.UUID(int=7))
    assert (env["MINE"], env["DATALAB_STACK"], env["HOME"]) == ("1", "staging", "/tmp")


def test_a_pipeline_may_ask_for_another_size_and_nothing_else() -> None:
    asked = flow_jobs.job_variables({"memoryBytes": 4 * 2**30, "milliCpu": 1500})
    assert asked == {"memory": "4096Mi", "cpu": "1500m", "cpu_limit": "6000m"}
    forbidden = {"image": "theirs", "namespace": "kube-system", "service_account_name": "admin"}
    job = job_of({**asked, **forbidden})
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "1500m", "memory": "4096Mi", "ephemeral-storage": "64Mi"},
        "limits": {"cpu": "6000m", "memory": "4096Mi", "ephemeral-storage": "1Gi"},
    }
    assert container["image"] == DIGEST
    assert job["metadata"]["namespace"] == NAMESPACE
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "prefect-worker-run"


def test_without_a_wish_there_are_no_variables() -> None:
    assert flow_jobs.job_variables(None) == {}
    assert flow_jobs.job_variables({"memoryBytes": 2**30}) == {"memory": "1024Mi"}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobsServer]:
    server = JobsServer(tmp_path)
    yield server
    server.close()


def test_jobs_are_listed_page_by_page_and_taken_away(jobs: JobsServer) -> None:
    jobs.add("a", "1")
    jobs.add("b", "2", "Complete")
    jobs.add("c", "3", "Failed")
    assert jobs.cluster.jobs() == [Job("a", "1", False), Job("b", "2", True), Job("c", "3", True)]
    jobs.cluster.delete(Job("a", "1", False))
    jobs.cluster.delete(Job("a", "1", False))
    assert [job.name for job in jobs.cluster.jobs()] == ["b", "c"]


def test_a_refusal_is_told_without_the_token(jobs: JobsServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("an-old-token")
    with pytest.raises(ClusterError, match="answered 401") as error:
        jobs.cluster.jobs()
    assert "an-old-token" not in str(error.value)


NOTHING: dict[str, list[str]] = {"crashed": [], "rescheduled": [], "cancelled": []}


@pytest.mark.server
@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCELLING"])
def test_a_run_whose_job_lives_is_left_alone(api: Api, start: Start, jobs: JobsServer, state: str) -> None:
    run = start(state)
    jobs.add("alive", run)
    assert flow_jobs.reconcile(api, jobs.cluster) == NOTHING
    assert state_of(api, run)["type"] == state


@pytest.mark.server
def test_a_run_whose_job_is_gone_is_crashed_and_its_slot_is_free(
    api: Api,
    start: Start,
    jobs: JobsServer,
) -> None:
    run = start("RUNNING")
    jobs.add("of-another", str(uuid.uuid4()))
    assert len(flow_jobs.reconcile(api, jobs.cluster)["crashed"]) == 1
    assert state_of(api, run)["type"] == "CRASHED"
    jobs.add("next", start("RUNNING"))  # accepted: the deployment runs only once at a time
    assert flow_jobs.reconcile(api, jobs.cluster) == NOTHING


@pytest.mark.server
def test_a_run_whose_job_ended_before_it_started_is_crashed(api: Api, start: Start, jobs: JobsServer) -> None:
    run = start("PENDING")
    jobs.add("failed", run, "Failed")
    flow_jobs.reconcile(api, jobs.cluster)
    assert state_of(api, run)["type"] == "CRASHED"


@pytest.mark.server
def test_a_claim_is_given_up_when_it_is_old(
    api: Api,
    start: Start,
    jobs: JobsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = start("PENDING")
    assert flow_jobs.reconcile(api, jobs.cluster) == NOTHING  # a worker is just about to make its Job
    monkeypatch.setattr(flow_jobs, "CLAIM_SECONDS", -1)
    assert len(flow_jobs.reconcile(api, jobs.cluster)["rescheduled"]) == 1
    assert state_of(api, run)["type"] == "SCHEDULED"


@pytest.mark.server
def test_what_was_being_cancelled_is_cancelled(
    api: Api,
    start: Start,
    jobs: JobsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = start("CANCELLING")
    monkeypatch.setattr(flow_jobs, "CLAIM_SECONDS", -1)
    assert len(flow_jobs.reconcile(api, jobs.cluster)["cancelled"]) == 1
    assert state_of(api, run)["type"] == "CANCELLED"


@pytest.mark.server
def test_a_run_that_ended_meanwhile_is_not_touched(
    api: Api,
    start: Start,
    jobs: JobsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = start("RUNNING")
    listed = api.runs()
    api.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "COMPLETED"}})
    monkeypatch.setattr(api, "runs", lambda: listed)
    assert flow_jobs.reconcile(api, jobs.cluster) == NOTHING
    assert state_of(api, run)["type"] == "COMPLETED"


@pytest.mark.server
def test_a_drain_takes_the_jobs_of_claimed_runs_away(
    api: Api,
    start: Start,
    jobs: JobsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "CANCEL_SECONDS", 1)
    run = start("PENDING")
    jobs.add("waits-for-its-image", run)
    try:
        assert len(worker.drain(api, 1, jobs.cluster)["rescheduled"]) == 1
        assert jobs.jobs == {}
        assert state_of(api, run)["type"] == "SCHEDULED"
    finally:
        worker.resume(api)


@pytest.fixture
def no_pool(api: Api) -> None:
    """A server without the pool: other tests make theirs again."""
    try:
        api.call("DELETE", f"/work_pools/{POOL}")
    except ApiError as error:
        assert error.status == 404


@pytest.mark.server
def test_the_pool_is_made_updated_and_left_alone(api: Api, no_pool: None, capsys: Any) -> None:
    template = flow_jobs.base_job_template(pod(), NAMESPACE)
    try:
        flow_jobs.ensure_pool(api, template, 8)
        made = api.call("GET", f"/work_pools/{POOL}")
        assert (made["type"], made["concurrency_limit"], made["base_job_template"]) == (
            "kubernetes",
            8,
            template,
        )
        flow_jobs.ensure_pool(api, template, 8)
        flow_jobs.ensure_pool(api, template, 9)
        assert api.call("GET", f"/work_pools/{POOL}")["concurrency_limit"] == 9
        assert capsys.readouterr().err == "created the work pool default\nupdated the work pool default\n"
    finally:
        api.call("DELETE", f"/work_pools/{POOL}")


@pytest.mark.server
def test_a_pool_of_another_type_is_the_registrations_to_replace(api: Api, no_pool: None) -> None:
    api.call("POST", "/work_pools/", {"name": POOL, "type": "process", "base_job_template": {}})
    try:
        with pytest.raises(ApiError, match="of type process, not kubernetes"):
            flow_jobs.ensure_pool(api, flow_jobs.base_job_template(pod(), NAMESPACE), 8)
    finally:
        api.call("DELETE", f"/work_pools/{POOL}")


@pytest.mark.server
def test_workers_whose_pods_are_gone_are_forgotten(api: Api, deployment: str, monkeypatch: Any) -> None:
    path = f"/work_pools/{POOL}/workers"
    api.call("POST", f"{path}/heartbeat", {"name": "prefect-worker-new"})
    real = api.call

    def call(method: str, at: str, body: object = None) -> Any:
        if at == f"{path}/filter":
            return [
                {"name": "prefect-worker-new", "status": "ONLINE"},
                {"name": "prefect-worker-old", "status": "OFFLINE"},
            ]
        return real(method, at, body)

    monkeypatch.setattr(api, "call", call)
    flow_jobs.forget_gone_workers(api)  # the old one is no more: nothing is wrong
    monkeypatch.undo()
    assert [each["name"] for each in api.call("POST", f"{path}/filter", {})] == ["prefect-worker-new"]
    api.forget_worker("prefect-worker-new")


def test_the_worker_looks_after_runs_until_prefects_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    wanted = ["-m", "datalab.prefect.event_worker", "--name", "the-pod", "--pool", "default"]
    lines = [
        f"#!{sys.executable}",
        "import os, sys, time",
        "time.sleep(1)",
        f"collection = {flow_jobs.COLLECTIONS!r} in os.environ['PYTHONPATH'].split(os.pathsep)",
        f"sys.exit(sys.argv[1:] != {wanted} or not collection)",
    ]
    program.write_text("\n".join(lines))
    program.chmod(0o755)
    monkeypatch.setattr(flow_jobs.sys, "executable", str(program))
    monkeypatch.setattr(flow_jobs, "ROUND_SECONDS", 0.2)
    monkeypatch.setattr(flow_jobs.socket, "gethostname", lambda: "the-pod")
    rounds: list[int] = []
    monkeypatch.setattr(flow_jobs, "reconcile", lambda *_: rounds.append(1))
    cluster = Cluster("http://127.0.0.1:1", NAMESPACE, tmp_path)
    assert flow_jobs.work(Api("http://127.0.0.1:1", None), cluster, ["--pool", "default"]) == 0
    assert len(rounds) >= 2


@pytest.mark.server
def test_the_registrar_gives_runs_their_size(
    prefect_server: dict[str, str],
    api: Api,
    no_pool: None,
    tmp_path: Path,
) -> None:
    import os

    from test_registrar import FLOW, definition

    (tmp_path / "pipelines" / "big").mkdir(parents=True)
    (tmp_path / "pipelines" / "big" / "flow.py").write_text(FLOW.replace("hello(", "big("))
    big = definition("big", resources={"memoryBytes": 2**33}) | {"entrypoint": "flow.py:big"}
    (tmp_path / "pipelines.json").write_text(json.dumps({"pipelines": [big]}))
    done = subprocess.run(
        [sys.executable, "-m", "datalab.prefect.register"], capture_output=True, text=True, check=False,
        env={
            **os.environ, **prefect_server, "DATALAB_POOL_TYPE": "kubernetes",
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
            "DATALAB_LAKE_ROOT": str(tmp_path / "lake"),
            "DATALAB_PIPELINES_DIR": str(tmp_path / "pipelines"),
            "DATALAB_PIPELINES_FILE": str(tmp_path / "pipelines.json"),
        },
    )  # fmt: skip
    try:
        assert done.returncode == 0, done.stderr
        assert api.call("GET", f"/work_pools/{POOL}")["type"] == "kubernetes"
        assert api.call("GET", "/deployments/name/big/big")["job_variables"] == {"memory": "8192Mi"}
        health = api.call("GET", "/deployments/name/datalab-health/roundtrip")
        assert health["job_variables"] == {"command": "python -m prefect.engine"}
    finally:
        for name in ("big/big", "datalab-health/roundtrip"):
            found = api.call("GET", f"/deployments/name/{name}")
            api.call("DELETE", f"/deployments/{found['id']}")
        api.call("DELETE", f"/work_pools/{POOL}")
