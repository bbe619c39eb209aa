"""The one error class of the library: a stable code, what is wrong and where, and how to fix it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DataLabError(Exception):
    """A failure that a person can act on.

    `permanent` says that trying again cannot help (a broken file, a wrong contract), so that a pipeline
    does not spend its retries on it.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, permanent: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.permanent = permanent

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword arguments need this to survive a process boundary.
        return (_rebuild, (self.code, self.message, self.hint, self.permanent))

    def to_dict(self) -> dict[str, str]:
        """The shape that the lake tool prints."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


def _rebuild(code: str, message: str, hint: str, permanent: bool) -> DataLabError:
    return DataLabError(code, message, hint, permanent=permanent)


def from_dict(told: Mapping[str, Any]) -> DataLabError:
    """An error that another process has told, in the shape of `to_dict`."""
    return _rebuild(told["code"], told["message"], told.get("hint") or "", bool(told.get("permanent", True)))
