"""One service as a card."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

from typing import Any

from backends.fetch import Answer
from look import formatting
from look.charts import latency_bars
from look.parts import icon, link, pill


def card(service: dict[str, Any], state: dict[str, Any] | None, health: Answer) -> str:
    """State, checks with their age and latency, version, owner, pages."""
    # What the core said before it stopped answering is no statement about now.
    now = "unknown" if health.error or state is None else str(state["state"])
    tone = {"down": "bad", "degraded": "warn"}.get(now, "")
    checks = "".join(_check(each) for each in (state or {}).get("checks", []))
    if not checks:
        checks = '<div class="dim" style="font-size:.84rem">no functional checks</div>'
    version = formatting.text(service.get("version") or "")
    pages = " · ".join(
        link(each["url"], f"open {each['summary'].removeprefix('the ')}" if each.get("summary") else "open")
        for each in service.get("endpoints", [])
        if each.get("browser") and each.get("url")
    )
    return (
        f'<section class="dl-card {tone}" aria-label="{formatting.text(service["name"])}"><div class="top"><div class="name">'
        f"{formatting.text(service['name'])}</div>{pill(now)}</div>"
        f'<div class="about">{formatting.text(service.get("summary") or "")}</div>{checks}'
        f'<div class="foot"><span title="version, owner">{version}{" · " if version else ""}'
        f"{formatting.text(service.get('owner') or '')}</span><span>{pages}</span></div></section>"
    )


def _check(check: dict[str, Any]) -> str:
    good = bool(check.get("ok"))
    message = str(check.get("message") or "")
    waiting = message == "not run yet"
    starting = bool(check.get("starting"))
    sign = "none" if waiting or starting else "ok" if good else "bad"
    quiet = " none" if starting else ""
    why = (
        ""
        if good or waiting
        else f'<div class="why{quiet}">{formatting.text(formatting.clip(message, 240))}</div>'
    )
    verb = "not run yet" if waiting else "passed" if good else "starting" if starting else "failed"
    taken = "" if waiting else f"{formatting.duration(float(check.get('ms', 0)) / 1000)} · "
    return (
        f'<div class="dl-check"><span role="img" aria-label="{verb}" style="color:var(--{"dim" if sign == "none" else sign})">'
        f'{icon(sign)}</span><span class="what" title="{formatting.text(message if good else verb)}">{formatting.text(check["name"])}</span>'
        f'<span class="t">{taken}{formatting.when(check.get("at"))}</span>{why}'
        f'<span class="bars">{latency_bars(check.get("history") or [])}</span></div>'
    )
