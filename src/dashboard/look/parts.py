"""Pieces of pages as HTML. What they are given is escaped here, unless an argument is called `html`."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from look.formatting import ago, text

if TYPE_CHECKING:
    from backends.fetch import Answer

_ICONS = {
    "ok": '<circle cx="7" cy="7" r="7" fill="currentColor"/><path d="M3.8 7.2 6 9.4l4.2-4.6" fill="none" '
    'stroke="var(--card)" stroke-width="1.7"/>',
    "warn": '<path d="M7 .8 14 13H0Z" fill="currentColor"/><path d="M7 5v4M7 10.2v1.6" stroke="var(--card)" '
    'stroke-width="1.6"/>',
    "bad": '<rect width="14" height="14" rx="2.5" fill="currentColor"/><path d="m4 4 6 6m0-6-6 6" '
    'stroke="var(--card)" stroke-width="1.7"/>',
    "none": '<circle cx="7" cy="7" r="5.8" fill="none" stroke="currentColor" stroke-width="1.6"/><path '
    'd="M4.2 7h5.6" stroke="currentColor" stroke-width="1.6"/>',
    "run": '<path d="M7 1.2A5.8 5.8 0 1 1 1.2 7" fill="none" stroke="currentColor" stroke-width="2"/>',
}
#: Words for states of services, checks, runs and alerts, and the tone of each.
TONES = {
    "healthy": "ok", "starting": "run", "degraded": "warn", "down": "bad", "unknown": "none", "passing": "ok", "failing": "bad",
    "completed": "ok", "failed": "bad", "crashed": "bad", "running": "run", "pending": "run", "scheduled": "none",
    "cancelled": "none", "cancelling": "none", "paused": "none", "late": "warn", "finished": "ok", "killed": "bad",
    "critical": "bad", "warning": "warn", "info": "none", "resolved": "ok", "firing": "bad", "silenced": "none",
    "error": "bad", "retrying": "run", "ready": "ok", "on": "ok", "off": "none",
}  # fmt: skip


def icon(tone: str, size: int = 12) -> str:
    """A sign whose shape alone tells the tone."""
    return f'<svg width="{size}" height="{size}" viewBox="0 0 14 14" aria-hidden="true">{_ICONS.get(tone, _ICONS["none"])}</svg>'


def pill(state: str, label: str | None = None) -> str:
    """A state as colour, sign and word."""
    tone = TONES.get(state.lower(), "none")
    return f'<span class="dl-pill {tone}">{icon(tone)}{text(label or state.lower())}</span>'


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet as one line."""
    css = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    return f"<style>{' '.join(css.split())}</style>"


def show(html: str, into: Any = None) -> None:
    """Puts HTML on the page, or into a place that was kept for it."""
    import streamlit as st

    # A blank line would end the HTML, and what follows would be read as Markdown.
    line = f'<div class="dl">{html}</div>'.replace("\r", "").replace("\n", "&#10;")
    (st if into is None else into).markdown(line, unsafe_allow_html=True)


def title(words: str, sub: str, side_html: str = "") -> str:
    """The head of a page."""
    return (
        f'<div class="dl-title"><div><div role="heading" aria-level="1">{text(words)}</div>'
        f'<div class="sub">{text(sub)}</div></div><div>{side_html}</div></div>'
    )


def heading(words: str, side_html: str = "") -> str:
    """The head of a part of a page."""
    return (
        f'<div class="dl-head"><div role="heading" aria-level="2">{text(words)}</div>'
        f'<div class="side">{side_html}</div></div>'
    )


def figure(label: str, value: str, note_html: str = "", *, word: bool = False, tone: str = "") -> str:
    """A card with one number, or one word."""
    return (
        f'<div class="dl-card dl-num {tone}"><div class="k">{text(label)}</div>'
        f'<div class="v{" word" if word else ""}">{value}</div><div class="n">{note_html}</div></div>'
    )


def grid(cards: Iterable[str], least: str = "17.5rem", small: bool = False) -> str:
    """Cards side by side, as many as there is room for; `small` ones stay two by two on a phone."""
    return f'<div class="dl-grid{" small" if small else ""}" style="--min:{least};--fill:{"auto-fit" if small else "auto-fill"}">{"".join(cards)}</div>'


def note(tone: str, words_html: str) -> str:
    """A line that says that something is wrong, or is not what it seems."""
    return f'<div class="dl-note {tone}" role="status">{icon(tone, 14)}<div>{words_html}</div></div>'


def empty(head: str, do_html: str) -> str:
    """What stands where nothing is yet: why, and what to do."""
    return f'<div class="dl-empty"><b>{text(head)}</b>{do_html}</div>'


def trouble(who: str, answer: Answer) -> str:
    """Says that a backend does not answer and how old what is shown is; nothing when all is well."""
    if answer.error is None:
        return ""
    if answer.waiting:
        return note("none", f"<b>{text(who)}</b>: asking…")
    reason = f"<b>{text(who)}</b>: {text(answer.error)}."
    if answer.known:
        return note("warn", f"{reason} What is shown was true {ago(answer.at)}.")
    return note("bad" if "not part of" not in answer.error else "none", reason)


def table(
    columns: Sequence[tuple[str, str]],
    rows_html: Iterable[Sequence[str]],
    *,
    tall: bool = False,
    stack: bool = False,
) -> str:
    """A table; a column is its title and a class: "", "num" or "wrap". On a phone `stack` puts cells under each other."""
    head = "".join(f'<th class="{kind}">{text(name)}</th>' for name, kind in columns)
    body = "".join(
        "<tr>" + "".join(f'<td class="{columns[i][1]}">{cell}</td>' for i, cell in enumerate(row)) + "</tr>"
        for row in rows_html
    )
    shape = f"{' tall' if tall else ''}{' stack' if stack else ''}"
    return (
        f'<div class="dl-scroll{shape}" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def link(url: str | None, words: str) -> str:
    """A link that opens beside this page; plain words without an address."""
    if not url or not url.startswith(("http://", "https://", "/")):
        return text(words)
    return f'<a href="{text(url)}" target="_blank" rel="noopener noreferrer">{text(words)}</a>'


def meter(label: str, used: float, limit: float | None, words: str, title_text: str = "") -> str:
    """How much of a limit is used: a bar, and the numbers beside it."""
    share = used / limit if limit else 0.0
    tone = "bad" if share >= 0.9 else "warn" if share >= 0.75 else ""
    return (
        f'<div class="dl-meterrow" title="{text(title_text)}"><div class="w">{text(label)}</div>'
        f'<div class="dl-meter" role="img" aria-label="{share * 100:.0f} percent">'
        f'<i class="{tone}" style="width:{min(100.0, share * 100):.1f}%"></i></div>'
        f'<div class="t">{text(words)}</div></div>'
    )
