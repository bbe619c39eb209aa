"""What the platform's functional check opens: scripts run here, and the core is reached."""

from __future__ import annotations

from backends import core
from backends.fetch import gather
from look.formatting import text
from look.parts import show

#: The check looks for these words in what the browser would get.
RENDERED = "datalab-dashboard-rendered"


def page() -> None:
    """A line for programs."""
    said = gather(health=core.health(), registry=core.registry())
    problems = [f"{name}: {answer.error}" for name, answer in said.items() if answer.error]
    words = f"core-problem {'; '.join(problems)}" if problems else "core-ok"
    show(f"{RENDERED} {text(words)} end")
