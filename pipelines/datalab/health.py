"""The smallest flow there is: the functional check of Prefect runs it to see that server and worker work."""

from prefect import flow


@flow(name="datalab-health", persist_result=False, log_prints=False)
def roundtrip(token: str = "") -> str:
    """Give back what was given."""
    return token
