"""Reads JSON that strangers send: what one odd character or value spoils is that, not the document around it."""

import json
import math
import re
from typing import Any

import orjson

from opsbuddy_core.errors import MalformedError

BOM = b"\xef\xbb\xbf"
LONGEST_NUMBER = 400  # digits; a float has no room for so many
MOST_MARKS = 500_000  # of a document that is mended: a large one of nothing but brackets is not worth the time
DEEPEST = 100  # deeper than any check allows, and far from where readers give up
# possessive, and a text may lack its end: each character is looked at once, whatever follows
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class TooDeepError(ValueError):
    """A document is nested too deep."""


def loads(raw: bytes) -> Any:
    """Return the document. Bytes that are no UTF-8 and halves of surrogate pairs become U+FFFD.

    What a field's own check is to refuse is read as something that it does refuse: NaN and infinity as they are, a number that nothing
    could hold as infinity, a value nested without end as one that is nested deep. A byte order mark is no part of the document.
    """
    raw = raw.removeprefix(BOM)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as strict:
        text = raw.decode("utf-8", "replace")
        try:
            try:
                return _lenient(text)
            except RecursionError:
                return _lenient(_shallow(text))
        except ValueError:
            reason = "it is not UTF-8" if "UTF-8" in str(strict) else strict
            raise MalformedError(f"The body is no valid JSON: {reason}. Send one JSON document.") from strict


def dumps(value: Any) -> str:
    """Return strict JSON text: no NaN, no infinity. A ValueError for what JSON cannot say."""
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise ValueError(f"cannot be kept as JSON: {error}") from error


def plain(value: Any) -> Any:
    """Return what is left of a Python value when it is written as JSON: what JSON does not know becomes its `str`."""
    return orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))


def check(value: Any, depth: int) -> None:
    """Raise TooDeepError if a document is nested deeper than `depth`, ValueError if it has a number that JSON cannot say."""
    level = [value]
    for _ in range(depth + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
            elif isinstance(each, float) and not math.isfinite(each):
                raise ValueError("holds NaN or infinity, which JSON cannot say")
        if not below:
            return
        level = below
    raise TooDeepError(f"is nested deeper than {depth} levels")


def _lenient(text: str) -> Any:
    return _mended(json.loads(text, parse_int=_whole))


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else float(digits)


def _shallow(text: str) -> str:
    """Return the document with null for all that is nested deeper than `DEEPEST`."""
    kept: list[str] = []
    depth = begun = 0
    for count, token in enumerate(TOKENS.finditer(text)):
        if count == MOST_MARKS:
            raise ValueError("too many brackets")
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept += (text[begun : token.start()], "null")
        elif mark in "]}":
            depth -= 1
            if depth == DEEPEST:
                begun = token.end()
    if depth:
        raise ValueError("not all brackets are closed")
    return "".join((*kept, text[begun:]))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_mended(each) for each in value]
    return value
