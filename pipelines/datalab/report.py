"""The report of a run: one small HTML page that stands on its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datalab.gold import Built
from datalab.lake import Lake
from datalab.silver import Refined

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{ r.pipeline }} · {{ r.subject }}</title>
<style>
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--dim:#667080;--line:#e3e7ec;--card:#f6f8fa;--ok:#1a7f45;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--bg:#14171c;--fg:#e4e8ee;--dim:#93a0b0;--line:#2b313a;--card:#1c2128;--ok:#57c785;--bad:#ff8577}}
*{box-sizing:border-box}body{margin:0 auto;max-width:64rem;padding:2.5rem 1.25rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .6rem}
p{margin:.3rem 0}.dim{color:var(--dim)}.cards{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.4rem 0}
.card{flex:1 1 9rem;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
.card b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}.ok{color:var(--ok)}.bad{color:var(--bad)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.4rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--dim);font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}td.wrap{white-space:normal}
</style></head><body>
<h1>{{ r.pipeline }} <span class="dim">/ {{ r.subject }}</span></h1>
<p class="dim">{{ r.at }} · run {{ r.run_id }} · stack {{ r.stack }} · {{ "%.1f"|format(r.seconds) }} s</p>
<div class="cards">
<div class="card">rows in bronze<b>{{ "{:,}".format(rows_in) }}</b></div>
<div class="card">rows in silver<b class="ok">{{ "{:,}".format(rows_out) }}</b></div>
<div class="card">in quarantine<b class="{{ 'bad' if quarantined else 'ok' }}">{{ "{:,}".format(quarantined) }}</b></div>
<div class="card">gold tables<b>{{ r.gold|length }}</b></div>
</div>
{% for problem in r.problems %}<p class="bad">✖ {{ problem }}</p>{% endfor %}
{% for t in r.silver %}{% for w in t.warnings %}<p class="bad">! {{ t.table }}: {{ w }}</p>{% endfor %}{% endfor %}
{% if r.files %}<h2>Files</h2><div class="scroll"><table>
<tr><th>file</th><th>table</th><th class="n">rows</th><th class="n">malformed</th><th>hash</th></tr>
{% for f in r.files %}<tr><td>{{ f.file }}</td><td>bronze.{{ f.table }}</td><td class="n">{{ "{:,}".format(f.rows) }}</td>
<td class="n">{{ "{:,}".format(f.malformed) }}</td><td class="dim">{{ f.hash[:12] }}</td></tr>{% endfor %}</table></div>{% endif %}
{% if r.silver %}<h2>Silver</h2><div class="scroll"><table>
<tr><th>table</th><th class="n">rows in</th><th class="n">rows out</th><th class="n">quarantined</th><th class="n">seconds</th></tr>
{% for t in r.silver %}<tr><td>silver.{{ t.table }}</td><td class="n">{{ "{:,}".format(t.rows_in) }}</td>
<td class="n">{{ "{:,}".format(t.rows_out) }}</td><td class="n">{{ "{:,}".format(t.quarantined) }}</td>
<td class="n">{{ "unchanged" if t.skipped else "%.2f"|format(t.seconds) }}</td></tr>{% endfor %}</table></div>{% endif %}
{% for t in r.silver if t.reasons %}<h2>Why rows of {{ t.table }} are in quarantine</h2><div class="scroll"><table>
<tr><th>reason</th><th class="n">rows</th></tr>{% for why, n in t.reasons %}<tr><td class="wrap">{{ why }}</td>
<td class="n">{{ "{:,}".format(n) }}</td></tr>{% endfor %}</table></div>{% endfor %}
{% if r.gold %}<h2>Gold</h2><div class="scroll"><table>
<tr><th>table</th><th>reads</th><th class="n">rows in</th><th class="n">rows out</th><th>state</th></tr>
{% for g in r.gold %}<tr><td>gold.{{ g.table }}</td><td>{{ g.reads|join(", ") }}</td><td class="n">{{ "{:,}".format(g.rows_in) }}</td>
<td class="n">{{ "{:,}".format(g.rows_out) }}</td><td>{{ g.state }}</td></tr>{% endfor %}</table></div>{% endif %}
{% for s in r.samples %}<h2>gold.{{ s.name }}</h2><div class="scroll"><table><tr>{% for c in s.columns %}<th>{{ c }}</th>{% endfor %}</tr>
{% for row in s.rows %}<tr>{% for v in row %}<td class="{{ 'n' if v is number else '' }}">{{ "" if v is none else v }}</td>{% endfor %}</tr>{% endfor %}
</table></div>{% endfor %}
{% for t in r.silver if t.types %}<h2>Columns of silver.{{ t.table }}</h2><p class="dim">
{% for name, kind in t.types.items() %}{{ name }} {{ kind }}{{ "" if loop.last else " · " }}{% endfor %}</p>{% endfor %}
</body></html>
"""


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

    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(PAGE)
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
