"""Column names: what a header becomes, and the columns that say where a row comes from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

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
            n = 2
            while f"{key}_{n}" in taken:
                n += 1
            name = f"{name}_{n}"
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


def match_existing(names: Iterable[str], existing: Iterable[str]) -> list[str]:
    """Spell names as the table already does: columns are the same when they are equal but for case."""
    known = {name.lower(): name for name in existing}
    return [known.get(name.lower(), name) for name in names]
