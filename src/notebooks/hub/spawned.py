"""What all ways to spawn a notebook have in common."""

from __future__ import annotations


class SpawnFailed(Exception):
    """A failure with words for the page that its user sees."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.jupyterhub_message = message
