"""Numbers as people read them, and text that stays text."""

from __future__ import annotations

import pytest


def test_numbers_sizes_and_times_are_readable() -> None:
    from look import formatting

    assert formatting.number(336776) == "336,776"
    assert formatting.number(0.41831) == "0.418"
    assert formatting.number(None) == formatting.NONE
    assert formatting.size(12_992_204) == "12.4 MB"
    assert formatting.size(0) == "0 B"
    assert formatting.percent(0.0123) == "1.2 %"
    assert formatting.duration(0.0121) == "12 ms"
    assert formatting.duration(95) == "1 min 35 s"
    assert (
        formatting.ago("2026-11-23T06:00:00Z", now=formatting.moment("2026-11-23T06:03:10+00:00"))
        == "3 min ago"
    )
    assert formatting.ago(1000.0, now=940.0) == "in 1 min"
    assert formatting.ago("nonsense") == formatting.NONE


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</div><b id=x>"]
)
def test_what_comes_from_outside_is_never_markup(evil: str) -> None:
    from views.shared import alert_row, plain, run_row

    alert = plain({"labels": {"alertname": evil, "severity": evil}, "annotations": {"summary": evil}})
    run = {"id": evil, "name": evil, "state_type": "FAILED", "state": {"message": evil}, "deployment_id": "d"}
    html = "".join(alert_row(alert) + run_row(run, "http://127.0.0.1:1", {"d": evil}))
    assert evil not in html
    assert "<script" not in html and "<img" not in html


def test_only_addresses_of_pages_become_links() -> None:
    from look.parts import link

    assert "<a" not in link("javascript:alert(1)", "open")
    assert 'href="http://127.0.0.1:4200"' in link("http://127.0.0.1:4200", "open")


def test_a_state_is_told_by_a_sign_and_a_word_as_well_as_by_colour() -> None:
    from look.parts import pill

    shown = {state: pill(state) for state in ("healthy", "starting", "degraded", "down", "unknown")}
    for state, html in shown.items():
        assert state in html and "<svg" in html
    signs = {html.split("<svg")[1].split("</svg>")[0] for html in shown.values()}
    assert len(signs) == len(shown)


def test_a_start_is_told_from_a_failure() -> None:
    from look.charts import latency_bars

    start = {"at": "2026-11-23T06:00:00Z", "ok": False, "ms": 10, "starting": True}
    failure = {"at": "2026-11-23T06:01:00Z", "ok": False, "ms": 20}
    html = latency_bars([start, {"at": "2026-11-23T06:00:30Z", "ok": True, "ms": 5}, failure])
    assert html.count('class="bad"') == 1 and "starting" in html.split('class="bad"')[0]
    assert "3 runs, 1 failed" in html


def test_what_people_type_into_the_log_search_stays_text() -> None:
    from backends.logs import compose

    query = compose(("core", 'x") | delete'), ("error",), 'a"b | limit 1 -quiet .*', "1h")
    assert query.startswith('_time:1h service:in("core", "x\\") | delete") level:in("error"')
    assert r'~"(?i)a\"b"' in query
    assert r'~"(?i)\\|"' in query
    assert '!~"(?i)quiet"' in query
    assert r'~"(?i)\\.\\*"' in query


def test_a_spreadsheet_finds_no_formula_in_the_csv() -> None:
    from views.sql_box import to_csv

    assert to_csv([{"a": "=1+1", "b": -2}, {"a": "-3", "b": None}]) == "a,b\n'=1+1,-2\n-3,\n"
    assert to_csv([{"=a": "-Infinity"}]) == "'=a\n-Infinity\n"


def test_the_csv_is_whole_and_tells_null_from_an_empty_text() -> None:
    import csv
    import io

    from views.sql_box import ON_PAGE, for_page, to_csv

    long = 'x"\r\n,' * 1000
    rows = [{"a": long, "b": ""}, {"a": None, "b": "9007199254740993"}, {"a": "y" * ON_PAGE, "b": 1.5}]
    text = to_csv(rows)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", "b"], [long, ""], ["", "9007199254740993"], ["y" * ON_PAGE, "1.5"],
    ]  # fmt: skip
    assert text.split("\n")[-3:] == [",9007199254740993", "y" * ON_PAGE + ",1.5", ""]
    assert to_csv([{"a": "", "b": None}]) == 'a,b\n"",\n'
    shown, cut = for_page(rows)
    assert cut == 1 and shown[0]["a"] == long[: ON_PAGE - 1] + "…" and shown[1:] == rows[1:]


def test_parameters_are_taken_as_the_type_that_they_have() -> None:
    from views.parameters import convert, kinds

    assert kinds({"anyOf": [{"type": "string"}, {"type": "null"}]}) == {"string", "null"}
    assert convert("  ", {"string", "null"}, required=False) is None
    assert convert("7", {"integer"}, required=True) == 7
    assert convert("[1, 2]", {"array"}, required=False) == [1, 2]
    with pytest.raises(ValueError, match="expected a whole number, received 'x'"):
        convert("x", {"integer"}, required=True)
    with pytest.raises(ValueError, match="a value is needed"):
        convert("", {"integer"}, required=True)
