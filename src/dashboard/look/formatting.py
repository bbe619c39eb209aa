"""Numbers, sizes and times as people read them."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from html import escape

NONE = "–"


def number(value: float | int | None) -> str:
    """336776 -> 336,776; 0.4183 -> 0.418."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def size(value: float | None) -> str:
    """12992204 -> 12.4 MB. Powers of 1024, as every tool of the platform counts."""
    if value is None or not math.isfinite(value):
        return NONE
    for unit in ("B", "KB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def percent(value: float | None) -> str:
    """0.123 -> 12 %."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value * 100:.1f} %" if 0 < abs(value) < 0.1 else f"{value * 100:.0f} %"


def duration(seconds: float | None) -> str:
    """0.012 -> 12 ms; 38.2 -> 38.2 s; 4000 -> 1 h 6 min."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} days"


def moment(value: str | float | None) -> float | None:
    """Seconds since 1970 of an ISO 8601 text; a number is taken as it is."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        at = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def ago(value: str | float | None, now: float | None = None) -> str:
    """3 min ago, or in 3 min."""
    at = moment(value)
    if at is None:
        return NONE
    distance = (time.time() if now is None else now) - at
    if abs(distance) < 2:
        return "just now"
    words = _span(abs(distance))
    return f"{words} ago" if distance > 0 else f"in {words}"


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86400)} days"


def clock(value: str | float | None) -> str:
    """2026-11-23 06:41:07 UTC."""
    at = moment(value)
    return NONE if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def when(value: str | float | None) -> str:
    """How long ago, as HTML that tells the exact time to whoever points at it."""
    return f'<time title="{clock(value)}">{ago(value)}</time>'


def plural(count: int, word: str, words: str | None = None) -> str:
    """1 table, 2 tables."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def clip(value: str, most: int) -> str:
    """A text of at most so many characters, which shows that it was longer."""
    return value if len(value) <= most else value[: most - 1] + "…"


def text(value: object) -> str:
    """Any value as text inside of HTML."""
    return escape(str(value), quote=True)
