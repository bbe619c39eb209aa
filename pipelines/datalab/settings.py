"""Settings from the environment. Flows never branch on where they run: they are handed a Lake."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from datalab.errors import DataLabError
from datalab.lake_config import DEFAULT_PIPELINES_DIR, LAYERS, LakeConfig

if TYPE_CHECKING:
    from datalab.lake import Lake


class Settings(LakeConfig):
    """The lake's configuration as the environment says it."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read DATALAB_*; all that is missing is named at once."""
        env = os.environ if env is None else env
        root = env.get("DATALAB_LAKE_ROOT") or None
        # "ambient": the machine, or the pod, has an identity that the S3 clients find by themselves.
        ambient = env.get("DATALAB_S3_CREDENTIALS") == "ambient"
        keys = () if ambient else ("DATALAB_S3_ACCESS_KEY", "DATALAB_S3_SECRET_KEY")
        needed = () if root else ("DATALAB_S3_ENDPOINT", *keys)
        missing = [name for name in needed if not env.get(name)]
        if missing:
            raise DataLabError(
                "E_SETTINGS_MISSING",
                f"the environment lacks {', '.join(missing)}",
                "set them, or DATALAB_LAKE_ROOT=/some/folder for a lake of files",
            )
        return cls(
            stack=env.get("DATALAB_STACK", "dev"),
            buckets={
                name: env.get(f"DATALAB_BUCKET_{name.upper()}") or name for name in (*LAYERS, "artifacts")
            },
            root=str(Path(root.removeprefix("file://")).absolute()) if root else None,
            endpoint=env.get("DATALAB_S3_ENDPOINT"),
            access_key=env.get("DATALAB_S3_ACCESS_KEY", ""),
            secret_key=env.get("DATALAB_S3_SECRET_KEY", ""),
            region=env.get("DATALAB_S3_REGION") or "us-east-1",
            pipelines_dir=env.get("DATALAB_PIPELINES_DIR") or DEFAULT_PIPELINES_DIR,
            memory=env.get("DATALAB_DUCKDB_MEMORY") or "640MB",
            threads=_positive(env, "DATALAB_THREADS", 2),
            max_line_bytes=_positive(env, "DATALAB_MAX_LINE_BYTES", 16 * 1024 * 1024),
            pipeline=env.get("DATALAB_PIPELINE") or None,  # set by @pipeline
        )

    def lake(self) -> Lake:
        """The lake that these settings describe."""
        from datalab.lake import Lake

        return Lake(self)


def _positive(env: Mapping[str, str], name: str, default: int) -> int:
    raw = env.get(name)
    if not raw:
        return default
    if not raw.isdigit() or int(raw) < 1:
        raise DataLabError(
            "E_SETTINGS_INVALID",
            f'{name}: expected a whole number above 0, received "{raw}"',
            f"unset {name}",
        )
    return int(raw)
