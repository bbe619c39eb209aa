"""Central logs: VictoriaLogs, asked in LogsQL. What people type is quoted: text, never syntax."""

from __future__ import annotations

import json
from typing import Any

from backends.fetch import Question, ask, call

LEVELS = ("error", "warning", "info", "debug")
#: What programs call their levels, by the word that we use.
SPELLINGS = {
    "error": ("error", "err", "fatal", "critical", "crit", "panic", "emerg", "alert"),
    "warning": ("warning", "warn"),
    "info": ("info", "notice", "information"),
    "debug": ("debug", "trace"),
}


def quoted(text: str) -> str:
    """A text as a LogsQL string."""
    return json.dumps(text, ensure_ascii=False)


def compose(
    services: tuple[str, ...] = (), levels: tuple[str, ...] = (), text: str = "", since: str = "1h"
) -> str:
    """A LogsQL filter; `since` is one of our own words, never what somebody typed."""
    parts = [f"_time:{since}"]
    if services:
        parts.append(f"service:in({', '.join(map(quoted, services))})")
    if levels:
        spellings = [word for level in levels for word in SPELLINGS[level]]
        spellings += [word.upper() for word in spellings]
        parts.append(f"level:in({', '.join(map(quoted, spellings))})")
    parts.extend(_words(text))
    return " ".join(parts)


def _words(text: str) -> list[str]:
    """Each word must occur, in any case and also inside of longer words; "-word" must not."""
    parts = []
    for word in text.split():
        no, plain = ("!", word[1:]) if word.startswith("-") and len(word) > 1 else ("", word)
        parts.append(f"{no}~{quoted('(?i)' + _regex(plain))}")
    return parts


def _regex(text: str) -> str:
    return "".join("\\" + c if c in r"\.+*?()|[]{}^$" else c for c in text)


def search(query: str, limit: int = 300, ttl: float = 1.5) -> Question:
    """The newest lines that a LogsQL filter finds, newest first."""
    return ask(("logs", query, limit), lambda: _search(query, limit), ttl)


def _search(query: str, limit: int) -> list[dict[str, Any]]:
    answer = call(
        "logs",
        "POST",
        "/select/logsql/query",
        form={"query": f"{query} | sort by (_time desc) limit {limit}", "timeout": "3s"},
    )
    return [json.loads(line) for line in answer.text.splitlines() if line.strip()]


def alert_log(since: str = "30d", limit: int = 200) -> Question:
    """What the core wrote when alerts fired and resolved, newest first."""
    return search(f'_time:{since} event:="alert"', limit, 8)


def level_of(line: dict[str, Any]) -> str:
    """A line's level in our words; "info" when it does not say."""
    said = str(line.get("level") or "").lower()
    for level, spellings in SPELLINGS.items():
        if said in spellings:
            return level
    return "info"
