"""What a schedule does on the nights when clocks change."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.server.schemas import schedules

from datalab.prefect import cron_dates

CASES = json.loads((Path(__file__).parent / "cron.json").read_text())
BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime(2027, 3, 26, 12, tzinfo=UTC), datetime(2027, 10, 29, 12, tzinfo=UTC)


class CronSchedule(schedules.CronSchedule):
    """Prefect's own, with our dates."""


class Theirs(schedules.CronSchedule):
    """Prefect's own, which the image replaces in every process."""

    _get_dates_generator = getattr(
        schedules.CronSchedule._get_dates_generator, "theirs", schedules.CronSchedule._get_dates_generator
    )


cron_dates.install(CronSchedule)


def found(cron: str, timezone: str, start: datetime, n: int = 4) -> list[str]:
    given = CronSchedule(cron=cron, timezone=timezone)
    dates = asyncio.run(given.get_dates(n=n, start=start))
    return [date.astimezone(UTC).strftime("%m-%d %H:%M") for date in dates]


@pytest.mark.parametrize(
    ("cron", "timezone", "start", "expected"),
    [
        ("30 2 * * *", BERLIN, SPRING, ["03-27 01:30", "03-28 01:30", "03-29 00:30", "03-30 00:30"]),
        ("0 2 * * *", BERLIN, SPRING, ["03-27 01:00", "03-28 01:00", "03-29 00:00", "03-30 00:00"]),
        ("30 2 * * *", BERLIN, AUTUMN, ["10-30 00:30", "10-31 00:30", "11-01 01:30", "11-02 01:30"]),
        ("30 2 * * sun", BERLIN, SPRING, ["03-28 01:30", "04-04 00:30", "04-11 00:30", "04-18 00:30"]),
        ("30 2 28 3 *", BERLIN, SPRING, ["03-28 01:30", "03-28 00:30", "03-28 00:30", "03-28 01:30"]),
        # Both times are the same moment: one run.
        ("30 2,3 28 * *", BERLIN, SPRING, ["03-28 01:30", "04-28 00:30", "04-28 01:30", "05-28 00:30"]),
        # Half an hour: 02:00 to 02:30 is skipped.
        (
            "15 2 * * *", "Australia/Lord_Howe", datetime(2027, 10, 1, tzinfo=UTC),
            ["10-01 15:45", "10-02 15:45", "10-03 15:15", "10-04 15:15"],
        ),
        # A zone whose midnight is skipped.
        (
            "0 0 * * *", "Africa/Cairo", datetime(2027, 4, 28, 12, tzinfo=UTC),
            ["04-28 22:00", "04-29 22:00", "04-30 21:00", "05-01 21:00"],
        ),
        ("0 6 * * *", "UTC", SPRING, ["03-27 06:00", "03-28 06:00", "03-29 06:00", "03-30 06:00"]),
    ],
)  # fmt: skip
def test_a_time_that_is_skipped_or_doubled_happens_once(
    cron: str, timezone: str, start: datetime, expected: list[str]
) -> None:
    assert found(cron, timezone, start) == expected


def test_every_hour_is_every_hour_of_the_night_without_it() -> None:
    start = datetime(2027, 3, 27, 23, 30, tzinfo=UTC)
    assert found("0 * * * *", "Europe/Berlin", start) == [
        "03-28 00:00", "03-28 01:00", "03-28 02:00", "03-28 03:00",
    ]  # fmt: skip
    assert found("*/30 * * * *", "Europe/Berlin", start, 6) == [
        "03-27 23:30", "03-28 00:00", "03-28 00:30", "03-28 01:00", "03-28 01:30", "03-28 02:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC), "03-28 01:30"),
        # After the change, before the run that it has put off.
        (datetime(2027, 3, 28, 1, 10, tzinfo=UTC), "03-28 01:30"),
        (datetime(2027, 3, 28, 1, 30, tzinfo=UTC), "03-28 01:30"),
        (datetime(2027, 3, 28, 1, 30, 0, 1, tzinfo=UTC), "03-29 00:30"),
        (datetime(2027, 10, 31, 0, 30, tzinfo=UTC), "10-31 00:30"),
        # The second time that it is 02:30 there: it has run.
        (datetime(2027, 10, 31, 0, 31, tzinfo=UTC), "11-01 01:30"),
        (datetime(2027, 10, 31, 1, 15, tzinfo=UTC), "11-01 01:30"),
    ],
)
def test_the_next_date_does_not_depend_on_when_it_is_asked_for(asked: datetime, expected: str) -> None:
    assert found("30 2 * * *", "Europe/Berlin", asked, 1) == [expected]
    berlin = asked.astimezone(ZoneInfo("Europe/Berlin"))
    assert found("30 2 * * *", "Europe/Berlin", berlin, 1) == [expected]


@pytest.mark.parametrize("cron", CASES["taken"])
def test_where_no_clock_changes_the_dates_are_prefect_s(cron: str) -> None:
    start = datetime(2026, 12, 1, 0, 0, 30, 5, tzinfo=UTC)
    for end in (None, start + timedelta(days=40)):
        ours, theirs = (
            asyncio.run(kind(cron=cron, timezone="UTC").get_dates(n=5, start=start, end=end))
            for kind in (CronSchedule, Theirs)
        )
        assert ours == theirs
