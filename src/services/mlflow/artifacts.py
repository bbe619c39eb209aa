"""The bucket of MLflow's artifacts, with bounded memory and no temporary file in either direction.

The stock server copies every upload and download to its temporary folder first, which is memory here, and
hands out presigned addresses of the object store, which clients outside of the network can't reach. Here the
server passes the bytes through, a few parts at a time, and says that it has no presigned addresses: clients
then use the server.
"""

from __future__ import annotations

import asyncio
import io
import posixpath
import queue
from collections.abc import AsyncIterable, Iterator
from typing import Any, BinaryIO

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository, StreamUploadMixin
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from mlflow.utils.mime_type_utils import _guess_mime_type

PART = 8 * 1024 * 1024  # 10,000 of them are the most of an object: 80 GB
CHUNK = 256 * 1024
# Chunks of one upload that have arrived and wait for the object store: it sets the pace of its client.
WAITING = 16


class Bucket(ArtifactRepository, StreamUploadMixin):
    """A bucket that takes and gives streams, without the mixins that stand for presigned addresses."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        self._s3 = S3ArtifactRepository(artifact_uri, tracking_uri=tracking_uri, registry_uri=registry_uri)
        self._transfer = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=2)
        # Of boto's own settings the only one that bounds a stream's memory: parts that are read ahead.
        self._transfer.max_in_memory_upload_chunks = 2

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        self._s3.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        self._s3.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, path: str | None = None) -> list[Any]:
        return list(self._s3.list_artifacts(path))

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        self._s3.delete_artifacts(artifact_path)

    def upload_archived_trace_data_bytes(self, data: bytes) -> None:
        self._s3.upload_archived_trace_data_bytes(data)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self._s3._download_file(remote_file_path, local_path)

    def _place(self, *path: str | None) -> tuple[str, str]:
        bucket, root = self._s3.parse_s3_compliant_uri(self._s3.artifact_uri)
        return bucket, posixpath.join(root, *(part for part in path if part))

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store what a stream gives; a stream that fails stores nothing."""
        name = posixpath.basename(artifact_file_name)
        bucket, key = self._place(artifact_path, name)
        extra = {
            "ContentType": _guess_mime_type(name),
            **self._s3._bucket_owner_params,
            **(self._s3.get_s3_file_upload_extra_args() or {}),
        }
        # boto takes a short read for the end of a small object, and would read the rest in one piece.
        whole = io.BufferedReader(stream, PART) if isinstance(stream, io.RawIOBase) else stream
        client = self._s3._get_s3_client()
        client.upload_fileobj(whole, bucket, key, ExtraArgs=extra, Config=self._transfer)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """The same of a request's body. One that is cut off stores nothing."""
        stream = _Arriving()
        storing = asyncio.create_task(
            asyncio.to_thread(self.log_artifact_from_stream, stream, artifact_file_name, artifact_path)
        )
        try:
            async for chunk in chunks:
                # The object store may have refused while its client still sends.
                while not stream.put(chunk) and not storing.done():
                    await asyncio.sleep(0.01)
                if storing.done():
                    break
            stream.end(None)
        except BaseException as error:
            stream.end(error)
            await asyncio.wait([storing])
            raise
        await storing

    def open(self, artifact_path: str) -> tuple[int, Iterator[bytes]]:
        """Size and content of an object."""
        bucket, key = self._place(artifact_path)
        try:
            found = self._s3._get_s3_client().get_object(
                Bucket=bucket, Key=key, **self._s3._bucket_owner_params
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                raise
            raise MlflowException(
                f"No such artifact: '{artifact_path}'", error_code=RESOURCE_DOES_NOT_EXIST
            ) from error
        return found["ContentLength"], found["Body"].iter_chunks(CHUNK)


class _Arriving(io.RawIOBase):
    """A request's body on its way from the event loop to the thread that stores it."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes] = queue.Queue(WAITING)
        self._rest = b""
        self._ended = False
        self._error: BaseException | None = None

    def put(self, chunk: bytes) -> bool:
        """Whether there was room for it."""
        try:
            self._chunks.put_nowait(chunk)
        except queue.Full:
            return False
        return True

    def end(self, error: BaseException | None) -> None:
        self._error = error
        self._ended = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            ended = self._ended  # before the look: what was put before the end is read
            try:
                self._rest = self._chunks.get(timeout=0.05)
            except queue.Empty:
                if not ended:
                    continue
                if self._error is not None:
                    raise OSError("the upload was cut off") from self._error
                return 0
        size = min(len(self._rest), len(buffer))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def attachment(path: str, size: int) -> dict[str, str]:
    """Headers of a download."""
    from mlflow.server import handlers

    return {
        "Content-Type": _guess_mime_type(path),
        "Content-Length": str(size),
        # As the stock server does: an artifact must not be shown as a page of this server.
        "Content-Disposition": handlers._content_disposition_attachment(posixpath.basename(path)),
        "X-Content-Type-Options": "nosniff",
    }


def serve_streams() -> None:
    """Make MLflow's server use this bucket. To be called before its application is made."""
    from mlflow.store.artifact import artifact_repository_registry as registry

    registry._artifact_repository_registry.register("s3", Bucket)
    _stream_to_programs()
    _stream_to_pages()


def _stream_to_programs() -> None:
    """The downloads of MLflow's clients."""
    from fastapi.responses import JSONResponse, Response, StreamingResponse
    from mlflow.server import artifact_router as stock

    async def download(artifact_path: str) -> Response:
        from mlflow.server import handlers

        try:
            path = handlers._get_workspace_scoped_repo_path_if_enabled(
                handlers.validate_path_is_safe(artifact_path)
            )
            size, chunks = await asyncio.to_thread(stock._get_artifact_repo().open, path)
        except MlflowException as error:
            return JSONResponse(
                status_code=error.get_http_status_code(),
                content={"error_code": error.error_code, "message": error.message},
            )
        return StreamingResponse(chunks, headers=attachment(path, size))

    routes = stock.artifact_router.routes
    replaced = [route for route in routes if "GET" in getattr(route, "methods", ())]
    for route in replaced:
        routes.remove(route)
        stock.artifact_router.add_api_route(route.path, download, methods=["GET"])


def _stream_to_pages() -> None:
    """The downloads of MLflow's own pages: of a run, of a model's version, of a logged model."""
    import anyio
    from flask import Response
    from mlflow.server import handlers

    stock = handlers._send_artifact

    def send(repository: ArtifactRepository, path: str) -> Response:
        if not isinstance(repository, Bucket):
            return stock(repository, path)
        size, chunks = repository.open(path)
        return Response(chunks, headers=attachment(path, size))

    handlers._send_artifact = send

    # Makes the application, with the routes as they are by now.
    from mlflow.server import fastapi_app

    class AtTheClientsPace(fastapi_app._EfficientWSGIResponder):
        """The stock one keeps whatever a slow client has not taken yet in memory."""

        def __init__(self, app: Any, scope: Any) -> None:
            super().__init__(app, scope)
            self.stream_send, self.stream_receive = anyio.create_memory_object_stream(WAITING)

    fastapi_app._EfficientWSGIResponder = AtTheClientsPace
