"""Properties: what holds for any table, not only for those that someone thought of."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from datalab.formats import csv_text
from datalab.formats.columns import RESERVED, clean_names
from datalab.formats.csv_records import Dialect
from datalab.formats.csv_text import CsvParser

LIMIT = 1 << 20
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)
BOM = "\ufeff"
tried = settings(max_examples=max(300, settings().max_examples), suppress_health_check=[HealthCheck.too_slow])


def parse(
    body: bytes, width: int, chunk: int, careful: bool, delimiter: str = ","
) -> list[tuple[object, ...]]:
    parser = CsvParser([f"c{n}" for n in range(width)], Dialect(delimiter), LIMIT)
    if careful:
        parser._fast = lambda text, final: None  # type: ignore[method-assign]
    chunks = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    return [tuple(row.values()) for batch in parser.batches(chunks, 0) for row in batch.to_pylist()]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "BLOCK", 16)


@tried
@given(
    st.lists(st.lists(text, min_size=2, max_size=2), max_size=12),
    st.sampled_from(",;\t|"),
    st.integers(1, 64),
)
def test_any_table_comes_back_as_it_was_written(rows: list[list[str]], delimiter: str, chunk: int) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    parsed = parse(out.getvalue().encode(), 2, chunk, False, delimiter)
    assert parsed == [(*row, None, None) for row in rows]


@tried
@given(st.text(st.sampled_from(f'ab,"\n\r\0é{BOM}'), max_size=60), st.integers(1, 3), st.integers(1, 70))
@example(',"",', 3, 1)  # Arrow took the last field for a quoted one
@example(BOM, 1, 1)  # Arrow drops one at the start of any block
@example(f"a\n{BOM}b\n" + "c" * 20, 1, 2)
def test_both_parsers_give_the_same_rows(body: str, width: int, chunk: int) -> None:
    raw = body.encode()
    assert parse(raw, width, chunk, careful=False) == parse(raw, width, chunk, careful=True)


@tried
@given(st.text(st.sampled_from(f'ab,"\n\r{BOM}'), max_size=60), st.integers(1, 3), st.integers(1, 70))
@example('"aaaaaaaaaa""\n"\ra', 1, 1)  # a block that ended between the closing quote and what follows CR
def test_the_size_of_the_chunks_makes_no_difference(body: str, width: int, chunk: int) -> None:
    raw = body.encode()
    assert parse(raw, width, chunk, careful=False) == parse(raw, width, len(raw) or 1, careful=False)


@tried
@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser_and_no_line_is_lost(body: bytes) -> None:
    rows = parse(body, 2, 32, careful=False)
    whole = [r for r in rows if r[3] is None]
    kept = sum(str(r[0] or "").count("\n") + str(r[1] or "").count("\n") for r in whole) + len(rows)
    lines = body.split(b"\n")
    wanted = sum(1 for line in lines if line not in (b"", b"\r"))
    # A blank line is no row, but inside quotes it is part of a value.
    assert wanted <= kept <= len(lines)


@tried
@given(st.lists(st.one_of(st.none(), st.text(max_size=10)), min_size=1, max_size=12))
def test_names_are_distinct_valid_and_stable(header: list[str | None]) -> None:
    names = clean_names(header)
    assert len(names) == len(header)
    assert len({name.lower() for name in names}) == len(names)
    assert not {name.lower() for name in names} & set(RESERVED)
    assert all(name and name.replace("_", "a").isalnum() for name in names)
    assert clean_names(list(names)) == names
