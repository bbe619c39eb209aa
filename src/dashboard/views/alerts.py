"""Alerts: what fires now, and what fired before."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import streamlit as st

from backends import alertmanager, core, logs
from backends.fetch import Answer, gather
from look import formatting
from look.parts import empty, heading, link, note, pill, show, table, title, trouble
from views.shared import active_alerts, alert_row, plain, watched


@st.fragment(run_every=5)
def page() -> None:
    """Both lists renew themselves."""
    said = gather(
        firing=alertmanager.active(), core=core.alerts(), log=logs.alert_log(), registry=core.registry()
    )
    firing, source = active_alerts(said["firing"], said["core"])
    url = core.public_url(said["registry"].value, "alertmanager")
    counted = (
        f"{formatting.plural(len(firing), 'alert')} active" if source.known else "what fires is not known"
    )
    if not watched(said["firing"]):
        counted = "this stack has no monitoring"
    show(title("Alerts", counted, link(url, "open Alertmanager") if url else ""))
    show(trouble("Alertmanager", said["firing"]))
    if not watched(said["firing"]):
        show(
            empty(
                "Alerts are not part of this stack",
                "<code>services.prometheus.enabled: true</code> and "
                "<code>services.alertmanager.enabled: true</code> in the stack's file add them; "
                "<code>services.agent.enabled: true</code> adds the metrics of containers.",
            )
        )
        return
    if said["firing"].error and said["core"].error is None:
        show(note("none", "What is active comes from the core's memory."))
    if firing:
        columns = (("Alert", ""), ("Severity", ""), ("Since", ""), ("What", "wrap"), ("", ""))
        show(table(columns, [[*alert_row(each), _silence(url, each)] for each in firing], stack=True))
    elif source.known and not source.error:
        show(empty("Nothing fires", "Rules are watched by Prometheus; what fires shows here within seconds."))
    _log(said["log"], said["core"])


def silence_url(base: str | None, alert: dict[str, Any]) -> str | None:
    """Alertmanager's form for a silence of exactly this alert."""
    if not base or not alert["labels"]:
        return None
    matchers = ", ".join(f'{key}="{value}"' for key, value in sorted(alert["labels"].items()))
    return f"{base.rstrip('/')}/#/silences/new?filter={quote('{' + matchers + '}')}"


def _silence(base: str | None, alert: dict[str, Any]) -> str:
    url = silence_url(base, alert)
    return link(url, "silence") if url else ""


def _log(log: Answer, memory: Answer) -> None:
    entries, origin = log.value, "from the central logs, 30 days"
    if log.error and memory.error is None:
        entries, origin = memory.value["log"], "from the core's memory, since it started"
    show(heading("Alert log", origin if entries is not None else "") + (trouble("logs", log)))
    if entries is None:
        return
    if not entries:
        show(empty("No alert has fired yet", "Every change of an alert is written down here."))
        return
    columns = (("When", ""), ("State", ""), ("Alert", ""), ("Severity", ""), ("What", "wrap"))
    show(table(columns, [_row(plain(each), each) for each in entries[:200]], tall=True, stack=True))


def _row(alert: dict[str, Any], entry: dict[str, Any]) -> list[str]:
    at = entry.get("_time") or entry.get("at") or alert["since"]
    service = f' <span class="dim">{formatting.text(alert["service"])}</span>' if alert["service"] else ""
    return [
        formatting.when(at),
        pill(alert["status"]),
        f"<b>{formatting.text(alert['name'])}</b>{service}",
        pill(alert["severity"]),
        formatting.text(alert["what"]),
    ]
