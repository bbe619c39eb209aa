"""The lake: Delta tables and objects in S3, or below a folder. The only place that knows which of the two."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from datalab.delta_log import TableInfo, Unreadable, check_features, describe
from datalab.errors import DataLabError
from datalab.lake_config import LAYERS, LakeConfig

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import NativeFile
    from pyarrow.fs import FileSystem

OWNER = "datalab.owner"
TABLE_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


def check_table_name(name: str) -> str:
    """A table's name, or an error that says what a name looks like."""
    if not TABLE_NAME.match(name):
        raise DataLabError(
            "E_TABLE_NAME",
            f'"{name}" is not a table name',
            "use a-z, 0-9 and _, starting with a letter, at most 63 characters",
        )
    return name


def quote(identifier: str) -> str:
    """An identifier as SQL: the only way a name reaches a statement."""
    return '"' + identifier.replace('"', '""') + '"'


def damaged(layer: str, table: str, error: Exception) -> DataLabError:
    """The error for a table that is there and can't be read."""
    return DataLabError(
        "E_TABLE_DAMAGED",
        f"{layer}.{table} cannot be read: {error}",
        f"restore it from a backup, or remove it: datalab data drop {layer}.{table} --force",
    )


class Lake:
    """Opens, lists and writes tables, and reads and writes objects."""

    def __init__(self, settings: LakeConfig) -> None:
        self.settings = settings
        # Whose run this is: each commit to silver and gold records it.
        self.pipeline = settings.pipeline
        self._fs: FileSystem | None = None

    # ── tables ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What delta-rs needs. Commits are conditional puts, so that two writers never share a version."""
        s = self.settings
        if s.root:
            return None
        keys = {"AWS_ACCESS_KEY_ID": s.access_key, "AWS_SECRET_ACCESS_KEY": s.secret_key}
        return {
            "AWS_ENDPOINT_URL": s.endpoint or "",
            "AWS_REGION": s.region,
            "AWS_ALLOW_HTTP": "true",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
            "aws_conditional_put": "etag",
            **(keys if s.access_key else {}),
        }

    def uri(self, layer: str, table: str) -> str:
        """Where a table is."""
        bucket = self.settings.buckets[layer]
        if self.settings.root:
            return f"{self.settings.root}/{bucket}/{table}"
        return f"s3://{bucket}/{table}"

    def table(self, layer: str, table: str, version: int | None = None) -> DeltaTable | None:
        """The table, or None when there is none."""
        try:
            found = DeltaTable(self.uri(layer, table), version=version, storage_options=self.storage_options)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            raise damaged(layer, table, error) from error
        except OSError as error:
            raise self.unreachable(error) from error
        check_features(layer, table, found)
        return found

    def require(self, layer: str, table: str) -> DeltaTable:
        """The table, or an error that names the ones there are."""
        found = self.table(layer, table) if layer in LAYERS and TABLE_NAME.match(table) else None
        if found is None:
            raise self.unknown_table(f"{layer}.{table}")
        return found

    def unknown_table(self, name: str) -> DataLabError:
        """The error for a table that is not there."""
        import difflib

        known = [f"{layer}.{table}" for layer in LAYERS for table in self.names(layer)]
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        if close:
            hint = f"did you mean {' or '.join(close)}?"
        else:
            hint = (
                f"there are: {', '.join(known[:20])}" if known else "ingest a file first: the lake is empty"
            )
        return DataLabError("E_NO_TABLE", f"there is no table {name}", hint)

    def write(
        self,
        layer: str,
        table: str,
        data: pa.Table | pa.RecordBatchReader,
        mode: Literal["append", "overwrite"],
        metadata: Mapping[str, str],
        base: DeltaTable | None,
        transaction: tuple[str, int] | None = None,
    ) -> int:
        """Write in exactly one commit, all or nothing, and return the new version.

        `base` is the table as the caller has seen it, None when it was not there: whoever makes it in the
        meantime wins, and this is a write-conflict. `transaction` is an id with a version, which can be
        committed once only: the guard against the same file twice. It holds against every commit after
        `base`.
        """
        uri = self.uri(layer, table)
        owner = {OWNER: self.pipeline} if self.pipeline and layer in ("silver", "gold") else {}
        if self.settings.root:
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
        try:
            write_deltalake(
                uri if base is None else base,
                data,
                # Of several writers that make the same table one may win. delta-rs would try again without
                # looking at what the winner wrote, and so lose columns or double rows: no second try here.
                mode="error" if base is None else mode,
                schema_mode=None if base is None else ("merge" if mode == "append" else "overwrite"),
                storage_options=self.storage_options,
                target_file_size=128 * 1024 * 1024,
                commit_properties=CommitProperties(
                    custom_metadata={**metadata, **owner},
                    max_commit_retries=0 if base is None else 15,
                    app_transactions=[Transaction(*transaction)] if transaction else None,
                ),
            )
        except CommitFailedError as error:
            raise DataLabError(
                "E_WRITE_CONFLICT",
                f"another writer changed {layer}.{table} at the same moment: {error}",
                "run it again",
                permanent=False,
            ) from error
        except (DeltaError, OSError, RuntimeError) as error:
            if base is None and self.table(layer, table) is not None:
                raise DataLabError(
                    "E_WRITE_CONFLICT",
                    f"another writer made {layer}.{table} at the same moment",
                    "run it again",
                    permanent=False,
                ) from error
            raise DataLabError(
                "E_WRITE_FAILED",
                f"{layer}.{table} was not written, it is as it was: {error}",
                "is the object store up? datalab platform status",
                permanent=False,
            ) from error
        written = self.table(layer, table)
        if written is None:
            raise DataLabError(
                "E_WRITE_LOST", f"{layer}.{table} is not there after its commit", permanent=False
            )
        return written.version()

    def names(self, layer: str) -> list[str]:
        """The names of a layer's tables, sorted. Folders that start with _ are not tables."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.path(layer, ""), recursive=False, allow_not_found=True)
        try:
            infos = self.fs.get_file_info(selector)
        except OSError as error:
            raise self.unreachable(error) from error
        return sorted(
            i.base_name for i in infos if i.type == FileType.Directory and TABLE_NAME.match(i.base_name)
        )

    def list_tables(self, layer: str | None = None) -> list[TableInfo | Unreadable]:
        """Every table with its size, read from the Delta logs, in parallel."""
        layers: Iterable[str] = (layer,) if layer else LAYERS
        pairs = [(each, name) for each in layers for name in self.names(each)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            found = pool.map(lambda pair: self._line(*pair), pairs)
            return [info for info in found if info is not None]

    def _line(self, layer: str, name: str) -> TableInfo | Unreadable | None:
        try:
            return self.info(layer, name)
        except DataLabError as error:
            if not error.permanent:
                raise
            return Unreadable(layer, name, error.message)

    def info(self, layer: str, name: str) -> TableInfo | None:
        """A table's line, or None when the folder holds no table (yet)."""
        table = self.table(layer, name)
        if table is None:
            return None
        try:
            return describe(layer, name, table)
        except Exception as error:  # whatever its log makes of the libraries that read it
            raise damaged(layer, name, error) from error

    # ── objects ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def fs(self) -> FileSystem:
        """The file system behind the buckets."""
        if self._fs is None:
            s = self.settings
            if s.root:
                from pyarrow.fs import LocalFileSystem

                self._fs = LocalFileSystem()
            else:
                from pyarrow.fs import S3FileSystem

                scheme, _, address = (s.endpoint or "").partition("://")
                self._fs = S3FileSystem(
                    access_key=s.access_key or None,
                    secret_key=s.secret_key or None,
                    endpoint_override=address.rstrip("/"),
                    scheme=scheme,
                    region=s.region,
                    connect_timeout=5,
                    request_timeout=60,
                    background_writes=False,
                )
        return self._fs

    def path(self, bucket: str, key: str) -> str:
        """An object's path on `fs`; `bucket` is the logical name."""
        name = self.settings.buckets[bucket]
        base = f"{self.settings.root}/{name}" if self.settings.root else name
        return f"{base}/{key}" if key else base

    def open(self, bucket: str, key: str) -> NativeFile:
        """A seekable reader of an object."""
        try:
            return self.fs.open_input_file(self.path(bucket, key))
        except FileNotFoundError as error:
            raise DataLabError("E_NO_OBJECT", f"there is no {key} in the bucket {bucket}") from error
        except OSError as error:
            raise self.unreachable(error) from error

    def put(self, bucket: str, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object as a whole."""
        path = self.path(bucket, key)
        if self.settings.root:
            target = Path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            part.write_bytes(body)
            part.replace(target)
            return
        try:
            # compression=None: Arrow would compress a second time what is named .gz.
            with self.fs.open_output_stream(
                path, compression=None, metadata={"Content-Type": content_type}
            ) as out:
                out.write(body)
        except OSError as error:
            raise self.unreachable(error) from error

    def unreachable(self, error: OSError) -> DataLabError:
        """An object store failure, without the credentials and with what to look at."""
        where = self.settings.root or self.settings.endpoint
        return DataLabError(
            "E_STORE",
            f"the object store at {where} answered: {error}",
            "is it up and are the credentials right? datalab platform status",
            permanent=False,
        )
