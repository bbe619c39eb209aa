"""Files and contracts damaged at random end in an error with a code, or in rows: never otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MUTANTS = Path(__file__).with_name("mutants.py")
KINDS = ("csv", "json", "array", "parquet", "yaml", "gz", "zip", "xlsx")
# 100,000 in all where there is time.
COUNT = 12_500 if os.environ.get("DATALAB_TEST_TIER") == "all" else 150


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_damaged_is_told_with_a_code_or_read(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, str(MUTANTS), kind, str(COUNT), "15"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    wrong = json.loads(done.stdout)
    assert wrong == [], f"{len(wrong)} of {COUNT}: {wrong[0][1]}\n{wrong[0][2]}"
