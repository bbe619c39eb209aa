"""Charts as SVG: no library on either side, and they follow the theme by themselves."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from look.formatting import duration, text

WIDTH, HEIGHT = 600.0, 150.0
COLOURS = 8


def latency_bars(history: Sequence[dict[str, Any]], most: int = 40) -> str:
    """One bar a run of a check, oldest first: its height is how long it took, a striped one failed, a grey one
    stands for a start."""
    shown = list(history)[-most:]
    if not shown:
        return ""
    longest = max(max(float(each.get("ms", 0)) for each in shown), 1.0)
    bars = []
    for each in shown:
        ms = float(each.get("ms", 0))
        good, starting = each.get("ok"), each.get("starting")
        high = 100 if not good else max(12, round(ms / longest * 100))
        verb, kind = ("passed", "") if good else ("starting", "none") if starting else ("failed", "bad")
        words = f"{str(each.get('at', ''))[11:19]} {duration(ms / 1000)} {verb}"
        bars.append(f'<i class="{kind}" style="height:{high}%" title="{words}"></i>')
    failed = sum(1 for each in shown if not each.get("ok") and not each.get("starting"))
    label = f"{len(shown)} runs, {failed} failed, at most {duration(longest / 1000)}"
    return f'<div class="dl-bars" role="img" aria-label="{label}">{"".join(bars)}</div>'


def run_bars(runs: Sequence[tuple[str, float, str, str | None]]) -> str:
    """Runs of a pipeline, oldest first, as (tone, seconds, words, url): the height is the duration."""
    if not runs:
        return ""
    longest = max(max(seconds for _, seconds, _, _ in runs), 0.001)
    bars = []
    for tone, seconds, words, url in runs:
        high = max(10, round(seconds / longest * 100))
        inside = f'class="{tone}" style="height:{high}%" title="{text(words)}"'
        if url:
            bars.append(f'<a href="{text(url)}" target="_blank" aria-label="{text(words)}" {inside}></a>')
        else:
            bars.append(f"<i {inside}></i>")
    return f'<div class="dl-runs">{"".join(bars)}</div>'


def _nice(top: float) -> float:
    """The next round number."""
    if top <= 0 or not math.isfinite(top):
        return 1.0
    base = 10 ** math.floor(math.log10(top))
    return next((step * base for step in (1, 1.5, 2, 3, 4, 5, 7.5, 10) if step * base >= top), 10 * base)


def lines(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    unit: Callable[[float], str],
    *,
    limit: float | None = None,
    limit_words: str = "limit",
    filled: bool = False,
    top: float | None = None,
) -> str:
    """Lines over time with a legend; `limit` is a dashed line across. Point at the chart to read values."""
    drawn = [(name, list(points)) for name, points in series if points]
    if not drawn:
        return '<div class="dim">No measurements in this time.</div>'
    start = min(points[0][0] for _, points in drawn)
    end = max(max(points[-1][0] for _, points in drawn), start + 1)
    highest = max(value for _, points in drawn for _, value in points)
    top = top or _nice(max(highest * 1.08, limit or 0.0))

    def at(point: tuple[float, float]) -> str:
        x = (point[0] - start) / (end - start) * WIDTH
        y = HEIGHT - min(point[1], top) / top * HEIGHT
        return f"{x:.1f},{y:.1f}"

    marks = []
    for share in (0.5, 1.0):
        y = HEIGHT - share * HEIGHT
        marks.append(f'<path d="M0 {y}H{WIDTH}" stroke="var(--line)" vector-effect="non-scaling-stroke"/>')
    marks.append(f'<path d="M0 {HEIGHT}H{WIDTH}" stroke="var(--line)" vector-effect="non-scaling-stroke"/>')
    for n, (_, points) in enumerate(drawn):
        colour = f"var(--c{n % COLOURS})"
        path = " ".join(map(at, points))
        if filled and n == 0:
            first, last = at(points[0]).split(",")[0], at(points[-1]).split(",")[0]
            marks.append(
                f'<polygon points="{first},{HEIGHT} {path} {last},{HEIGHT}" fill="{colour}" opacity=".13"/>'
            )
        dash = f' stroke-dasharray="{(n // COLOURS) * 4 + 3} 3"' if n >= COLOURS else ""
        marks.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"'
            f' vector-effect="non-scaling-stroke"{dash}/>'
        )
    if limit:
        y = HEIGHT - limit / top * HEIGHT
        marks.append(
            f'<path d="M0 {y:.1f}H{WIDTH}" stroke="var(--bad)" stroke-dasharray="6 4" vector-effect="non-scaling-stroke"/>'
        )
    marks.extend(_readings(drawn, start, end, unit))
    ticks = "".join(
        f'<div class="y" style="top:{(1 - share) * HEIGHT:.0f}px">{unit(top * share)}</div>'
        for share in (1.0, 0.5)
    )
    names = ", ".join(name for name, _ in drawn[:6])
    legend = "".join(
        f'<span><i style="border-color:var(--c{n % COLOURS})"></i>{text(name)} <b>{unit(points[-1][1])}</b></span>'
        for n, (name, points) in enumerate(drawn)
    )
    if limit:
        legend += (
            f'<span><i style="border-color:var(--bad);border-top-style:dashed"></i>{text(limit_words)} '
            f"<b>{unit(limit)}</b></span>"
        )
    return (
        f'<div class="dl-chart"><svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none" role="img"'
        f' aria-label="{text(names)} over time">{"".join(marks)}</svg>{ticks}'
        f'<div class="x"><span>{_clock(start)}</span><span>{_clock((start + end) / 2)}</span><span>{_clock(end)}</span></div></div>'
        f'<div class="dl-legend">{legend}</div>'
    )


def _readings(
    drawn: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    start: float,
    end: float,
    unit: Callable[[float], str],
) -> list[str]:
    """Invisible strips that show the values of their moment to whoever points at them."""
    strips = 40
    found = []
    for n in range(strips):
        moment = start + (n + 0.5) / strips * (end - start)
        words = [_clock(moment)]
        for name, points in drawn[:10]:
            nearest = min(points, key=lambda point: abs(point[0] - moment))
            words.append(f"{name}: {unit(nearest[1])}")
        found.append(
            f'<rect x="{n * WIDTH / strips:.1f}" y="0" width="{WIDTH / strips:.1f}" height="{HEIGHT}" fill="transparent">'
            f"<title>{text(' · '.join(words))}</title></rect>"
        )
    return found


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
