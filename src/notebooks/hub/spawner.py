"""Spawns a container per user through the agent's filtered Docker API."""

from __future__ import annotations

import json
from pathlib import Path

import docker.errors
import requests
from dockerspawner import DockerSpawner
from spawned import SpawnFailed


def write_docker_login(folder: Path, authorization: str) -> None:
    """Write the file that docker-py takes its headers from. Its folder goes to $DOCKER_CONFIG."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "config.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"HttpHeaders": {"Authorization": authorization}}))


class NotebookSpawner(DockerSpawner):
    """DockerSpawner that says why, and that leaves confinement to the agent: see src/agent/spawner.ts."""

    has_docker = True

    async def start(self) -> tuple[str, int]:
        """Start the container, or fail with words that a user understands."""
        if not self.has_docker:
            raise SpawnFailed(
                "Notebooks cannot be started: the service `agent` is disabled. Enable it and run up."
            )
        try:
            return await super().start()
        except docker.errors.ImageNotFound as error:
            raise SpawnFailed("The notebook image is missing on this machine: run ./datalab up.") from error
        except docker.errors.APIError as error:
            self.log.error("Docker refused: %s", error)
            raise SpawnFailed(f"The container could not be started: {error.explanation}") from error
        except requests.exceptions.RequestException as error:
            self.log.error("The agent does not answer: %s", error)
            raise SpawnFailed("The platform's agent does not answer: try again in a minute.") from error
