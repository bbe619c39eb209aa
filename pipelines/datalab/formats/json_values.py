"""The values of a JSON file that is not one object a line: an array, or objects over several lines.

Where a value ends is told by its brackets, so that one that is broken inside of them is one malformed row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from datalab.errors import DataLabError

_SPACE = b" \t\r\n"
OPEN, CLOSE = (b"{", b"["), (b"}", b"]")
# No line ends inside of a string: a quote that is not closed does not swallow what follows.
_MARK = re.compile(rb'"(?:[^"\\\n]|\\[^\n])*"|[{}\[\],"]')
_ARRAY = re.compile(r"\[\s*(?:[{\]]|$)")
# A line of JSON lines is a whole object; the first line of a longer one ends between its parts.
_LONG = re.compile(r'\{[ \t]*(?:"(?:[^"\\\n]|\\[^\n])*"[ \t]*:[^\n]*[,\[{])?[ \t]*\r?(?:\n(?!\{)|$)')


def is_json_values(text: str) -> bool:
    """Whether a text begins as an array of objects, or as an object that goes on over several lines."""
    start = text.lstrip("\ufeff \t\r\n")
    return _ARRAY.match(start) is not None or _LONG.match(start) is not None


def json_values(chunks: Iterator[bytes], name: str, limit: int) -> Iterator[bytes]:
    """Each value's text. Raises E_JSON_DAMAGED where the file ends inside of a value or of the array, and
    where something follows the array; E_FILE_LINE_LENGTH for a value of more than `limit` bytes.
    """
    text = b""
    start, at, depth, count = 0, 0, 0, 0  # where the value begins, how far it was looked at, open brackets
    array: bool | None = None  # None: nothing was seen yet
    ended = False
    for chunk in chain(chunks, [None]):
        text, at, start = text[start:] + (chunk or b""), at - start, 0
        if array is None and text.strip(_SPACE):
            array = text.lstrip(_SPACE).startswith(b"[")
            start = at = text.index(b"[") + 1 if array else 0
        while not ended and array is not None:
            mark = _MARK.search(text, at)
            if mark is None:
                at = len(text)
                break
            found = mark[0]
            if found == b'"' and chunk is not None and b"\n" not in text[mark.start() :]:
                at = mark.start()
                break  # the string goes on in the next chunk
            at, end = mark.end(), -1
            if found in OPEN:
                depth += 1
            elif found in CLOSE and depth:
                depth -= 1
                end = at if depth == 0 and not array else -1
            elif array and depth == 0 and found in (b",", b"]"):
                end = mark.start()
                ended = found == b"]"
            if end >= 0:
                yield text[start:end]
                start, count = at, count + 1
        if len(text) - start > limit and not ended:
            raise DataLabError(
                "E_FILE_LINE_LENGTH",
                f"{name}, value {count + 1}: longer than {limit:,} bytes",
                "check the file, or raise DATALAB_MAX_LINE_BYTES",
            )
    rest = text[start:].strip(_SPACE)
    if depth or (array and not ended):
        raise DataLabError(
            "E_JSON_DAMAGED",
            f"{name} ends inside of value {count + 1}",
            "it was cut off, or a bracket is missing: export it again",
        )
    if array and rest:
        raise DataLabError(
            "E_JSON_DAMAGED", f"{name} goes on after its array", "one array, or one object a line"
        )
    if rest:
        yield rest
