"""Read by every Python process of the image, first of all.

The collector's own threshold, 700 new objects, makes it look through a program's modules hundreds of times
while they are imported: a quarter of the CPU that a start takes. A process that has started needs it again:
what a server's requests leave behind are few objects, but large ones.
"""

import gc
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
