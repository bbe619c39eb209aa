"""The registrar: makes Prefect hold exactly the pipelines that the platform's description lists.

    python -m datalab.prefect.register

Reads DATALAB_PIPELINES_FILE (default /run/datalab/pipelines.json). First everything is checked, so that one
broken pipeline changes nothing; then what changed is bundled and registered, and what is gone is deleted.
Deployments that DataLab did not make are never touched.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalab.bundles import bundle_key, pack, registered_definition
from datalab.errors import DataLabError
from datalab.layers import owners
from datalab.prefect import catch_up
from datalab.prefect.registration import Pipeline, check, publish_contracts, read_pipelines, say
from datalab.prefect.schedules import Standing, schedules, standing, told
from datalab.prefect.work_pool import POOL, ensure_pool, health_variables, job_variables
from datalab.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

    from datalab.lake import Lake

TAG = "datalab"
HEALTH = ("datalab-health", "roundtrip", "datalab.health.roundtrip")
ZOMBIES = "datalab: crash runs without a heartbeat"


@dataclass(frozen=True)
class Bundle:
    """A pipeline with its packed folder."""

    pipeline: Pipeline
    packed: bytes

    @property
    def pull_steps(self) -> list[dict[str, Any]]:
        """The step that fetches exactly these bytes; comparing it tells whether a pipeline has changed."""
        digest = hashlib.sha256(self.packed).hexdigest()
        inputs = {"name": self.pipeline.name, "version": self.pipeline.version, "sha256": digest}
        return [{"datalab.bundles.fetch": inputs}]


def main() -> int:
    """Register, and return the exit code."""
    try:
        run(
            Settings.from_env(),
            Path(os.environ.get("DATALAB_PIPELINES_FILE") or "/run/datalab/pipelines.json"),
        )
    except DataLabError as error:
        print(f"✖ {error.message}" + (f"\n  → {error.hint}" if error.hint else ""), file=sys.stderr)
        return 1
    return 0


def run(settings: Settings, file: Path) -> None:
    """Make Prefect match the file."""
    pipelines = read_pipelines(file)
    folder = Path(settings.pipelines_dir)
    lake = settings.lake()

    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        wait_for_api(client)
        existing = {d.name: d for d in deployments(client, TAG)}
        # A folder is packed before it is checked: whether it is there at all is part of the check.
        bundles = [
            Bundle(p, pack(folder / p.name, p.definition)) for p in pipelines if (folder / p.name).is_dir()
        ]
        changed = [b for b in bundles if not _same(existing.get(b.pipeline.name), b)]
        missing = [p for p in pipelines if not (folder / p.name).is_dir()]
        owned, problems = owners.declared(folder, [p.name for p in pipelines])
        schemas = check([b.pipeline for b in changed] + missing, folder, problems)

        # Before the first run of what is registered now.
        owners.publish(lake, [p.name for p in pipelines], owned)
        ensure_pool(client)
        ensure_zombie_automation(client)
        ensure_health(client)
        for bundle in changed:
            p = bundle.pipeline
            now = _standing(lake, existing.get(p.name), p)
            register(client, lake, bundle, schemas[p.name], now)
            _tell(p, now, settings.stack)
        for bundle in bundles:
            if bundle not in changed:
                p = bundle.pipeline
                say(f"unchanged {p.name} {p.version[:12]}")
                _tell(p, standing(existing[p.name], p.definition, p), settings.stack)
        publish_contracts(lake, folder, pipelines)
        for name, deployment in existing.items():
            if name not in {p.name for p in pipelines}:
                client.delete_deployment(deployment.id)
                say(f"removed {name}")


def wait_for_api(client: SyncPrefectClient, seconds: float = 60) -> None:
    """Until the API answers: a port that is open is not yet an API that works."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    end = time.monotonic() + seconds
    while True:
        try:
            client.read_work_pools(limit=1)
        except PrefectHTTPStatusError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise DataLabError(
                    "E_PREFECT_LOGIN", "Prefect refuses the login", "check PREFECT_API_AUTH_STRING"
                ) from None
            problem = f"HTTP {status}"
        except httpx.HTTPError as error:
            problem = type(error).__name__
        else:
            return
        if time.monotonic() > end:
            raise DataLabError(
                "E_PREFECT_UNREACHABLE", f"Prefect at {client.api_url} does not answer: {problem}"
            )
        time.sleep(0.5)


