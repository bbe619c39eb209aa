"""Read by every Python process of the image, first of all.

The collector's own threshold, 700 new objects, makes it look through a program's modules hundreds of times
while they are imported: a quarter of the CPU that a start takes. A process that has started needs it again:
what a server's requests leave behind are few objects, but large ones.

Prefect's cron schedules get the dates of datalab.prefect.cron_dates in whatever process loads them: the server
plans by them, and people ask for them.
"""

import gc
import sys
import time

STARTING = 15.0  # seconds
DEFAULT = gc.get_threshold()

began = time.monotonic()


def _started(_phase: str, _info: dict[str, int]) -> None:
    if time.monotonic() - began > STARTING:
        gc.callbacks.remove(_started)
        gc.set_threshold(*DEFAULT)


gc.set_threshold(5_000, 20, 50)
gc.callbacks.append(_started)


class _CronDates:
    """Finds Prefect's module of schedules once, and mends what it has loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != "prefect.server.schemas.schedules":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        load = spec.loader.exec_module

        def load_and_mend(module):
            load(module)
            from datalab.prefect import cron_dates

            cron_dates.install(module.CronSchedule)

        spec.loader.exec_module = load_and_mend
        return spec


sys.meta_path.insert(0, _CronDates())
