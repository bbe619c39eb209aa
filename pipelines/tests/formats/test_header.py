"""Sheets that people saved as text: titles above the header, totals and notes below the table."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest
from conftest import Load, rows_of

from datalab.errors import DataLabError
from datalab.lake import Lake
from datalab.layers.quality import parse_contract
from datalab.layers.silver import refine
from datalab.layers.written import parse_written

SALES = b"""Sales by region
Generated 2024-04-02 08:15 for Example Ltd

Region,Units,Net sales,Share
North,"1,204","$18,060.50",41.2%
South,987,"$14,805.00",33.8%
West,731,"$10,965.25",25.0%
Total,"2,922","$43,830.75",100.0%
"""
ROWS = [
    ("North", "1,204", "$18,060.50", "41.2%"),
    ("South", "987", "$14,805.00", "33.8%"),
    ("West", "731", "$10,965.25", "25.0%"),
    ("Total", "2,922", "$43,830.75", "100.0%"),
]
COLUMNS = ("Region", "Units", "Net_sales", "Share")


def test_titles_are_kept_as_malformed_rows_and_the_table_is_read(lake: Lake, load: Load) -> None:
    done = load(SALES)
    assert (done.rows, done.malformed) == (6, 2)
    assert rows_of(lake, "bronze", "t", "_row_number", *COLUMNS)[2:] == [
        (n, *row) for n, row in enumerate(ROWS, 1)
    ]
    assert rows_of(lake, "bronze", "t", "_row_number", "_raw", "_problem")[:2] == [
        (-1, "Sales by region", "above the header"),
        (0, "Generated 2024-04-02 08:15 for Example Ltd", "above the header"),
    ]


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        # As Excel saves a sheet: every line is as wide as the widest.
        ("Report,,\nMay 2024,,\n,,\nname,city,n\nAna,Bonn,1\nBo,Oslo,2\n", ("name", "city", "n"), 2),
        ("Bericht;;\nStand:;02.04.2024;\nName;Ort;Betrag\nAna;Bonn;1,50\nBo;Köln;2,75\n", None, 2),
        ("Report\tof May\n\nname\tcity\tn\nAna\tBonn\t1\n", None, 1),
        (
            "# export of shop 7\n# by Ana\nid|name|price\n1|x|2.50\n2|y|3.00\n3|z|1.25\n",
            ("id", "name", "price"),
            3,
        ),
        ("Title\n\n\n\nid,when\n1,2024-01-02\n2,2024-01-03\n", ("id", "when"), 2),
        ("A long title, with a comma\nid,name,when\n1,x,2024-01-02\n2,y,2024-01-03\n", None, 2),
        # Not titles: a header, whatever is below it.
        ("id,name\n1,x\n2,y,z\n", ("id", "name"), 2),
        (",value\na,1\nb,2\n", ("column_1", "value"), 2),
        ("a,b,,\n1,2,3,4\n", ("a", "b", "column_3", "column_4"), 1),
        ("note\nfoo, bar\nbaz\nqux\n", ("note",), 3),
        ("name,age\nAna,7\n\nSource: the census\n", ("name", "age"), 2),
    ],
)
def test_the_header_is_found_or_asked_for(
    lake: Lake, load: Load, text: str, header: tuple[str, ...] | None, rows: int
) -> None:
    if header is None:
        with pytest.raises(DataLabError) as refused:
            load(text.encode())
        assert refused.value.code == "E_FILE_HEADER_UNSURE"
        assert lake.table("bronze", "t") is None
        return
    done = load(text.encode())
    names = lake.require("bronze", "t").schema().to_arrow().names
    assert tuple(name for name in names if not name.startswith("_")) == header
    numbers = [n for (n,) in rows_of(lake, "bronze", "t", "_row_number")]
    assert [n for n in numbers if n > 0] == list(range(1, rows + 1))
    assert len(numbers) == done.rows


def test_what_is_declared_is_left_out(lake: Lake, load: Load) -> None:
    done = load(SALES, skip=3, footer=1)
    assert (done.rows, done.malformed) == (3, 0)
    assert rows_of(lake, "bronze", "t", "_row_number", *COLUMNS) == [
        (n, *row) for n, row in enumerate(ROWS[:3], 1)
    ]


def test_the_header_s_line_settles_a_doubt(lake: Lake, load: Load) -> None:
    body = b"name,,\nAna,x,y\nBo,z,w\n"
    with pytest.raises(DataLabError) as refused:
        load(body)
    assert refused.value.message == (
        "t.csv: line 1 ('name', '', '') is not as wide as most; line 2 ('Ana', 'x', 'y') may be the header"
    )
    assert "--header-row 1 or --header-row 2" in refused.value.hint
    load(body, skip=0)
    assert rows_of(lake, "bronze", "t", "name", "column_2", "column_3") == [
        ("Ana", "x", "y"),
        ("Bo", "z", "w"),
    ]


def test_titles_above_a_table_that_is_there(lake: Lake, load: Load) -> None:
    load(b"name,city\nAna,Bonn\n", name="first.csv")
    done = load(b"Report\nname,city\nBo,Oslo\n", name="second.csv")
    assert (done.rows, done.malformed) == (2, 1)
    assert rows_of(lake, "bronze", "t", "name", "city") == [("Ana", "Bonn"), (None, None), ("Bo", "Oslo")]


def test_more_lines_to_skip_than_there_are(lake: Lake, load: Load) -> None:
    with pytest.raises(DataLabError, match="nothing below line 9"):
        load(SALES, skip=9)
    assert lake.table("bronze", "t") is None


def test_lines_that_end_twice_end_once(lake: Lake, load: Load) -> None:
    load(b'a,b\r\r\n1,x\r\r\n2,"y"\r\r\n"3",z')
    assert rows_of(lake, "bronze", "t", "a", "b") == [("1", "x"), ("2", "y"), ("3", "z")]


def test_a_contract_says_how_numbers_are_written(lake: Lake, load: Load) -> None:
    contract = parse_contract(
        """
