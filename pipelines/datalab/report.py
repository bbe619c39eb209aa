"""The report of a run: one small HTML page that stands on its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datalab.lake import Lake
from datalab.layers.gold import Built
from datalab.layers.silver import Refined

PAGE = Path(__file__).with_name("report.html")


@dataclass
class Report:
    """What a run did, as the page shows it."""

    pipeline: str
    subject: str
    run_id: str
    stack: str
    seconds: float = 0.0
    files: list[Any] = field(default_factory=list)
    silver: list[Refined] = field(default_factory=list)
    gold: list[Built] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    at: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))


@dataclass
class Sample:
    """The first rows of a gold table."""

    name: str
    columns: list[str]
    rows: list[list[Any]]


def sample(lake: Lake, name: str, limit: int = 8) -> Sample:
    """The first rows of a gold table, for the page."""
    from datalab.duck import to_json

    table = lake.require("gold", name).to_pyarrow_dataset().head(limit, use_threads=False)
    rows = [[to_json(value) for value in row.values()] for row in table.to_pylist()]
    return Sample(name, table.column_names, rows)


def render(report: Report) -> str:
    """The page. Every value is escaped: file names and data come from outside."""
    import jinja2

    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(PAGE.read_text())
    return page.render(
        r=report,
        rows_in=sum(t.rows_in for t in report.silver),
        rows_out=sum(t.rows_out for t in report.silver),
        quarantined=sum(t.quarantined for t in report.silver),
    )


def publish(lake: Lake, report: Report) -> str:
    """Write the page to the artifacts bucket under its subject and as latest; returns the key."""
    page = render(report).encode()
    key = f"reports/{report.pipeline}/{report.subject}.html"
    for each in (key, f"reports/{report.pipeline}/latest.html"):
        lake.put("artifacts", each, page, "text/html; charset=utf-8")
    return key
