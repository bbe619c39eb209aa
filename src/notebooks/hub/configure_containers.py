"""Notebooks as containers of the host's Docker, through the agent's Docker proxy."""

import base64
import os
from pathlib import Path
from typing import Any

from spawner import NotebookSpawner, write_docker_login


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Tell JupyterHub how a notebook is started."""
    if docker := settings["docker"]:
        token = base64.b64encode(f"{docker['user']}:{docker['password']}".encode()).decode()
        write_docker_login(Path("/tmp/docker"), f"Basic {token}")  # noqa: S108 - a tmpfs of this container
        os.environ["DOCKER_CONFIG"] = "/tmp/docker"  # noqa: S108
        os.environ["DOCKER_HOST"] = f"tcp://{docker['host']}:{docker['port']}"
    NotebookSpawner.has_docker = bool(docker)

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
