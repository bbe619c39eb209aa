"""Where the lake is and how much of the machine its readers may use: plain values, whoever has read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LAYERS = ("bronze", "silver", "gold")
DEFAULT_PIPELINES_DIR = "/opt/datalab/pipelines"


@dataclass(frozen=True)
class LakeConfig:
    """What a Lake needs to know. `Settings` reads it from the environment."""

    stack: str
    buckets: Mapping[str, str]
    root: str | None = None
    endpoint: str | None = None
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    region: str = "us-east-1"
    pipelines_dir: str = DEFAULT_PIPELINES_DIR
    memory: str = "640MB"
    threads: int = 2
    max_line_bytes: int = 16 * 1024 * 1024
    pipeline: str | None = None  # whose run this is
