"""From the bytes of a request to logs: each item is judged on its own.

`LogEntry` is the judge. What nearly every log looks like is recognised without it, because it would take most of the time that a log costs: a whole
body by `plain`, else each item by `_plain`. Whatever is not recognised goes to the judge, so that there is one verdict.
"""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from opsbuddy_analytics_service.models import (
    LEVELS,
    MAX_ITEMS,
    MAX_MESSAGE,
    EntryError,
    LogEntry,
    NewLog,
    reasons,
)
from opsbuddy_analytics_service.models.entries import DataError, document, is_blank
from opsbuddy_analytics_service.service import plain
from opsbuddy_core import documents, timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError, MalformedError, TooLargeError

LINE = re.compile(rb"\S[^\n]*")  # without an object for each blank line: a body can hold millions of them
MOST_MEMBERS = 30  # of an item: to name each of very many would take all the time and memory
SHOWN_ERRORS = 1000
WORDS = {
    "bad_characters": "has control characters or marks that turn the direction of text, or a service a backslash",
    "missing": "is missing",
    "not_an_object": "is no JSON object",
    "unknown_field": "is no field of a log; put it into data",
}
LABEL, NAME = 256, 128
KNOWN_LEVELS = frozenset(LEVELS)
OPTIONAL = ("operation", "request_id", "trace_id", "event_id")


@dataclass(frozen=True, slots=True)
class Intake:
    """What a body held: valid logs, and what was wrong with the others."""

    entries: list[NewLog]
    rejections: list[EntryError]
    body: bytes = b""


def from_json(raw: bytes) -> Intake:
    """Read `{"logs": [...]}` or a bare list."""
    if (logs := plain.batch(raw)) is not None:
        return Intake(logs, [], raw)
    parsed = documents.loads(raw)
    items = parsed.get("logs") if isinstance(parsed, dict) else parsed
    if not isinstance(items, list):
        raise InvalidRequestError(
            'Expected {"logs": [...]} or a list of logs. A single log goes to /logs/single.',
            errors=[FieldError("logs", "is no list", "not_a_list")],
        )
    _count(len(items))
    return _judge(map(judge, items, itertools.count()), raw)


def from_lines(raw: bytes) -> Intake:
    """Read one JSON object a line; blank lines do not count."""
    lines = [found[0] for found in itertools.islice(LINE.finditer(raw), MAX_ITEMS + 1)]
    _count(len(lines))
    return _judge(map(_line, range(len(lines)), lines), raw)


def from_single(raw: bytes) -> NewLog:
    """Read one log. Raises InvalidRequestError that names each field."""
    verdict = judge(documents.loads(raw), 0)
    if isinstance(verdict, NewLog):
        return verdict
    names = ", ".join(dict.fromkeys(each.field for each in verdict))
    raise InvalidRequestError(
        f"The log cannot be stored because of {names}. See errors for the reasons.",
        errors=[FieldError(each.field, each.reason, each.code) for each in verdict],
    )


def plain_single(raw: bytes) -> NewLog | None:
    """Read one log if it is plainly right; None for `from_single` to look at it."""
    if (log := plain.one(raw)) is not None:
        return log
    try:
        return _plain(orjson.loads(raw))
    except orjson.JSONDecodeError:
        return None


def judge(item: Any, index: int = 0) -> NewLog | list[EntryError]:
    """Return the log that an item is, or all that is wrong with it."""
    if (log := _plain(item)) is not None:
        return log
    if type(item) is dict and len(item) > MOST_MEMBERS:
        reason = f"has {len(item)} fields, and a log {len(NewLog._fields)}; put the others into data"
        return [EntryError("log", reason, "unknown_field", index)]
    try:
        entry = LogEntry.model_validate(item)
    except ValidationError as error:
        return [_reason(index, each) for each in error.errors(include_url=False, include_input=False)]
    return NewLog(*(getattr(entry, name) for name in NewLog._fields))


def _count(items: int) -> None:
    if items > MAX_ITEMS:
        raise TooLargeError(
            f"There are more than the {MAX_ITEMS} logs in one request that are taken. Send several requests.",
            limit=MAX_ITEMS,
            code="too_many_logs",
        )


def _line(index: int, line: bytes) -> NewLog | list[EntryError]:
    try:
        return judge(documents.loads(line), index)
    except MalformedError:
        return [EntryError("line", "is no JSON", "not_json", index)]


def _judge(verdicts: Iterable[NewLog | list[EntryError]], raw: bytes) -> Intake:
    """Put verdicts together. Of an item beyond those that are shown one reason is kept, which counts it."""
    entries: list[NewLog] = []
    rejections: list[EntryError] = []
    for verdict in verdicts:
        if isinstance(verdict, NewLog):
            entries.append(verdict)
        else:
            rejections += verdict if len(rejections) < SHOWN_ERRORS else verdict[:1]
    return Intake(entries, rejections, raw)


def _plain(item: Any) -> NewLog | None:  # noqa: C901, PLR0911 - each log goes through it: calls would cost more than they explain
    """Return the log if each field is plainly right, None for the judge to look at it."""
    if type(item) is not dict:
        return None
    get: Callable[[str], Any] = item.get
    stamp, level, logger, message, service = (
        get("timestamp"),
        get("level"),
        get("logger"),
        get("message"),
        get("service"),
    )
    if level not in KNOWN_LEVELS if type(level) is str else True:
        return None
    if not (_label(logger, LABEL) and _label(service, NAME)) or "\\" in service:
        return None
    if type(message) is not str or len(message) > MAX_MESSAGE or "\x00" in message or type(stamp) is not str:
        return None
    found, rest = 5, []
    for name in OPTIONAL:
        value = get(name)
        if value is None:
            found += name in item
        elif _label(value, LABEL):
            found += 1
        else:
            return None
        rest.append(value)
    data = get("data")
    if "data" in item:
        found += 1
    if found != len(item) or (data is not None and type(data) is not dict):
        return None
    try:
        kept = document(data) if data else None
        return NewLog(
            timestamps.parse(stamp), level, logger, message, service, rest[0], kept, rest[1], rest[2], rest[3]
        )
    except (DataError, timestamps.TimestampError):
        return None


def _label(value: Any, longest: int) -> bool:
    if type(value) is not str or not 0 < len(value) <= longest or not value.isprintable():
        return False
    return not value.isspace() if value.isascii() else not is_blank(value)


def _reason(index: int, error: Any) -> EntryError:
    code = reasons.code(error["type"])
    reason = WORDS.get(code, error["msg"].removeprefix("Value error, "))
    return EntryError(".".join(map(str, error["loc"])) or "log", reason, code, index)
