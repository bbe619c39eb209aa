"""The encoding of a text without a mark: declared, seen from its bytes, or refused where it can't be told."""

from __future__ import annotations

import codecs

from datalab.errors import DataLabError

# So many letters that are not ASCII tell one encoding from another.
ENOUGH = 64
WESTERN = {"cp1252", "iso8859-1", "iso8859-15", "cp1254", "iso8859-9"}


def known_codec(encoding: str, name: str) -> str:
    """The codec of a declared encoding; `name` is the file's. Raises E_FILE_ENCODING."""
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise DataLabError(
            "E_FILE_ENCODING",
            f'"{encoding}" is not an encoding ({name})',
            "for example utf-8, cp1252, utf-16",
        ) from None
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(codec, codec)


def wide_codec(head: bytes, whole: bool) -> str | None:
    """UTF-16 without a mark: every second byte of Western text is 0. `whole`: the file is no longer."""
    if len(head) < 4 or (whole and len(head) % 2):
        return None
    even, odd = head[0::2], head[1::2]
    zero_even, zero_odd = even.count(0) / len(even), odd.count(0) / len(odd)
    if zero_odd > 0.4 and zero_even < 0.05:
        return "utf-16-le"
    if zero_even > 0.4 and zero_odd < 0.05:
        return "utf-16-be"
    return None


def likeliest_codec(sample: bytes, western: str, name: str) -> str:
    """The codec of bytes that are no UTF-8; `western` is what it is if they are a Western text.

    Raises E_FILE_ENCODING_UNSURE where they may be of another language, and are too few to tell.
    """
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    if high > len(sample) * 0.15:
        # Not a Western text with an accent here and there: ask the detector.
        import charset_normalizer

        best = charset_normalizer.from_bytes(sample).best()
        if best is not None and best.encoding not in ("ascii", "utf_8"):
            found = codecs.lookup(best.encoding).name
            if found not in WESTERN and high < ENOUGH:
                raise DataLabError(
                    "E_FILE_ENCODING_UNSURE",
                    f"{name} is no UTF-8, and too short to tell in which encoding it is: "
                    f"{_shown(sample, western)} in {western}, {_shown(sample, found)} in {found}",
                    "say which: --encoding, or source.encoding in the table's contract",
                )
            return found
    return western


def _shown(sample: bytes, codec: str) -> str:
    text = sample.decode(codec, "replace")
    at = next((n for n, letter in enumerate(text) if not letter.isascii()), 0)
    return repr(text[max(0, at - 8) : at + 16])
