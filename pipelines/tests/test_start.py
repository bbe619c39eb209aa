"""What a process has to load before it does anything."""

from __future__ import annotations

import subprocess
import sys

from datalab.prefect import flow_jobs


def loaded(program: str, *names: str) -> set[str]:
    """Those of these modules that a program leaves loaded."""
    program = f"import sys; {program}; print(*({set(names)!r} & {{*sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_jsonschema_compiles_no_grammar() -> None:
    """It takes `rfc3987_syntax` where it is there: 0.7 s for each process. See requirements-overrides.txt."""
    program = "import prefect, jupyter_events"
    assert loaded(program, "jsonschema", "rfc3987_syntax", "lark") == {"jsonschema"}


def test_only_a_worker_in_a_cluster_finds_the_clusters_collection() -> None:
    load = "from prefect.plugins import load_prefect_collections; load_prefect_collections()"
    assert loaded(load, "prefect_kubernetes") == set()
    found = f"sys.path.append({flow_jobs.COLLECTIONS!r}); {load}"
    assert loaded(found, "prefect_kubernetes") == {"prefect_kubernetes"}


def test_the_collector_rests_while_a_process_starts_and_no_longer() -> None:
    program = """
import gc, sitecustomize
print(gc.get_threshold())
gc.collect()
print(gc.get_threshold())
sitecustomize.began -= sitecustomize.STARTING
gc.collect()
print(gc.get_threshold(), sitecustomize._started in gc.callbacks)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["(5000, 20, 50)", "(5000, 20, 50)", "(700, 10, 10) False"]


def test_names_are_resolved_by_the_system_which_keeps_no_old_address() -> None:
    """JupyterHub asks by name for its proxy and its notebooks, which come back with other addresses."""
    program = "from aiohttp.resolver import DefaultResolver; print(DefaultResolver.__name__)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "ThreadedResolver\n"


def test_every_process_has_the_dates_of_our_cron_schedules() -> None:
    program = """
import asyncio
from datetime import UTC, datetime
from prefect.server.schemas.schedules import CronSchedule
nightly = CronSchedule(cron="30 2 * * *", timezone="Europe/Berlin")
(date,) = asyncio.run(nightly.get_dates(n=1, start=datetime(2027, 3, 27, 12, tzinfo=UTC)))
print(date.astimezone(UTC).isoformat())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2027-03-28T01:30:00+00:00"
