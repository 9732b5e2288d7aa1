"""Flux queries put together from values, never from text that a caller wrote: every value goes through a function here that makes a literal of it."""

import re
from collections.abc import Iterable
from typing import Literal, Self

from typing_extensions import override

from opsbuddy_core import timestamps

SLASH = re.compile(r"\\.|[/\n\r\t]", re.DOTALL)  # what a backslash escapes already, or what has to be escaped
CONTROLS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
Aggregate = Literal["mean", "min", "max", "sum", "count", "first", "last"]


def text(value: str) -> str:
    """Return a string literal."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def texts(values: Iterable[str]) -> str:
    """Return an array of string literals."""
    return f"[{', '.join(map(text, values))}]"


def part(value: str) -> str:
    """Return a regular expression that finds a part as it stands; upper and lower case of A to Z are the same."""
    return "/" + "".join(map(_character, value)) + "/"


def expression(pattern: str) -> str:
    """Return a regular expression that a whole text has to fit; InfluxDB's syntax is RE2's, and a slash ends the literal."""
    return f"/^(?s:{SLASH.sub(_escaped, pattern)})$/"


def _escaped(match: re.Match[str]) -> str:
    if match[0] == "/":
        return "\\/"
    return CONTROLS.get(match[0], match[0])


def _character(value: str) -> str:
    if not value.isascii() or value.isdigit():
        return value
    if value.isalpha():
        return f"[{value.lower()}{value.upper()}]"
    return f"\\{value}" if value.isprintable() else CONTROLS.get(value, f"\\x{ord(value):02x}")


class Flux:
    """One query, step by step, in the order in which InfluxDB can work it off near the data: range and filters first."""

    def __init__(self, bucket: str, start: int, end: int) -> None:
        self._steps = [
            f"from(bucket: {text(bucket)})",
            f"range(start: {timestamps.render(start)}, stop: {timestamps.render(end)})",
        ]

    def where(self, column: str, *values: str) -> Self:
        """Keep rows whose column has one of the values."""
        return self._filter(" or ".join(f"r[{text(column)}] == {text(value)}" for value in values))

    def has_part(self, column: str, value: str) -> Self:
        """Keep rows whose column holds the text."""
        return self._filter(f"r[{text(column)}] =~ {part(value)}")

    def there(self, column: str) -> Self:
        """Keep rows whose column has a value, and not an empty text."""
        return self._filter(f'exists r[{text(column)}] and r[{text(column)}] != ""')

    def tag_is(self, name: str, values: Iterable[str], *, missing: bool) -> Self:
        """Keep rows whose tag has one of the values; `missing`: also those without the tag."""
        return self._tag(name, " or ".join(f"r[{text(name)}] == {text(value)}" for value in values), missing=missing)

    def tag_is_not(self, name: str, values: Iterable[str], *, missing: bool) -> Self:
        """Keep rows whose tag has none of the values; `missing`: also those without the tag."""
        return self._tag(name, " and ".join(f"r[{text(name)}] != {text(value)}" for value in values), missing=missing)

    def tag_fits(self, name: str, pattern: str, *, missing: bool) -> Self:
        """Keep rows whose tag fits the expression as a whole; `missing`: also those without the tag."""
        return self._tag(name, f"r[{text(name)}] =~ {expression(pattern)}", missing=missing)

    def tag_fits_not(self, name: str, pattern: str, *, missing: bool) -> Self:
        """Keep rows whose tag does not fit the expression as a whole; `missing`: also those without the tag."""
        return self._tag(name, f"r[{text(name)}] !~ {expression(pattern)}", missing=missing)

    def since(self, time: int) -> Self:
        """Keep rows from a time on."""
        return self._filter(f"r._time >= {timestamps.render(time)}")

    def rows(self) -> Self:
        """Put the fields of one time into one row."""
        return self._add('pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")')

    def named(self, column: str, name: str) -> Self:
        """Give a column another name."""
        return self._add(f"rename(columns: {{{text(column)}: {text(name)}}})")

    def copy(self, column: str, name: str) -> Self:
        """Have a column a second time, under another name."""
        return self._add(f"duplicate(column: {text(column)}, as: {text(name)})")

    def group(self, columns: Iterable[str] = ()) -> Self:
        return self._add(f"group(columns: {texts(columns)})")

    def sort(self, *columns: str, descending: bool = False) -> Self:
        return self._add(f"sort(columns: {texts(columns)}, desc: {str(descending).lower()})")

    def limit(self, rows: int) -> Self:
        return self._add(f"limit(n: {rows:d})")

    def window(self, every: int, aggregate: Aggregate) -> Self:
        """Make one row of each bucket of `every` nanoseconds that has any; `_time` is where it starts, or where the range does."""
        return self._add(f'aggregateWindow(every: {every:d}ns, fn: {aggregate}, createEmpty: false, timeSrc: "_start")')

    def percentile(self, every: int, fraction: float) -> Self:
        """Make one row of each bucket that has any: the exact percentile, between two values in proportion."""
        function = f'(column, tables=<-) => tables |> quantile(column: column, q: {fraction!r}, method: "exact_mean")'
        return self._add(f'aggregateWindow(every: {every:d}ns, fn: {function}, createEmpty: false, timeSrc: "_start")')

    def growth(self) -> Self:
        """Make of each value what a counter grew by since the one before; null of the first. A smaller value is a counter that began anew."""
        return self._add("difference(nonNegative: true, initialZero: true, keepFirst: true)")

    def last(self) -> Self:
        return self._add("last()")

    def count(self) -> Self:
        return self._add("count()")

    def sum(self) -> Self:
        return self._add("sum()")

    def keep(self, *columns: str) -> Self:
        return self._add(f"keep(columns: {texts(columns)})")

    def distinct(self, column: str) -> Self:
        return self._add(f"distinct(column: {text(column)})")

    def _tag(self, name: str, condition: str, *, missing: bool) -> Self:
        there = f"exists r[{text(name)}]"
        return self._filter(f"not {there} or ({condition})" if missing else f"{there} and ({condition})")

    def _filter(self, condition: str) -> Self:
        return self._add(f"filter(fn: (r) => {condition})")

    def _add(self, step: str) -> Self:
        self._steps.append(step)
        return self

    @override
    def __str__(self) -> str:
        return "\n  |> ".join(self._steps)
