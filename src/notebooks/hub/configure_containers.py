"""Notebooks as containers of the host's Docker, through the agent's door."""

import base64
import os
from pathlib import Path
from typing import Any

from spawner import NotebookSpawner, login_at_the_door


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Tell JupyterHub how a notebook is started."""
    if door := settings["door"]:
        token = base64.b64encode(f"{door['user']}:{door['password']}".encode()).decode()
        login_at_the_door(Path("/tmp/docker"), f"Basic {token}")  # noqa: S108 - a tmpfs of this container
        os.environ["DOCKER_CONFIG"] = "/tmp/docker"  # noqa: S108
        os.environ["DOCKER_HOST"] = f"tcp://{door['host']}:{door['port']}"
    NotebookSpawner.has_door = bool(door)

    c.JupyterHub.spawner_class = NotebookSpawner
    c.DockerSpawner.image = settings["image"]
    c.DockerSpawner.name_template = settings["instancePrefix"] + "notebook-{username}"
    c.DockerSpawner.network_name = settings["network"]
    c.DockerSpawner.use_internal_ip = True
    c.DockerSpawner.remove = True
    c.DockerSpawner.pull_policy = "never"
    c.DockerSpawner.mem_limit = settings["memoryBytes"]
    c.DockerSpawner.cpu_limit = settings["cpu"]
    # The agent writes these to a file of the container's own: `docker inspect` does not show them.
    c.DockerSpawner.environment = settings["environment"]
