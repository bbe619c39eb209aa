"""CSV text to records, however wrong it is: where one ends, its fields, or why it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How the text of a file is written."""

    delimiter: str
    newline: str = "\n"


class Records:
    """Splits text into records, however wrong it is. Feed it blocks; it says how much it has used."""

    def __init__(self, dialect: Dialect, limit: int) -> None:
        d = re.escape(dialect.delimiter)
        self.dialect = dialect
        self.limit = limit  # how far an open quote may reach
        # Programs that write \n as \r\n twice leave lines that end in \r\r\n.
        end = r"\r*(\n)|\r*\Z" if dialect.newline == "\n" else rf"({re.escape(dialect.newline)})|\Z"
        self._quoted = re.compile(rf'"([^"]*(?:""[^"]*)*)"(?=({d})|{end})')
        self._plain = re.compile(rf"[^{d}{re.escape(dialect.newline)}]*")

    def split(self, text: str, final: bool) -> Iterator[tuple[int, int, list[str | None] | str]]:
        """Yield (start, end, fields), or the problem instead of fields; stops before an unfinished record."""
        position, size, newline = 0, len(text), self.dialect.newline
        while position < size:
            stop = text.find(newline, position)
            if stop < 0:
                if not final:
                    return
                stop = size
            line_end = stop
            while newline == "\n" and line_end > position and text[line_end - 1] == "\r":
                line_end -= 1
            if text.find('"', position, stop) < 0:
                line = text[position:line_end]
                yield position, stop, [field or None for field in line.split(self.dialect.delimiter)]
                position = stop + 1
                continue
            fields, after, problem = self._record(text, position, stop, line_end, final)
            if after < 0:
                return
            if problem:
                # Go on with the next line: what follows is read on its own, and nothing is lost.
                yield position, stop, problem
                position = stop + 1
            else:
                yield position, after, fields
                position = after + 1

    def _record(
        self, text: str, start: int, stop: int, line_end: int, final: bool
    ) -> tuple[list[str | None], int, str]:
        """A record with a quote in its first line: fields, end (-1: more text needed), problem."""
        fields: list[str | None] = []
        position, size, newline = start, len(text), self.dialect.newline
        while True:
            if position < size and text[position] == '"':
                match = self._quoted.match(text, position)
                if match is None:
                    return fields, *self._unclosed(text, position, stop, final)
                if not final and match[2] is None and match[3] is None:
                    return fields, -1, ""  # a second quote or the end of the line may still come
                fields.append(match[1].replace('""', '"'))
                position = match.end()
                if match[2] is None:
                    after = text.find(newline, position)
                    return fields, after if after >= 0 else size, ""
                position += 1
            else:
                match = self._plain.match(text, position)
                assert match is not None
                position = match.end()
                if position >= size or text[position] == newline:
                    if position >= size and not final:
                        return fields, -1, ""
                    value = match[0]
                    if newline == "\n":
                        value = value.rstrip("\r")
                    fields.append(value or None)
                    return fields, min(position, size), ""
                fields.append(match[0] or None)
                position += 1

    def _unclosed(self, text: str, position: int, stop: int, final: bool) -> tuple[int, str]:
        """A quoted field that does not end well: wait for more text, or name the problem."""
        # Look for the quote that would close it; doubled quotes are part of the value.
        match = re.compile(r'"[^"]*(?:""[^"]*)*').match(text, position)
        assert match is not None
        if match.end() >= len(text):
            if not final and len(text) - position < self.limit:
                return -1, ""
            return stop, "a quoted field is never closed"
        if match.end() + 2 >= len(text) and not final:
            return -1, ""  # the closing quote is there, what follows it is not yet
        return stop, "text after the closing quote of a field"


def usual_width(widths: Sequence[int]) -> int:
    """The width that most of the records have."""
    return max(set(widths), key=widths.count)
