"""Which values of a contract fit the type of their column: YAML makes booleans and dates of words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import yaml

QUOTE = 'YAML reads {text} as {kind}: write it in quotes, "{text}"'
KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    ((int, float), "a number"),
    (dt.date, "a date"),
    (str, "a text"),
)
# By the type of the column: what a value may be. A text may stand for any of them, and is tried.
FITTING = {
    "varchar": ("a text",),
    "boolean": ("a boolean", "a text"),
    "bigint": ("a number", "a text"),
    "double": ("a number", "a text"),
    "decimal": ("a number", "a text"),
    "date": ("a date", "a text"),
    "timestamp": ("a date", "a text"),
    "timestamptz": ("a date", "a text"),
}


def kind_of(value: object) -> str:
    """What YAML has made of a value."""
    return next((name for types, name in KINDS if isinstance(value, types)), "nothing")


def misfit(column_type: str | None, values: Sequence[tuple[str, object]]) -> str | None:
    """What is wrong with the values of a rule, each with its text in the file; None: nothing.

    Without a type they must be of one kind, for then nothing says what a value is compared with.
    """
    if column_type is not None:
        fitting = FITTING[column_type.partition("(")[0]]
        wrong = [(text, value) for text, value in values if kind_of(value) not in fitting]
        expected = f"{'texts' if fitting == ('a text',) else fitting[0]} for a {column_type}"
    else:
        kinds = {kind_of(value) for _, value in values}
        wrong = [] if len(kinds) < 2 else [each for each in values if kind_of(each[1]) != "a text"]
        expected = "values of one kind"
    if not wrong:
        return None
    text, value = wrong[0]
    said = f" ({QUOTE.format(text=text, kind=kind_of(value))})" if kind_of(value) != "a text" else ""
    return f"expected {expected}, received {value!r}{said if column_type in (None, 'varchar') else ''}"


class Places:
    """Where each part of a YAML document stands, and how it is written there."""

    def __init__(self, text: str) -> None:
        self._nodes: dict[tuple[str, ...], yaml.Node] = {}
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            self._walk((), node)

    def _walk(self, path: tuple[str, ...], node: yaml.Node) -> None:
        self._nodes[path] = node
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._walk((*path, str(key.value)), value)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self._walk((*path, str(number)), value)

    def line(self, path: tuple[str, ...]) -> int:
        """The line of a part, from 1; that of what it is a part of, where it is not there itself."""
        while path and path not in self._nodes:
            path = path[:-1]
        node = self._nodes.get(path)
        return 1 if node is None else node.start_mark.line + 1

    def written(self, path: tuple[str, ...], value: object) -> str:
        """A value as it is written."""
        node = self._nodes.get(path)
        return str(node.value) if isinstance(node, yaml.ScalarNode) else str(value)
