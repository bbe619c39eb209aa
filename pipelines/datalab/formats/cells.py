"""What a cell of text looks like: a number, a date, a truth value, or only text."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = r"[+-]?(\d+|\d{1,3}([.,' ]\d{3})+)([.,]\d+)?([eE][+-]?\d+)?"
_MONEY = rf"[$€£] ?{_NUMBER}|\([$€£]? ?{_NUMBER}\)|{_NUMBER} ?[%€$£]?"
_DATE = r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{4}/\d{2}/\d{2}"
_TYPED = re.compile(rf" *({_MONEY}|({_DATE})([T ]\d{{2}}:\d{{2}}\S*)?|true|false)? *", re.IGNORECASE)


def is_typed(cell: str | None) -> bool:
    """Whether a cell is empty or holds a value that is no text."""
    return _TYPED.fullmatch(cell or "") is not None


def shown(cells: Sequence[str | None]) -> str:
    """The first cells of a record as an error quotes them."""
    quoted = [repr(cell or "")[:24] for cell in cells[:4]]
    return ", ".join(quoted) + (", ..." if len(cells) > 4 else "")
