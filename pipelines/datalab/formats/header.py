"""Where the header of a sheet stands: people write titles, dates and notes above it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from datalab.formats.cells import is_typed
from datalab.formats.columns import loosely
from datalab.formats.csv_records import usual_width

Record = Sequence[str | None]

# Of the records from the header on, how many must have its width.
EVEN = 0.6


@dataclass(frozen=True)
class Titles:
    """How many records stand above the header, and whether that is certain."""

    count: int
    certain: bool


NONE = Titles(0, True)


def titles_above(records: Sequence[Record], known: Collection[str] = ()) -> Titles:
    """Looks for titles at the start of a file; `known` are the headings of the table that is there already.

    The header is the first record that is as wide as most. What is above it are titles when it can't be a
    header of such a table, and what comes next can be one.
    """
    lengths = [len(record) for record in records]
    usual = usual_width([length for length in lengths if length > 1] or [1])
    if usual == 1 or _is_of(records[0], known):
        return NONE
    extents = [_extent(record) for record in records]
    # A header that is split into fewer fields than the rows would make every row malformed.
    narrow = lengths[0] != usual
    if lengths[0] == usual - 1 and all(each[-1] is None for each in records if len(each) == usual):
        return NONE  # only the rows end with a delimiter
    if narrow:
        at = lengths.index(usual)
        width = extents[at]
    else:
        width = max(extent for extent, length in zip(extents, lengths, strict=True) if length == usual)
        at = extents.index(width)
    above, header, rows = records[:at], records[at], records[at + 1 :]
    even = sum(length == usual for length in lengths[at:]) >= EVEN * (len(rows) + 1)
    if not above or not rows or not even or width < 2:
        return NONE
    sparse = all(sum(cell is not None for cell in record) <= max(1, width // 2) for record in above)
    named = all(cell and not is_typed(cell) for cell in header[:width])
    distinct = len({loosely(cell or "") for cell in header[:width]}) == width
    unlike_rows = any(_is_typed_column([row[n] for row in rows if len(row) > n]) for n in range(width))
    if _is_of(header, known):
        return Titles(at, True)
    if named and sparse and distinct and (unlike_rows or (narrow and width > 2)):
        return Titles(at, True)
    in_doubt = narrow or (named and (sparse or unlike_rows))
    return Titles(at, False) if in_doubt else NONE


def _extent(record: Record) -> int:
    """The width of a record without the empty cells at its end."""
    return max((n for n, cell in enumerate(record, 1) if cell is not None), default=0)


def _is_typed_column(cells: Sequence[str | None]) -> bool:
    """Whether nearly all values of a column are numbers or dates."""
    values = [cell for cell in cells if cell]
    return bool(values) and sum(is_typed(cell) for cell in values) >= 0.8 * len(values)


def _is_of(record: Record, known: Collection[str]) -> bool:
    """Whether most of a record's cells are headings of the table."""
    headings = {loosely(cell) for cell in record if cell}
    return len(headings & {loosely(each) for each in known}) * 2 > len(headings)
