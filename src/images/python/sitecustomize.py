"""Read by every Python process of the image, first of all.

The collector's own threshold, 700 new objects, makes it look through a program's modules hundreds of times while they
are imported: a quarter of the CPU that a start takes.
"""

import gc

gc.set_threshold(50_000, 20, 50)
