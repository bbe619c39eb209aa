"""What the platform hands to the dashboard: addresses and logins, read once from a mounted file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

DEFAULT_FILE = "/run/datalab/dashboard.json"


@dataclass(frozen=True)
class Backend:
    """A service to ask: its URL inside the network, and the login that it wants."""

    name: str
    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def login(self) -> tuple[str, str] | None:
        """The login as HTTP Basic wants it."""
        return (self.user, self.password) if self.user and self.password else None


@dataclass(frozen=True)
class Settings:
    """The stack's name and the backends that are part of it; one that is not part of it is missing."""

    stack: str
    backends: dict[str, Backend]
    limit_bytes: int | None = None

    def backend(self, name: str) -> Backend | None:
        """A backend by name, or None when the service is not part of this stack."""
        return self.backends.get(name)


class SettingsError(Exception):
    """The mounted file can't be used."""


def parse(text: str, where: str) -> Settings:
    """Settings from JSON; a sentence that names the file when it is misshapen."""
    try:
        given: dict[str, Any] = json.loads(text)
        backends = {
            name: Backend(name, str(each["url"]).rstrip("/"), each.get("user"), each.get("password"))
            for name, each in given["backends"].items()
            if each is not None
        }
        return Settings(str(given["stack"]), backends, given.get("limitBytes"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # The parser's own message may quote the text, which holds passwords.
        raise SettingsError(
            f"{where} is not the dashboard's settings ({type(error).__name__}); deploy the stack again"
        ) from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    path = os.environ.get("DATALAB_DASHBOARD_FILE") or DEFAULT_FILE
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read ({error.strerror}); the platform mounts it, or set DATALAB_DASHBOARD_FILE"
        ) from None
    return parse(text, path)
