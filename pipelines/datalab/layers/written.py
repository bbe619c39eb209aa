"""How people write numbers and dates: what a contract's `format` says, and the SQL that reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from datalab.layers.infer import cast, literal

NUMBERS = ("bigint", "double", "decimal")
TIMES = ("date", "timestamp", "timestamptz")
THOUSANDS = (",", ".", " ", "'", "_")
KEYS = ("thousands", "decimal", "currency", "percent", "negative")


@dataclass(frozen=True)
class Written:
    """The format of a column; of a number, or, with a `pattern`, of a date or time as strptime takes it."""

    thousands: str | None = None
    decimal: str = "."
    currency: str | None = None
    percent: str | None = None  # fraction: 12.5% is 0.125; points: it is 12.5
    negative: str = "minus"  # minus: -1; parentheses: (1); trailing: 1-
    pattern: str | None = None

    def sql(self, value: str, kind: str) -> str:
        """SQL that gives the text `value` as `kind`, NULL where it is not written so."""
        if self.pattern is not None:
            # Other than a cast, strptime takes nothing but what the pattern says.
            time = f"try_strptime(trim({value}), {literal(self.pattern)})"
            # What reads the lake has no date before the year 1.
            return f"(CASE WHEN year({time}) > 0 THEN TRY_CAST({time} AS {kind.upper()}) END)"
        plain = self._plain(value)
        if self.percent != "fraction":
            return cast(plain, kind)
        if kind == "double":
            return cast(f"({plain} || 'e-2')", kind)
        precision, scale = decimal_of(kind)
        hundredths = cast(plain, f"decimal({precision},{scale - 2})")
        return f"TRY_CAST({hundredths} * 0.01 AS {kind.upper()})"

    def _plain(self, value: str) -> str:
        """SQL of the number as programs write it: -1234.5."""
        # No-break spaces stand between thousands as often as plain ones.
        text = f"trim(regexp_replace({value}, '[\\s\\x{{00A0}}\\x{{202F}}]', ' ', 'g'))"
        mark = re.escape(self.thousands) if self.thousands else ""
        whole = f"([0-9]{{1,3}}({mark}[0-9]{{3}})+|[0-9]+)" if mark else "[0-9]+"
        number = f"({whole}({re.escape(self.decimal)}[0-9]+)?|{re.escape(self.decimal)}[0-9]+)"
        sign = re.escape(self.currency) if self.currency else ""
        before, after = (f"({sign} ?)?", f"( ?{sign})?") if sign else ("", "")
        amount = before + "[+-]?" + number + (" ?%" if self.percent else "") + after
        forms = [f"[+-]?{amount}"]
        if self.negative == "parentheses":
            forms.append(rf"\({before}{number}{' ?%' if self.percent else ''}{after}\)")
        if self.negative == "trailing":
            forms.append(f"{before}{number}{' ?%' if self.percent else ''}{after} ?-")
        digits = f"regexp_extract({text}, '[0-9{self.decimal}](.*[0-9])?')"
        if self.thousands:
            digits = f"replace({digits}, {literal(self.thousands)}, '')"
        digits = f"replace({digits}, {literal(self.decimal)}, '.')"
        minus = f"(CASE WHEN regexp_matches({text}, '[-(]') THEN '-' ELSE '' END)"
        fits = f"regexp_full_match({text}, {literal('|'.join(forms))})"
        # Two signs, one on each side of the currency, are no number.
        once = f"length(regexp_replace({text}, '[^-+]', '', 'g')) < 2"
        return f"(CASE WHEN {fits} AND {once} THEN {minus} || {digits} END)"


def decimal_of(kind: str) -> tuple[int, int]:
    """Precision and scale of a decimal type."""
    precision, scale = kind[len("decimal(") : -1].split(",")
    return int(precision), int(scale)


def parse_written(given: object, kind: str | None) -> tuple[Written | None, list[tuple[str, str]]]:
    """The format that a contract gives a column of this type, and each problem with where it is.

    A number's format is a mapping, that of a date or time a pattern of strptime.
    """
    base = (kind or "").partition("(")[0]
    if base in TIMES:
        return _pattern(given, base)
    if base not in NUMBERS:
        return None, [("", "a format needs a type: a number, or a date or time")]
    if not isinstance(given, dict):
        return None, [("", f"expected a mapping of {', '.join(KEYS)} for a {base}, received {given!r}")]
    problems = [(str(key), f"unknown; known are {', '.join(KEYS)}") for key in given if key not in KEYS]

    def choice(key: str, known: tuple[str, ...], default: str | None) -> str | None:
        value = given.get(key, default)
        if value is not default and value not in known:
            problems.append((key, f"expected {' or '.join(map(repr, known))}, received {value!r}"))
            return default
        return value

    thousands = choice("thousands", THOUSANDS, None)
    point = choice("decimal", (".", ","), ".") or "."
    percent = choice("percent", ("fraction", "points"), None)
    negative = choice("negative", ("minus", "parentheses", "trailing"), "minus") or "minus"
    currency = given.get("currency")
    if currency is not None and not re.fullmatch(r"[^\d\s.,+()%'-]{1,5}", str(currency)):
        problems.append(("currency", f"expected a sign or a code such as $ or EUR, received {currency!r}"))
        currency = None
    if thousands == point:
        problems.append(("thousands", f"{thousands!r} is the decimal point already"))
    if percent == "fraction" and (base == "bigint" or (base == "decimal" and decimal_of(str(kind))[1] < 2)):
        expected = "a double, or decimal(p,s) with s >= 2"
        problems.append(("percent", f"expected {expected} for a fraction, received {kind}"))
    return Written(thousands, point, currency, percent, negative), problems


def _pattern(given: object, base: str) -> tuple[Written | None, list[tuple[str, str]]]:
    if not isinstance(given, str) or "%" not in given:
        return None, [("", f"expected a pattern such as %d.%m.%Y for a {base}, received {given!r}")]
    clock = re.findall(r"%-?[HIMSfgpTXcnz]", given)
    if base == "date" and clock:
        return None, [("", f"{' '.join(clock)} would be dropped from a date: make it a timestamp")]
    if base == "timestamptz" and not re.search("%z|%Z", given):
        return None, [("", "a timestamptz needs an offset in its texts, %z: without one make it a timestamp")]
    if base == "timestamp" and re.search("%z|%Z", given):
        return None, [("", "a timestamp has no offset: make it a timestamptz")]
    return Written(pattern=given), []