columns:
  Units: { type: bigint, format: { thousands: "," } }
  Net_sales: { type: "decimal(12,2)", min: 10000, format: { thousands: ",", currency: "$" } }
  Share: { type: "decimal(5,3)", format: { percent: fraction } }
""",
        "t",
        "t.yaml",
    )
    load(SALES)
    refined = refine(lake, "t", contract, "run")
    assert (refined.rows_out, refined.quarantined) == (4, 2)
    assert rows_of(lake, "silver", "t", *COLUMNS) == [
        ("North", 1204, Decimal("18060.50"), Decimal("0.412")),
        ("South", 987, Decimal("14805.00"), Decimal("0.338")),
        ("West", 731, Decimal("10965.25"), Decimal("0.250")),
        ("Total", 2922, Decimal("43830.75"), Decimal("1.000")),
    ]


@pytest.mark.parametrize(
    ("kind", "written", "texts"),
    [
        (
            "bigint",
            {"thousands": ","},
            {"1,204": 1204, "-12,345,678": -12345678, "1,2": None, "1,204.5": None},
        ),
        (
            "decimal(9,2)",
            {"thousands": ",", "currency": "$", "negative": "parentheses"},
            {
                "($1,234.50)": Decimal("-1234.50"),
                "-$5": Decimal(-5),
                "$ .5": Decimal("0.5"),
                "€5": None,
                "-$-5": None,
            },
        ),
        (
            "decimal(9,2)",
            {"thousands": ".", "decimal": ",", "currency": "€"},
            {"1.204,50 €": Decimal("1204.50")},
        ),
        (
            "double",
            {"thousands": " ", "decimal": ","},
            {"1\u202f204,5": 1204.5, "1\u00a0204": 1204.0, "12 04": None},
        ),
        ("double", {"percent": "fraction"}, {"41.2%": 0.412, "-3 %": -0.03, "41.2": None}),
        ("double", {"percent": "points"}, {"41.2%": 41.2}),
        (
            "decimal(5,3)",
            {"percent": "fraction"},
            {"41.2%": Decimal("0.412"), "41.25%": None, "99999%": None},
        ),
        ("bigint", {"negative": "trailing"}, {"5-": -5, "5": 5, "-5-": None}),
        ("date", "%d.%m.%Y", {"02.04.2024": date(2024, 4, 2), "31.02.2024": None, "2024-04-02": None}),
        ("timestamp", "%m/%d/%Y %I:%M %p", {"04/02/2024 01:05 PM": datetime(2024, 4, 2, 13, 5)}),
    ],
)
def test_texts_of_a_format(kind: str, written: object, texts: dict[str, object]) -> None:
    found, problems = parse_written(written, kind)
    assert found is not None and problems == []
    con = duckdb.connect()
    for text, value in texts.items():
        row = con.execute(f"SELECT {found.sql('v', kind)} FROM (SELECT ?::VARCHAR AS v)", [text]).fetchone()
        assert row == (value,), text


WRONG = """\
columns:
  a: { format: { thousands: ',' } }
  b: { type: bigint, format: { percent: fraction } }
  c: { type: double, format: { decimal: ';', thousand: 1 } }
  d: { type: date, format: '%Y %H' }
source: { skip: 1, header_row: 2, footer: -1 }
"""


def test_a_format_that_can_t_be_is_refused_with_its_line() -> None:
    with pytest.raises(DataLabError) as refused:
        parse_contract(WRONG, "t", "t.yaml")
    known = "thousands, decimal, currency, percent, negative"
    fraction = "expected a double, or decimal(p,s) with s >= 2 for a fraction, received bigint"
    assert [line.removeprefix("  ✖ t.yaml:") for line in refused.value.message.splitlines()[1:]] == [
        "2: columns.a.format: a format needs a type: a number, or a date or time",
        f"3: columns.b.format.percent: {fraction}",
        f"4: columns.c.format.thousand: unknown; known are {known}",
        "4: columns.c.format.decimal: expected '.' or ',', received ';'",
        "5: columns.d.format: %H would be dropped from a date: make it a timestamp",
        "6: source.header_row: leave it out, or both source.skip and header: false",
        "6: source.footer: expected a whole number from 0 on, received -1",
    ]
