"""One-liners for notebooks: `from datalab.notebook import lake, sql, spark, run_pipeline, available`.

Everything is read from the environment that the hub gives to a kernel. A service that is disabled in the
stack has no variables there, and what needs it says so.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from datalab.errors import DataLabError

if TYPE_CHECKING:
    import pyarrow as pa

    from datalab.lake import Lake

SERVICES = {
    "lake": "DATALAB_S3_ENDPOINT",
    "spark": "SPARK_REMOTE",
    "mlflow": "MLFLOW_TRACKING_URI",
    "prefect": "PREFECT_API_URL",
}


def available() -> dict[str, bool]:
    """Which services this notebook reaches."""
    return {name: bool(os.environ.get(variable)) for name, variable in SERVICES.items()}


def need(service: str) -> None:
    """Fail with words when a service is not there."""
    if not os.environ.get(SERVICES[service]):
        raise DataLabError(
            "E_SERVICE_DISABLED",
            f"this stack has no {service}",
            f"enable the service in the stack's configuration, run up, and restart this notebook"
            f" ({SERVICES[service]} is not set)",
        )


def lake() -> Lake:
    """The lake: `lake().list_tables()`, `lake().require("silver", "flights")`."""
    from datalab.settings import Settings

    need("lake")
    return Settings.from_env().lake()


def sql(query: str) -> pa.Table:
    """The result of one SELECT over the lake, such as `SELECT count(*) FROM silver.flights`, by DuckDB."""
    import duckdb

    from datalab.bounded import more_by_at_most
    from datalab.duck import attach, connect, references, sql_error, stream_error

    place = lake()
    try:
        # A query that takes all memory would end the notebook's process, and all that is in it.
        with connect(place) as connection, more_by_at_most(place.settings.memory):
            attach(connection, place, references(connection, query))
            return connection.sql(query).to_arrow_table()
    except (MemoryError, OSError) as error:
        raise stream_error(error) from error
    except duckdb.Error as error:
        raise sql_error(error) from error


def spark() -> Any:
    """A session of Spark Connect."""
    need("spark")
    from pyspark.sql import SparkSession

    return SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()


def run_pipeline(name: str, wait_seconds: float = 300, **parameters: Any) -> str:
    """Run a pipeline through Prefect, wait for its end, and give back its state, such as "Completed"."""
    need("prefect")
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = [each for each in client.read_deployments(limit=200) if each.name == name]
        if not found:
            raise DataLabError("E_PIPELINE", f"there is no pipeline {name}", "see pipelines()")
        run = client.create_flow_run_from_deployment(found[0].id, parameters=parameters or None)
        end = time.monotonic() + wait_seconds
        while time.monotonic() < end:
            state = client.read_flow_run(run.id).state
            if state is not None and state.is_final():
                return str(state.name)
            time.sleep(0.5)
    raise DataLabError("E_TIMEOUT", f"{name} had not ended after {wait_seconds:.0f} s", permanent=False)


def pipelines() -> list[str]:
    """The names of the pipelines that Prefect knows."""
    need("prefect")
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        names = [each.name for each in client.read_deployments(limit=200)]
    return sorted(name for name in names if name != "roundtrip")
