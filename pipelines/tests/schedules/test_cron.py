"""Cron expressions as Prefect takes them: `config validate` decides the same (tests/config/cron.test.ts)."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.server.schemas.schedules import CronSchedule

CASES = json.loads((Path(__file__).parent / "cron.json").read_text())


@pytest.mark.parametrize("cron", [*CASES["taken"], *CASES["misread"]])
def test_prefect_finds_the_next_date(cron: str) -> None:
    schedule = CronSchedule(cron=cron, timezone="UTC")
    assert len(asyncio.run(schedule.get_dates(n=1, start=datetime(2026, 12, 1, tzinfo=UTC)))) == 1


@pytest.mark.parametrize("cron", CASES["never"])
def test_prefect_takes_a_day_that_never_comes(cron: str) -> None:
    schedule = CronSchedule(cron=cron, timezone="UTC")
    with pytest.raises(ValueError, match="failed to find next date"):
        asyncio.run(schedule.get_dates(n=1, start=datetime(2026, 12, 1, tzinfo=UTC)))


@pytest.mark.parametrize("cron", CASES["refused"])
def test_prefect_refuses(cron: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid cron string|Random and Hashed"):
        CronSchedule(cron=cron, timezone="UTC")
