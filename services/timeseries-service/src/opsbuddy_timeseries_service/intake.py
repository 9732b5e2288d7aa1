"""From the bytes of a request to points: each one is judged on its own."""

import codecs
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from opsbuddy_core import documents, timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError, TooLargeError
from opsbuddy_timeseries_service import lineprotocol
from opsbuddy_timeseries_service.models.points import MAX_FIELDS, MAX_ITEMS, Point, PointError
from opsbuddy_timeseries_service.models.values import MAX_TAGS

SHOWN_ERRORS = 1000
MOST = {"tags": MAX_TAGS, "fields": MAX_FIELDS}
ESCAPED = re.compile(rb"\\.", re.DOTALL)
WORDS = {
    "extra_forbidden": "is no field of a point",
    "missing": "is missing",
    "string_pattern_mismatch": "has control characters, or characters that turn the direction of text",
    "string_too_long": "has more than {max_length} characters",
    "string_too_short": "is empty",
    "too_long": "has more than {max_length} entries",
    "too_short": "is empty",
}


@dataclass(frozen=True, slots=True)
class Intake:
    """What a body held: valid points with their positions, and what was wrong with the others."""

    points: list[Point] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    errors: list[PointError] = field(default_factory=list)


def from_json(raw: bytes) -> Intake:
    """Read `{"points": [...]}` or a bare list."""
    document = documents.loads(raw)
    items = document.get("points") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise InvalidRequestError(
            'Expected {"points": [...]} or a list of points.', errors=[FieldError("points", "is no list", "list_type")]
        )
    count(len(items))
    intake = Intake()
    for index, item in enumerate(items):
        _take(intake, index, item)
    return intake


def from_lines(raw: bytes, precision: str) -> Intake:
    """Read line protocol. Positions are those of the lines in the body, from 0; blank lines and comments count, but hold no point."""
    count(raw.count(b"\n") + 1)  # before there is an object for each
    lines = raw.removeprefix(codecs.BOM_UTF8).split(b"\n")
    intake, stamp = Intake(), lineprotocol.Stamp(precision, timestamps.now())
    index = 0
    while index < len(lines):
        index += _take_line(intake, lines, index, stamp)
    return intake


def _take_line(intake: Intake, lines: list[bytes], index: int, stamp: lineprotocol.Stamp) -> int:
    """Take the point that begins with this line; returns how many lines it has: a text in quotation marks may have breaks in it."""
    text, taken = lines[index].strip(b"\r \t"), 1
    if not text or text.startswith(b"#"):
        return taken
    try:
        try:
            item = _parsed(text, stamp)
        except lineprotocol.LineError:
            taken = _until_closed(lines, index)
            if taken == 1:
                raise
            item = _parsed(b"\n".join(lines[index : index + taken]).strip(b"\r \t"), stamp)
    except lineprotocol.LineError as error:
        intake.errors.append(PointError(error.field, error.reason, "line_invalid", index))
        return 1  # what follows is judged by itself
    _take(intake, index, item)
    return taken


def _parsed(text: bytes, stamp: lineprotocol.Stamp) -> dict[str, Any]:
    try:
        return lineprotocol.parse(text.decode(), stamp)
    except UnicodeDecodeError:
        raise lineprotocol.LineError("line", "is no UTF-8") from None


def _until_closed(lines: list[bytes], index: int) -> int:
    """Return with how many lines a quotation that this one leaves open is closed, 1 if there is none."""
    is_open = False
    for following in range(index, len(lines)):
        is_open ^= ESCAPED.sub(b"", lines[following]).count(b'"') % 2 == 1
        if not is_open:
            return following - index + 1
    return 1


def count(items: int) -> None:
    """Refuse more points in one request than are taken. Raises TooLargeError."""
    if items > MAX_ITEMS:
        raise TooLargeError(
            f"There are {items} points in one request; at most {MAX_ITEMS} are taken. Send several requests.",
            limit=MAX_ITEMS,
        )


def _take(intake: Intake, index: int, item: Any) -> None:
    try:
        intake.points.append(Point.model_validate(item))
    except ValidationError as error:
        if len(intake.errors) < SHOWN_ERRORS:
            intake.errors.extend(_too_many(index, item) or reasons(index, error))
        else:
            intake.errors.append(
                PointError("point", f"is wrong, like the {SHOWN_ERRORS} that are named", "wrong", index)
            )
    else:
        intake.positions.append(index)


def _too_many(index: int, item: Any) -> list[PointError]:
    """Return that there is too much of something: to name each of very many would take all the time and memory."""
    parts = item if isinstance(item, dict) else {}
    found = [
        PointError(name, WORDS["too_long"].format(max_length=most), "too_long", index)
        for name, most in MOST.items()
        if isinstance(parts.get(name), dict) and len(parts[name]) > most
    ]
    if len(parts) > MAX_TAGS:
        found.append(
            PointError("point", f"has {len(parts)} members: {', '.join(Point.model_fields)} are all", "too_long", index)
        )
    return found


def reasons(index: int, error: ValidationError) -> list[PointError]:
    """Return what pydantic found, in the words that senders see."""
    return [
        PointError(
            ".".join(str(part) for part in each["loc"] if part != "[key]") or "point",
            WORDS.get(each["type"], "{said}").format(
                said=each["msg"].removeprefix("Value error, "), **each.get("ctx", {})
            ),
            each["type"],
            index,
        )
        for each in error.errors(include_url=False, include_input=False)
    ]
