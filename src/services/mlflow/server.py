"""MLflow's tracking server in one process: `python server.py`.

`mlflow server` starts a supervisor, several workers and a job runner, each with all of MLflow in memory.
Here one process does what a small team needs. It differs from the stock server in five points:

- the tables are made or migrated before the port opens, and only when they are not at the newest revision;
- the admin's password is the configured one at every start, which is what makes its rotation work;
- the routes that call language models or run tools on the server (AI gateway, assistant) do not exist, and
  with them goes the need to load pandas;
- artifacts pass through as streams (artifacts.py);
- `/metrics` counts requests for Prometheus.

Everything it needs comes from MLFLOW_* variables; see ../mlflow.ts.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH_EXPERIMENT = "datalab-health"
PURGE_SECONDS = 600
# A number that nobody else takes for a lock in this database.
PREPARING = 5_000_317


class _Absent:
    """Finds no module of these names: what is imported only where it is needed stays out of memory."""

    def __init__(self, *names: str) -> None:
        self.names = frozenset(names)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r} while the server starts", name=name)


def _without(module: str, **names: object) -> None:
    """Stand in for a module of routes that this server does not have."""
    stand_in = ModuleType(module)
    for name, value in names.items():
        setattr(stand_in, name, value)
    sys.modules[module] = stand_in


def load() -> App:
    """Import MLflow with its login application, prepare the database, and give back the ASGI application."""
    from fastapi import APIRouter

    _without("mlflow.server.gateway_api", gateway_router=APIRouter(), list_models=None)
    _without("mlflow.server.assistant.api", assistant_router=APIRouter())
    absent = _Absent("pandas")
    sys.meta_path.insert(0, absent)
    try:
        import mlflow.server.auth as auth
        from artifacts import serve_streams
    finally:
        sys.meta_path.remove(absent)

    serve_streams()
    with alone():
        prepare_store()
        prepare_admin(auth)
    return auth.create_app()


@contextmanager
def alone() -> Iterator[None]:
    """Let one server of several prepare the database at a time; the others find the work done."""
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine_with_retry(os.environ["_MLFLOW_SERVER_FILE_STORE"])
    try:
        with engine.connect() as connection:
            # Held by the session, and let go with it, whatever becomes of this process.
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({PREPARING})")
            yield
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({PREPARING})")
    finally:
        engine.dispose()


def prepare_store() -> None:
    """Make the tracking and registry tables, or bring those of an older version up to date."""
    from mlflow.server.handlers import initialize_backend_stores
    from mlflow.store.db import utils

    uri = os.environ["_MLFLOW_SERVER_FILE_STORE"]
    engine = utils.create_sqlalchemy_engine_with_retry(uri)
    found = utils._get_schema_version(engine)
    if found is not None and found != utils._get_latest_schema_revision():
        utils._upgrade_db(engine)
    engine.dispose()
    initialize_backend_stores(uri, uri, os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"])


def prepare_admin(auth: ModuleType) -> None:
    """Make the admin, or give it the configured password when that has been rotated."""
    auth.bootstrap_admin_user()
    config = auth.auth_config
    if not auth.store.authenticate_user(config.admin_username, config.admin_password):
        auth.store.update_user(config.admin_username, password=config.admin_password, is_admin=True)


def purge_health_runs() -> int:
    """Remove what the functional check has deleted for good: MLflow itself only marks runs as deleted."""
    from mlflow.entities import ViewType
    from mlflow.server.handlers import _get_tracking_store

    store = _get_tracking_store()
    experiment = store.get_experiment_by_name(HEALTH_EXPERIMENT)
    if experiment is None:
        return 0
    runs = store.search_runs([experiment.experiment_id], "", ViewType.DELETED_ONLY, max_results=1000)
    for run in runs:
        store._hard_delete_run(run.info.run_id)
    return len(runs)


def _purge_for_ever() -> None:
    while True:
        time.sleep(PURGE_SECONDS)
        try:
            purge_health_runs()
        except Exception as error:  # noqa: BLE001 - tried again the next time; the server serves on
            print(f"health runs were not purged: {type(error).__name__}: {error}", file=sys.stderr)


def measured(app: App) -> App:
    """The application with `/metrics`, which counts requests by method and status and adds up their time."""
    from prometheus_client import Counter, Histogram, generate_latest

    requests = Counter("mlflow_http_requests", "Requests answered.", ["method", "status"])
    seconds = Histogram(
        "mlflow_http_request_duration_seconds",
        "Time until the answer began.",
        buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    )
    methods = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        if scope["path"] == "/metrics":
            headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": generate_latest()})
            return
        began = time.perf_counter()
        method = scope["method"] if scope["method"] in methods else "other"

        async def counted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                requests.labels(method, str(message["status"])).inc()
                seconds.observe(time.perf_counter() - began)
            await send(message)

        await app(scope, receive, counted)

    return answer


def main() -> None:
    """Serve on port 5000 until SIGTERM."""
    import gc

    import uvicorn

    app = load()
    threading.Thread(target=_purge_for_ever, daemon=True).start()
    # What is loaded now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        measured(app),
        host="0.0.0.0",  # noqa: S104 - the container's network is the stack's own
        port=5000,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