def deployments(client: SyncPrefectClient, tag: str) -> list[DeploymentResponse]:
    """Every deployment with the tag, page by page."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    found: list[DeploymentResponse] = []
    chosen = DeploymentFilter(tags=DeploymentFilterTags(all_=[tag]))
    while page := client.read_deployments(deployment_filter=chosen, limit=100, offset=len(found)):
        found += page
    return found


def _same(existing: DeploymentResponse | None, bundle: Bundle) -> bool:
    """Code and definition are in the bundle's hash; the rest is what someone else may have changed."""
    return (
        existing is not None
        and existing.version == bundle.pipeline.version
        and existing.pull_steps == bundle.pull_steps
        and existing.entrypoint == bundle.pipeline.entrypoint
        and existing.work_queue_name == bundle.pipeline.priority
        and existing.job_variables == job_variables(bundle.pipeline.definition)
    )


def _standing(lake: Lake, existing: DeploymentResponse | None, pipeline: Pipeline) -> Standing:
    """What was registered last is in the bundle of that version."""
    before = None
    if existing is not None and existing.version:
        before = registered_definition(lake, pipeline.name, existing.version)
    return standing(existing, before, pipeline)


def _tell(pipeline: Pipeline, now: Standing, stack: str) -> None:
    line = told(pipeline, now, stack)
    if line is not None:
        say(line)


def register(
    client: SyncPrefectClient, lake: Lake, bundle: Bundle, schema: dict[str, Any], now: Standing
) -> None:
    """Upload the bundle, then create or replace the deployment."""
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    p = bundle.pipeline
    lake.put("artifacts", bundle_key(p.name, p.version), bundle.packed, "application/gzip")
    options = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    client.create_deployment(
        flow_id=client.create_flow_from_name(p.name),
        name=p.name,
        version=p.version,
        description=p.summary,
        tags=[TAG, *(tag for tag in p.tags if tag != TAG), *catch_up.tags(p.schedule)],
        entrypoint=p.entrypoint,
        pull_steps=bundle.pull_steps,
        parameters=p.parameters,
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
        work_pool_name=POOL,
        job_variables=job_variables(p.definition),
        work_queue_name=p.priority,
        concurrency_limit=p.concurrency,
        concurrency_options=options if p.concurrency else None,
        schedules=schedules(p, now.active),
        paused=now.paused,
    )
    say(f"registered {p.name} {p.version[:12]}")


def ensure_zombie_automation(client: SyncPrefectClient) -> None:
    """A run whose process was killed says nothing any more: three missed heartbeats make it Crashed."""
    from datetime import timedelta

    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    heartbeat = int(os.environ.get("PREFECT_FLOWS_HEARTBEAT_FREQUENCY") or 180)
    ended = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    wanted = AutomationCore(
        name=ZOMBIES,
        description="Made by DataLab. A killed worker's runs would stay Running for ever.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *ended},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=3 * heartbeat),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message="No heartbeat: its process or worker was killed.",
            )
        ],
    )
    there = client.read_automations_by_name(ZOMBIES)
    if not there:
        client.create_automation(wanted)
        say("created the automation for zombie runs")
        return
    first, *others = there
    if first.trigger.within != wanted.trigger.within or not first.enabled:
        client.update_automation(first.id, wanted)
        say("updated the automation for zombie runs")
    for other in others:
        client.delete_automation(other.id)


def ensure_health(client: SyncPrefectClient) -> None:
    """The deployment that the functional check runs: no code to fetch, no parameters, first in line."""
    from prefect.exceptions import ObjectNotFound

    flow, name, entrypoint = HEALTH
    try:
        there = client.read_deployment_by_name(f"{flow}/{name}")
    except ObjectNotFound:
        there = None
    if there is not None and (there.entrypoint, there.work_queue_name, there.job_variables) == (
        entrypoint, "critical", health_variables(),
    ):  # fmt: skip
        return
    client.create_deployment(
        flow_id=client.create_flow_from_name(flow),
        name=name,
        description="Run by the functional check of Prefect.",
        tags=["datalab-system"],
        entrypoint=entrypoint,
        pull_steps=[],
        parameters={},
        parameter_openapi_schema={"type": "object", "properties": {"token": {"type": "string"}}},
        work_pool_name=POOL,
        job_variables=health_variables(),
        work_queue_name="critical",
    )
    say(f"registered {flow}/{name}")


if __name__ == "__main__":
    sys.exit(main())
