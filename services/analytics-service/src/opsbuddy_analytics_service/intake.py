"""From the bytes of a request to logs: each item is judged on its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from opsbuddy_analytics_service.models import MAX_ITEMS, EntryError, LogEntry
from opsbuddy_core import documents
from opsbuddy_core.errors import FieldError, InvalidRequestError, MalformedError, TooLargeError

WORDS = {"extra_forbidden": "is no field of a log; put it into data", "missing": "is missing"}


@dataclass(frozen=True, slots=True)
class Intake:
    """What a body held: valid logs with their positions, and what was wrong with the others."""

    entries: list[LogEntry]
    positions: list[int]
    rejections: list[EntryError]


def from_json(raw: bytes, key: str | None = None) -> Intake:
    """Read `{"logs": [...]}` or a bare list. With `key`, a log without event_id gets one of the key and its position."""
    document = documents.loads(raw)
    items = document.get("logs") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise InvalidRequestError(
            'Expected {"logs": [...]} or a list of logs. A single log goes to /logs/single.',
            errors=[FieldError("logs", "is no list", "list_type")],
        )
    _count(len(items))
    return _judge(list(enumerate(items)), [], key)


def from_lines(raw: bytes, key: str | None = None) -> Intake:
    """Read one JSON object a line; blank lines do not count."""
    lines = [line for line in raw.split(b"\n") if line.strip()]
    _count(len(lines))
    items: list[tuple[int, Any]] = []
    rejections: list[EntryError] = []
    for index, line in enumerate(lines):
        try:
            items.append((index, documents.loads(line)))
        except MalformedError as error:
            rejections.append(EntryError("line", error.detail, "json_invalid", index))
    return _judge(items, rejections, key)


def _count(items: int) -> None:
    if items > MAX_ITEMS:
        raise TooLargeError(
            f"There are {items} logs in one request; at most {MAX_ITEMS} are taken. Send several requests.",
            limit=MAX_ITEMS,
        )


def _judge(items: Sequence[tuple[int, Any]], rejections: list[EntryError], key: str | None) -> Intake:
    intake = Intake([], [], rejections)
    for index, item in items:
        try:
            entry = LogEntry.model_validate(item)
        except ValidationError as error:
            intake.rejections.extend(_reasons(index, error))
            continue
        if key and entry.event_id is None:
            entry = entry.model_copy(update={"event_id": f"{key}:{index}"})
        intake.entries.append(entry)
        intake.positions.append(index)
    intake.rejections.sort(key=lambda each: each.index)
    return intake


def _reasons(index: int, error: ValidationError) -> list[EntryError]:
    return [
        EntryError(
            ".".join(map(str, each["loc"])) or "log",
            WORDS.get(each["type"], each["msg"].removeprefix("Value error, ")),
            each["type"],
            index,
        )
        for each in error.errors(include_url=False, include_input=False)
    ]
