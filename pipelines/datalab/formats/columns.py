"""Column names: what a header becomes, and the columns that say where a row comes from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from datalab.errors import DataLabError

# Added to every bronze row. The last two are set only on rows that could not be split into fields.
LINEAGE = ("_source_file", "_row_number", "_ingested_at", "_run_id", "_content_hash")
MALFORMED = ("_raw", "_problem")
RESERVED = (*LINEAGE, *MALFORMED, "_reasons")

MAX_NAME = 120


def clean_names(header: Sequence[str | None]) -> list[str]:
    """Turn a header into column names that every reader of the lake accepts.

    Surrounding space goes, what is neither letter, digit nor _ becomes _, an empty name becomes column_<n>,
    a leading digit gets col_ in front. Names that are equal but for case get _2, _3, ... in their order.
    """
    names: list[str] = []
    # Names that stay as they are keep them: a later "a_2" is not displaced by a repeated "a".
    plain = [_clean(each, n) for n, each in enumerate(header, 1)]
    counts: dict[str, int] = {}
    for name in plain:
        counts[name.lower()] = counts.get(name.lower(), 0) + 1
    taken = {name.lower() for name in RESERVED} | set(counts)
    seen: set[str] = set()
    for name in plain:
        key = name.lower()
        if key in seen or key in RESERVED:
            name = _numbered(name, taken)
            key = name.lower()
            taken.add(key)
        seen.add(key)
        names.append(name)
    return names


def _clean(name: str | None, position: int) -> str:
    text = unicodedata.normalize("NFKC", name or "").replace("\ufeff", "").strip()
    text = re.sub(r"\W+", "_", text)
    if text.strip("_") == "":
        return f"column_{position}"
    if not name or not re.match(r"\s*_", name):
        text = text.lstrip("_")
    text = text.rstrip("_") if not (name or "").rstrip().endswith("_") else text
    if text[0].isdigit():
        text = f"col_{text}"
    return text[:MAX_NAME]


# Where a column of a bronze table keeps the heading that it was made from.
HEADING = "datalab.heading"


def match_existing(
    names: Sequence[str],
    headings: Sequence[str | None],
    existing: Mapping[str, str | None],
    where: str = "the file",
) -> list[str]:
    """The table's column for each column of a file; a column that it has not gets a name of its own.

    `names` and `headings` are the file's, `existing` the table's columns with the heading that each was made
    from, None where that is not known. The heading decides, never the place: first one that is equal, then
    one that is equal but for case, spaces, hyphens, dots and underscores. Where no heading is known, the name
    decides. Raises E_SCHEMA_AMBIGUOUS where two headings may be one column.
    """
    found: list[str | None] = [None] * len(names)
    free = {name: heading for name, heading in existing.items() if name not in RESERVED}

    def take(position: int, name: str) -> None:
        found[position] = name
        del free[name]

    # Columns of one heading keep their order: nothing else tells them apart.
    equal = _by((heading, name) for name, heading in free.items() if heading is not None)
    called = {name.lower(): name for name in free}
    for position, heading in enumerate(headings):
        if heading is None:
            same = called.get(names[position].lower())
            if same in free:
                take(position, str(same))
        elif equal.get(heading):
            take(position, equal[heading].pop(0))
    alike = _by((loosely(heading), name) for name, heading in free.items() if heading is not None)
    unknown = _by((name.lower(), name) for name, heading in free.items() if heading is None)
    offers = {
        position: alike.get(loosely(heading)) or unknown.get(_clean(heading, 0).lower()) or []
        for position, heading in enumerate(headings)
        if heading is not None and found[position] is None
    }
    claims = _by((name, str(headings[position])) for position, offered in offers.items() for name in offered)
    for position, offered in offers.items():
        if len(offered) > 1 or any(len(claims[name]) > 1 for name in offered):
            rivals = dict.fromkeys(heading for name in offered for heading in claims[name])
            raise DataLabError(
                "E_SCHEMA_AMBIGUOUS",
                f"{where}: which column is meant by {' and '.join(map(repr, rivals))}? "
                f"The table has {', '.join(offered)}",
                "spell the headings as in the table's first file, or ingest this one into another table",
            )
        if offered:
            take(position, offered[0])
    taken = {name.lower() for name in (*existing, *RESERVED)}
    for position, name in enumerate(names):
        if found[position] is None:
            heading = headings[position]
            own = _numbered(name if heading is None else _clean(heading, position + 1), taken)
            found[position] = own
            taken.add(own.lower())
    return [str(name) for name in found]


def _by(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return grouped


def loosely(heading: str) -> str:
    """A heading without case, and with one _ for spaces, hyphens, dots and underscores."""
    text = unicodedata.normalize("NFKC", heading).replace("\ufeff", "").casefold()
    return re.sub(r"[\s_.-]+", "_", text).strip("_")


def _numbered(name: str, taken: set[str]) -> str:
    """The name, or the next free one of name_2, name_3, ..."""
    if name.lower() not in taken:
        return name
    n = 2
    while f"{name}_{n}".lower() in taken:
        n += 1
    return f"{name}_{n}"
