"""Dates of a cron schedule on the nights when clocks change.

Prefect runs `30 2 * * *` an hour too early, at 01:30, on the night when clocks go forward over that time.
Here each time of a schedule happens once a day: one that the clocks skip as much later as they are set
forward (02:30 at 03:30), one that comes twice at its first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

# As many dates as Prefect looks at.
MAX_DATES = 1000
# No clock is set further than this.
CHANGE = timedelta(hours=3)


def dates(
    cron: str,
    timezone: str,
    day_or: bool,
    n: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[datetime]:
    """The next dates, the first not before `start`. Without `n`: all until `end`, or one."""
    from prefect._vendor.croniter import croniter

    zone = ZoneInfo(timezone)
    wanted = n if n is not None else MAX_DATES if end is not None else 1
    first, last = (None if at is None else _in(zone, at) for at in (start or datetime.now(UTC), end))
    assert first is not None
    # croniter gives what comes after its start, and knows no fractions of seconds.
    wall = _wall(first).replace(microsecond=0) - timedelta(seconds=0 if first.microsecond else 1)
    before = (first.astimezone(UTC) - CHANGE).astimezone(zone)
    if before.utcoffset() != first.utcoffset():
        # A time that was skipped before `first` may come after it.
        wall -= CHANGE
    times = croniter(cron, wall, day_or=day_or)
    seen: set[datetime] = set()
    tries = 0
    while len(seen) < wanted and tries <= MAX_DATES:
        # Of a time that comes twice, the first; a skipped one counts on from the clocks before the change.
        at = times.get_next(datetime).replace(tzinfo=zone).astimezone(UTC)
        if at < first:
            continue
        tries += 1
        if last is not None and at > last:
            return
        if at not in seen:
            seen.add(at)
            yield at.astimezone(zone)


def _in(zone: ZoneInfo, at: datetime) -> datetime:
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def _wall(at: datetime) -> datetime:
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)


def install(schedule: type[Any]) -> None:
    """Give Prefect's CronSchedule these dates; its own stay there as `theirs`."""
    from prefect.types._datetime import create_datetime_instance

    def generator(
        self: Any, n: int | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> Iterator[datetime]:
        found = dates(self.cron, self.timezone or "UTC", self.day_or, n, start, end)
        return (create_datetime_instance(at) for at in found)

    generator.theirs = schedule._get_dates_generator  # type: ignore[attr-defined]
    schedule._get_dates_generator = generator
