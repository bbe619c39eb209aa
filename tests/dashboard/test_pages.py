"""Pages, drawn by Streamlit itself, on answers that a real stack gave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import APP, Backend, recorded
from streamlit.testing.v1 import AppTest


def draw(page: str) -> str:
    """All that a page puts out."""
    script = f"import sys\nsys.path.insert(0, {str(APP)!r})\nfrom views import {page}\n{page}.page()\n"
    app = AppTest.from_string(script, default_timeout=60).run()
    assert not app.exception, app.exception
    return "\n".join(each.value for each in app.markdown)


def test_the_overview_has_a_card_for_every_service_of_the_registry(
    configured: Callable[..., None], core: Backend
) -> None:
    configured(core=core.url)
    html = draw("overview")
    for service in recorded("registry")["services"]:
        assert f'aria-label="{service["name"]}"' in html
    state = recorded("health")["state"]
    assert state.capitalize() in html


def test_a_renewal_of_the_overview_empties_nothing(
    configured: Callable[..., None], core: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emptied page has no height: the browser scrolls to its top, and focus and selection are gone."""
    configured(core=core.url)
    monkeypatch.syspath_prepend(str(APP))
    script = """
import streamlit as st
from views import overview
if st.session_state.get("again"):
    made = []
    st.empty = lambda *_: made.append(1)
    overview._page()
    st.session_state["made"] = len(made)
else:
    overview.page()
    st.session_state["again"] = True
"""
    app = AppTest.from_string(script, default_timeout=60).run()
    first = [each.value.count("<section") for each in app.markdown]
    app.run()
    assert not app.exception, app.exception
    assert app.session_state["made"] == 0
    assert [each.value.count("<section") for each in app.markdown] == first


def test_a_service_that_is_added_shows_up_without_a_change_here(
    configured: Callable[..., None], core: Backend
) -> None:
    registry = recorded("registry")
    ui = {"name": "ui", "workload": "toy", "summary": "the toy", "protocol": "http", "browser": True,
          "url": "http://127.0.0.1:7999", "internalUrl": "http://toy:7999"}  # fmt: skip
    toy = {
        "name": "toy",
        "summary": "A toy.",
        "version": "9.9",
        "owner": "kids",
        "endpoints": [ui],
        "checks": [],
    }
    core.answers["/registry"] = lambda: (200, {**registry, "services": [*registry["services"], toy]})
    configured(core=core.url)
    overview, links = draw("overview"), draw("links")
    assert 'aria-label="toy"' in overview and "9.9 · kids" in overview
    assert 'href="http://127.0.0.1:7999"' in links


def test_while_services_start_nothing_is_called_failed(
    configured: Callable[..., None], core: Backend
) -> None:
    health = recorded("health")
    start = {"at": health["at"], "ok": False, "ms": 3, "message": "connect ECONNREFUSED", "starting": True}
    for service in health["services"]:
        service["state"] = "starting"
        service["checks"] = [
            {**start, "name": check["name"], "history": [start]} for check in service["checks"]
        ]
    core.answers["/health"] = lambda: (200, {**health, "state": "starting"})
    configured(core=core.url)
    html = draw("overview")
    assert "Starting" in html and "ECONNREFUSED" in html
    assert 'aria-label="failed"' not in html and 'class="bad"' not in html and "dl-card bad" not in html


def test_without_the_core_nothing_is_called_healthy(configured: Callable[..., None], core: Backend) -> None:
    from backends.fetch import forget

    configured(core=core.url)
    draw("overview")
    core.close()
    forget()
    html = draw("overview")
    assert "What is shown was true" in html
    assert "healthy</span>" not in html
    assert "unknown" in html


@pytest.mark.parametrize("page", ["pipelines", "models", "alerts", "logs", "resources", "links", "lake"])
def test_every_page_is_drawn_when_nothing_answers(configured: Callable[..., None], page: str) -> None:
    configured()
    assert draw(page)


def test_active_alerts_come_from_the_core_while_alertmanager_is_gone(
    configured: Callable[..., None], core: Backend
) -> None:
    alertmanager = Backend({})
    alertmanager.close()
    configured(core=core.url, alertmanager=alertmanager.url)
    html = draw("alerts")
    assert recorded("alerts")["recent"][0]["alert"] in html
    assert "from the core&#x27;s memory" in html or "core's memory" in html


def test_a_platform_with_a_critical_alert_is_not_called_healthy(
    configured: Callable[..., None], core: Backend
) -> None:
    from backends.fetch import forget

    health = {**recorded("health"), "state": "healthy"}
    core.answers["/health"] = lambda: (200, health)
    alert = {
        "labels": {"alertname": "DiskFull", "severity": "critical", "service": "postgres"},
        "annotations": {"summary": "No room is left."},
        "status": {"state": "active"},
        "startsAt": "2026-12-01T00:00:00Z",
    }
    shown = []
    for state in ("active", "suppressed"):
        silenced = {**alert, "status": {"state": state}}
        alertmanager = Backend({"/api/v2/alerts": lambda alert=silenced: (200, [alert])})
        configured(core=core.url, alertmanager=alertmanager.url)
        forget()
        shown.append(draw("overview"))
        alertmanager.close()
    assert "Alerting</span>" in shown[0] and "all checks pass; 1 critical alert" in shown[0]
    assert "Healthy</span>" not in shown[0]
    assert "Healthy</span>" in shown[1] and "Alerting" not in shown[1]


def test_a_stack_without_alertmanager_is_not_called_free_of_alerts(
    configured: Callable[..., None], core: Backend
) -> None:
    configured(core=core.url)
    alerts, overview = draw("alerts"), draw("overview")
    assert "this stack has no monitoring" in alerts
    assert "<code>services.alertmanager.enabled: true</code>" in alerts
    assert "Nothing fires" not in alerts
    assert "nothing fires" not in overview


def test_the_first_page_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); import streamlit; from views import overview;"
        "heavy = {'pandas', 'numpy', 'pyarrow', 'duckdb', 'deltalake', 'mlflow', 'prefect', 'altair'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=Path(APP), capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
