"""Schedules as Prefect takes them, and what becomes of one that was paused or resumed by hand.

Prefect replaces a deployment's schedules whenever it is registered again. What a person has done to a
schedule since then counts on, until the author of the pipeline changes `paused` in its declaration.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from datalab.prefect.registration import Pipeline

if TYPE_CHECKING:
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse


@dataclass(frozen=True)
class Standing:
    """Whether a pipeline starts runs by itself."""

    paused: bool
    active: bool  # of its schedule: Prefect's page can switch off a schedule without the deployment
    by_hand: bool  # it differs from the declaration

    @property
    def held(self) -> bool:
        """No run starts by itself."""
        return self.paused or not self.active


def standing(
    existing: DeploymentResponse | None, before: dict[str, Any] | None, pipeline: Pipeline
) -> Standing:
    """What to register. `before` is the definition that was registered last, if it is still known."""
    declared = Standing(pipeline.paused, active=True, by_hand=False)
    if existing is None:
        return declared
    if before is not None and bool(before.get("paused", False)) != pipeline.paused:
        return declared  # its author has decided anew
    off = _switched_off(existing.schedules, before)
    if not pipeline.paused:
        return Standing(existing.paused, not off, by_hand=existing.paused or off)
    # Earlier builds also switched off the schedule of a paused pipeline: that is nobody's hand.
    return declared if existing.paused or off else Standing(False, True, by_hand=True)


def _switched_off(there: list[DeploymentSchedule], before: dict[str, Any] | None) -> bool:
    """Whether the schedule is off. Others that a person has added beside it do not count."""
    given = (before or {}).get("schedule")
    ours = [each for each in there if given is not None and each.schedule == _schedule(given, each.schedule)]
    ours = ours or list(there)
    return bool(ours) and not any(each.active for each in ours)


def _schedule(given: dict[str, Any], like: Any = None) -> Any:
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    if "cron" in given:
        return CronSchedule(cron=given["cron"], timezone=given.get("timezone") or "UTC")
    interval = IntervalSchedule(interval=timedelta(seconds=given["intervalSeconds"]))
    # Counted from the moment of its registration, which is no part of the declaration.
    if isinstance(like, IntervalSchedule):
        return like.model_copy(update={"interval": interval.interval})
    return interval


def schedules(pipeline: Pipeline, active: bool = True) -> list[Any]:
    """The pipeline's schedule, in the list that Prefect expects."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    if pipeline.schedule is None:
        return []
    return [DeploymentScheduleCreate(schedule=_schedule(pipeline.schedule), active=active)]


def told(pipeline: Pipeline, now: Standing, stack: str) -> str | None:
    """The line about a schedule that is not as declared."""
    if not now.by_hand or pipeline.schedule is None:
        return None
    option = "" if stack == "dev" else f" --stack {stack}"
    if now.held:
        return (
            f"{pipeline.name}: its schedule stays paused (paused by hand); "
            f"resume it with ./datalab pipelines resume {pipeline.name}{option}"
        )
    return (
        f"{pipeline.name}: its schedule stays active (resumed by hand, its definition says paused: true); "
        f"pause it with ./datalab pipelines pause {pipeline.name}{option}"
    )
