"""The platform core: the registry, health with history, alerts."""

from __future__ import annotations

from typing import Any

from backends.fetch import Question, Unavailable, ask, call


def registry() -> Question:
    """Every service with its endpoints, version and owner."""
    return ask(("core", "registry"), lambda: call("core", "GET", "/registry").json(), 15)


def health() -> Question:
    """State and checks with history of every service."""
    return ask(("core", "health"), _health, 3)


def _health() -> dict[str, Any]:
    # 503 is how it says that something is down: the answer is complete.
    return call("core", "GET", "/health", accept=(503,)).json()


def alerts() -> Question:
    """Alerts that fire now and those that came before, newest first, as the core received them."""
    return ask(("core", "alerts"), _alerts, 5)


def _alerts() -> dict[str, list[dict[str, Any]]]:
    answer = call("core", "GET", "/alerts", accept=(404,))
    if answer.status_code == 404:
        raise Unavailable("it keeps no alerts")
    said = answer.json()
    return {"active": said["active"], "log": said["recent"]}


def by_name(document: Any) -> dict[str, dict[str, Any]]:
    """The services of a registry or health document, by name."""
    return {each["name"]: each for each in (document or {}).get("services", [])}


def public_url(registry_document: Any, service: str, *, browser: bool = True) -> str | None:
    """Where people open a service's page, from the registry; None when it has none."""
    for endpoint in by_name(registry_document).get(service, {}).get("endpoints", []):
        if endpoint.get("url") and (endpoint.get("browser") or not browser):
            return str(endpoint["url"])
    return None
