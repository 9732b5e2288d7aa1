"""JSON that is kept as it was sent, or refused: every store and every client of ours gives the same value back."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from opsbuddy_core.errors import FieldError, InvalidRequestError

BODY = "body"  # what a whole request is called: its members have their own names
MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
INTEGERS = range(-(2**63), 2**63)
MAX_DIGITS = 400
# possessive, and a text may lack its end: each character is looked at once, whatever follows
TOKENS = re.compile(r'"((?:[^"\\]|\\.)*+)"?|([\[{])|([\]}])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Number:
    digits: str
    whole: bool


class _Members(list[tuple[str, Any]]):
    """An object before anybody looked for a name that is there twice."""


def parse(document: bytes, field: str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value, or raise InvalidRequestError that names the place: `field` is the part of the request it came from."""
    if len(document) > max_bytes:
        refuse(field, f"{len(document)} bytes of JSON; at most {max_bytes} are kept")
    try:
        text = document.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        refuse(field, "not UTF-8")
    _refuse_deep(text, field, max_depth)
    try:
        raw = json.loads(
            text,
            parse_int=lambda digits: _Number(digits, whole=True),
            parse_float=lambda digits: _Number(digits, whole=False),
            parse_constant=lambda name: _Number(name, whole=False),
            object_pairs_hook=_Members,
        )
    except json.JSONDecodeError as error:
        refuse(field, f"no valid JSON: {error.msg} at character {error.pos}")
    return _kept(raw, field)


def parse_object(document: bytes, field: str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Like `parse`, for what must be a JSON object."""
    value = parse(document, field, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        refuse(field, 'expected a JSON object, for example {"category": "logs"}')
    return value


def refuse(field: str, reason: str) -> NoReturn:
    """Raise the error for one field that cannot be used."""
    name = field.encode("ascii", "backslashreplace").decode()[:100] if not field.isprintable() else field[:100]
    raise InvalidRequestError(f"{name} cannot be used: {reason}.", errors=[FieldError(name, reason)]) from None


def _refuse_deep(text: str, field: str, max_depth: int) -> None:
    depth, last = 0, ""
    for token in TOKENS.finditer(text):
        name, opening, _ = token.groups()
        if name is not None:
            last = name if depth == 1 else last
        else:
            depth += 1 if opening else -1
            if depth > max_depth:
                inside = last and field == BODY  # a member is named without the body, and has a level less
                refuse(_member(field, last) if last else field, f"nested deeper than {max_depth - bool(inside)} levels")


def _member(place: str, name: str) -> str:
    return name if place == BODY else f"{place}.{name}"


def _kept(raw: Any, place: str) -> Any:
    if isinstance(raw, str):
        return checked_text(raw, place)
    if isinstance(raw, _Number):
        return _number(raw, place)
    if isinstance(raw, _Members):
        found: dict[str, Any] = {}
        for name, value in raw:
            if name in found:
                refuse(_member(place, name), "it is there twice in one object")
            found[checked_text(name, _member(place, name))] = _kept(value, _member(place, name))
        return found
    if isinstance(raw, list):
        return [_kept(value, f"{place}[{index}]") for index, value in enumerate(raw)]
    return raw


def checked_text(text: str, place: str) -> str:
    """Return a text that every store keeps, or raise InvalidRequestError that names the place."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        refuse(place, "it has a NUL character or half of a surrogate pair, which are no text")
    return text


def _number(number: _Number, place: str) -> int | float:
    digits = number.digits
    if digits.strip("-").isalpha():
        refuse(place, f"{digits} is no JSON number")
    if len(digits) <= MAX_DIGITS:
        if number.whole and int(digits) in INTEGERS:
            return int(digits)
        value = float(digits)
        if not number.whole and abs(value) != float("inf") and Decimal(repr(value)) == Decimal(digits):
            return value
    refuse(place, f"the number {digits[:24]} is larger or finer than numbers are kept; send it as a string")
