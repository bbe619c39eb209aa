"""The registrar refuses two owners of a table, and tells the runs whose each table is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from test_registrar import Registrar, definition, registrar  # noqa: F401 - the fixture

from datalab.prefect.api import Api

pytestmark = pytest.mark.server
GOLD = "SELECT count(*) AS n FROM silver.prices"


@pytest.fixture
def two(registrar: Registrar, api: Api) -> Iterator[Registrar]:  # noqa: F811
    """Two pipelines with a contract and a gold file each, of other names."""
    for name in ("left", "right"):
        registrar.add(name)
        for file, text in ((f"contracts/{name}.yaml", "columns: {}"), (f"gold/{name}_total.sql", GOLD)):
            path = registrar.folder / "pipelines" / name / file
            path.parent.mkdir()
            path.write_text(text)
    yield registrar
    # The server is the session's: other tests expect it as it was.
    for found in api.call("POST", "/deployments/filter", {}):
        api.call("DELETE", f"/deployments/{found['id']}")


def test_two_owners_of_a_table_are_refused_before_anything_is_registered(two: Registrar, api: Api) -> None:
    for name in ("left", "right"):
        folder = two.folder / "pipelines" / name
        (folder / "contracts" / f"{name}.yaml").rename(folder / "contracts" / "prices.yaml")
        (folder / "gold" / f"{name}_total.sql").rename(folder / "gold" / "total.sql")
    before = api.call("POST", "/deployments/filter", {})
    code, lines, error = two.run(definition("left"), definition("right"))
    assert (code, lines) == (1, [])
    for table, file in (("silver.prices", "contracts/prices.yaml"), ("gold.total", "gold/total.sql")):
        assert f"✖ {table} has 2 owners: left/{file} and right/{file}; keep the file in one" in error
    assert api.call("POST", "/deployments/filter", {}) == before
    assert not (two.folder / "lake" / "artifacts" / "pipelines").exists()


def test_the_owners_are_published_and_follow_what_is_registered(two: Registrar) -> None:
    published = two.folder / "lake" / "artifacts" / "pipelines" / "owners.json"
    assert two.run(definition("left"), definition("right"))[0] == 0
    left = {"silver.left": "left", "silver.left_quarantine": "left", "gold.left_total": "left"}
    right = {"silver.right": "right", "silver.right_quarantine": "right", "gold.right_total": "right"}
    assert json.loads(published.read_text()) == {"pipelines": ["left", "right"], "tables": {**left, **right}}
    assert two.run(definition("left"))[0] == 0
    assert json.loads(published.read_text()) == {"pipelines": ["left"], "tables": left}
