"""Links: every page of every service, and how to log in."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import streamlit as st

from backends import core
from backends.fetch import gather
from look import formatting
from look.parts import empty, grid, heading, link, pill, show, table, title, trouble


@st.fragment(run_every=10)
def page() -> None:
    """All of it comes from the registry: a service that is added shows up by itself."""
    said = gather(registry=core.registry(), health=core.health())
    registry = said["registry"]
    services = (registry.value or {}).get("services", [])
    states = {} if said["health"].error else core.by_name(said["health"].value)
    browser, programs = [], []
    for service in services:
        for each in service.get("endpoints", []):
            if each.get("browser") and each.get("url"):
                browser.append(_card(service, each, states.get(service["name"], {}).get("state", "unknown")))
            elif each.get("url"):
                programs.append(_row(service, each))
    show(
        title(
            "Links",
            f"{formatting.plural(len(browser), 'page')} to open, {len(programs)} addresses for programs",
        )
    )
    show(trouble("service registry", registry))
    if registry.known and not browser:
        show(
            empty(
                "No service has a page",
                "Enable one in the stack's file: <code>docs/config.md</code> lists them.",
            )
        )
    show(grid(browser))
    if programs:
        columns = (("Service", ""), ("What", ""), ("Address", ""), ("Log in", "wrap"))
        show(heading("For programs") + table(columns, programs))
    show(
        '<p class="dim" style="margin-top:1rem">Passwords: <code>./datalab secrets list</code> names them, '
        "<code>./datalab secrets show NAME</code> prints one.</p>"
    )


def login_words(service: dict, endpoint: dict) -> str:
    """How to log in, as HTML."""
    login = endpoint.get("login") or {}
    user, auth = login.get("user"), endpoint.get("auth")
    if auth == "gateway":
        return "the platform's login"
    if user:
        return f'user <span class="mono">{formatting.text(user)}</span>, <span class="mono">./datalab secrets list</span>'
    if auth == "own":
        return "its own login"
    return "no login is declared"


def _card(service: dict, endpoint: dict, state: str) -> str:
    about = formatting.text(service.get("summary") or "")
    return (
        f'<section class="dl-card"><div class="top"><div class="name">{link(endpoint["url"], service["name"])}</div>{pill(state)}</div>'
        f'<div class="about">{about}</div><div>{formatting.text(endpoint.get("summary") or "")}: '
        f'<span class="mono">{link(endpoint["url"], endpoint["url"])}</span></div>'
        f'<div class="foot"><span>log in: {login_words(service, endpoint)}</span></div></section>'
    )


def _row(service: dict, endpoint: dict) -> list[str]:
    return [
        f"<b>{formatting.text(service['name'])}</b>",
        formatting.text(endpoint.get("summary") or endpoint["name"]),
        f'<span class="mono">{formatting.text(endpoint["url"])}</span>',
        login_words(service, endpoint),
    ]
