"""From the bytes of a request to points: each one is judged on its own."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from opsbuddy_core import documents, timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError, TooLargeError
from opsbuddy_timeseries_service import lineprotocol
from opsbuddy_timeseries_service.models.points import MAX_ITEMS, Point, PointError

WORDS = {"extra_forbidden": "is no field of a point", "missing": "is missing"}


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
    lines = raw.decode("utf-8", "replace").split("\n")
    intake, stamp = Intake(), lineprotocol.Stamp(precision, timestamps.now())
    for index, line in enumerate(lines):
        text = line.strip("\r \t")
        if not text or text.startswith("#"):
            continue
        try:
            _take(intake, index, lineprotocol.parse(text, stamp))
        except lineprotocol.LineError as error:
            intake.errors.append(PointError(error.field, error.reason, "line_invalid", index))
    return intake


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
        intake.errors.extend(reasons(index, error))
    else:
        intake.positions.append(index)


def reasons(index: int, error: ValidationError) -> list[PointError]:
    """Return what pydantic found, in the words that senders see."""
    return [
        PointError(
            ".".join(map(str, each["loc"])) or "point",
            WORDS.get(each["type"], each["msg"].removeprefix("Value error, ")),
            each["type"],
            index,
        )
        for each in error.errors(include_url=False, include_input=False)
    ]
