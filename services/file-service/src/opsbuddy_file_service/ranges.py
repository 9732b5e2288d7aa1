"""Byte ranges of a content (RFC 9110, section 14)."""

import re
from dataclasses import dataclass
from itertools import pairwise

MOST = 16
UNIT = re.compile(r"\s*bytes\s*=", re.IGNORECASE)
SPEC = re.compile(r"\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


class UnsatisfiableError(Exception):
    """None of the ranges lies in the content."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to, without, `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start

    def of(self, size: int) -> str:
        """Return the Content-Range of this part of so many bytes."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a content is sent; nothing of it, the whole, or parts of it."""

    spans: tuple[Span, ...]
    partial: bool = False


def select(field: str | None, size: int) -> Selection:
    """Return what to send for a Range field. Raises UnsatisfiableError."""
    found = _spans(field, size)
    return Selection(tuple(found), partial=True) if found else Selection((Span(0, size),))


def _spans(field: str | None, size: int) -> list[Span]:
    """Return the parts that a Range field asks for; none: the whole is sent, as RFC 9110 has it for a field that is not understood.

    Many parts, or parts that overlap, cost more to send than the whole: they are not understood either. Raises UnsatisfiableError.
    """
    if field is None or not (unit := UNIT.match(field)):
        return []
    specs = [spec for spec in field[unit.end() :].split(",") if spec.strip()]
    if not 0 < len(specs) <= MOST:
        return []
    found = []
    for spec in specs:
        match = SPEC.fullmatch(spec)
        if not match or not (match[1] or match[2]):
            return []
        first, last = match.groups()
        if first and last and int(first) > int(last):
            return []
        start = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        if start < end:
            found.append(Span(start, end))
    if not found:
        raise UnsatisfiableError
    ordered = sorted(found, key=lambda span: span.start)
    if any(one.end > other.start for one, other in pairwise(ordered)):
        return []
    return found
