"""The delimiter of a CSV file that declares none: found from its text, or refused with both readings.

A wrong split may be as even as the right one: semicolons between fields with decimal commas in them split
evenly at both. So each reading is judged by all that is known: quotes, the header, what the values look like,
and the table that is there already.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from datalab.errors import DataLabError
from datalab.formats.cells import is_typed, shown
from datalab.formats.columns import loosely
from datalab.formats.csv_records import Dialect, Records, usual_width
from datalab.formats.header import titles_above

CANDIDATES = (",", ";", "\t", "|")
NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
RECORDS = 200
# By how much a reading must be better than the next: less is a guess.
MARGIN = 0.15

BESIDE_QUOTE = re.compile(r'[,;\t|]"|"[,;\t|]')


@dataclass(frozen=True)
class Reading:
    """The first records of a file, split by one delimiter."""

    delimiter: str
    records: Sequence[Sequence[str | None]]
    problems: int  # records that can't be split so
    begins: bool  # the first record can be

    @property
    def width(self) -> int:
        """The width that most records have."""
        return usual_width([len(record) for record in self.records])

    @property
    def evenness(self) -> float:
        """Which part of the records has that width."""
        widths = [len(record) for record in self.records]
        return widths.count(self.width) / (len(widths) + self.problems)

    def fits_header(self) -> bool:
        """Whether the first record is as wide as the others, but for a delimiter at the end of each."""
        first = len(self.records[0])
        ends = all(record[-1] is None for record in self.records[1:] if len(record) == self.width)
        return self.begins and (first == self.width or (first == self.width - 1 and ends))

    def below_titles(self, known: Collection[str]) -> Reading:
        """The same without titles above the header, where it is certain that there are any."""
        titles = titles_above(self.records, known)
        if not titles.count or not titles.certain:
            return self
        return replace(self, records=self.records[titles.count :], begins=True)

    def has_values(self, header: bool) -> bool:
        """Whether it leaves any value. Where it does not, and the header has none of it, it is the value."""
        if not header or len(self.records[0]) == self.width:
            return True
        rows = self.records[1:]
        return not rows or any(cell for record in rows for cell in record)

    def score(self, header: bool) -> float:
        """How even the records are, how many columns are of one kind, and no quotes that are torn apart."""
        rows = self.records[1:] if header and len(self.records) > 1 else self.records
        columns = list(zip(*(row for row in rows if len(row) == self.width), strict=True))
        # A column of numbers or dates is no accident; one of texts says nothing.
        typed = sum(any(column) and all(map(is_typed, column)) for column in columns)
        torn = sum(any(_is_torn(cell or "") for cell in record) for record in self.records)
        return self.evenness + typed / max(1, len(columns)) - torn / len(self.records)

    def shown(self) -> str:
        """How it is told in an error."""
        return f"{NAMES[self.delimiter]}: {self.width} columns, {shown(self.records[0])}"


def detect_delimiter(
    sample: str,
    newline: str,
    limit: int,
    complete: bool,
    name: str,
    *,
    header: bool = True,
    known: Collection[str] = (),
) -> str:
    """The delimiter; a comma when there is one column. Raises E_FILE_DELIMITER_UNSURE when in doubt.

    `known` are the headings of the table that is there already, or, without a header, its columns.
    """
    readings = [_read(each, sample, newline, limit, complete) for each in CANDIDATES]
    wide = [each for each in readings if each.records and each.width > 1 and each.has_values(header)]
    if known:
        as_the_table = [each for each in wide if _is_of(each, known, header)]
        if len(as_the_table) == 1:
            return as_the_table[0].delimiter
    if header and not any(each.fits_header() for each in wide):
        below = [each.below_titles(known) for each in readings if each.records]
        wide = [each for each in below if each.width > 1 and each.has_values(header)]
    if header and any(each.fits_header() for each in wide):
        wide = [each for each in wide if each.fits_header()]
    if not wide:
        # Where titles are more than rows, one column is what most lines have: which is the header is asked.
        below = [each for each in readings if header and each.records and titles_above(each.records).count]
        return below[0].delimiter if below else ","
    ranked = sorted(wide, key=lambda each: each.score(header), reverse=True)
    best, *others = ranked
    if others and best.score(header) - others[0].score(header) < MARGIN:
        raise DataLabError(
            "E_FILE_DELIMITER_UNSURE",
            f"{name} can be read in two ways: by {best.shown()}; or by {others[0].shown()}",
            "say which: --delimiter, or source.delimiter in the table's contract",
        )
    return best.delimiter


def _is_torn(cell: str) -> bool:
    """Whether a cell looks like a piece of several, of which one was quoted."""
    return cell.count('"') % 2 == 1 or BESIDE_QUOTE.search(cell) is not None


def _read(delimiter: str, sample: str, newline: str, limit: int, complete: bool) -> Reading:
    records: list[list[str | None]] = []
    problems, begins = 0, True
    for _, _, record in Records(Dialect(delimiter, newline), limit).split(sample, complete):
        if isinstance(record, str):
            problems, begins = problems + 1, begins and bool(records)
        elif record != [None]:
            records.append(record)
        if len(records) + problems >= RECORDS:
            break
    return Reading(delimiter, records, problems, begins)


def _is_of(reading: Reading, known: Collection[str], header: bool) -> bool:
    """Whether a reading gives the columns of the table: by its headings, or by how many there are."""
    if not header:
        return reading.width == len(known)
    headings = {loosely(cell or "") for cell in reading.records[0]}
    return len(headings & {loosely(each) for each in known}) * 2 > len(headings)
