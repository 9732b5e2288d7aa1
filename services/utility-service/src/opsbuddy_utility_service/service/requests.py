"""Reads what a caller sent for a command: a form, or a JSON document."""

import math
import re
from typing import Any

from opsbuddy_core import exact_json
from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.commands import Request

MEMBERS = ("command", "template", "params", "timeout")
LONGEST = 86_400.0
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
MAX_DOCUMENT = exact_json.MAX_BYTES


def from_json(document: bytes) -> Request:
    """Return the request of a JSON document. Raises InvalidRequestError that names the member."""
    return _request(exact_json.parse_object(document, "body", max_bytes=MAX_DOCUMENT))


def from_form(fields: list[tuple[str, str]]) -> Request:
    """Return the request of a form; `params` is a JSON object there."""
    members: dict[str, Any] = {}
    for name, text in fields:
        if name in members:
            refuse(name, "it is there twice")
        members[name] = exact_json.parse_object(text.encode(), name) if name == "params" and text else text
    if "timeout" in members:
        members["timeout"] = _number(members["timeout"])
    return _request(members)


def _request(members: dict[str, Any]) -> Request:
    for name in members:
        if name not in MEMBERS:
            refuse(name, f"no such member; there are {', '.join(MEMBERS)}")
    command, template = members.get("command"), members.get("template")
    if (command is None) == (template is None):
        refuse("command", "send either a command, or a template with its params")
    for name, value in (("command", command), ("template", template)):
        if value is not None and not isinstance(value, str):
            refuse(name, "expected text")
    params = members.get("params")
    params = {} if params is None else params
    if not isinstance(params, dict):
        refuse("params", "expected an object, parameter to value")
    if params and template is None:
        refuse("params", "they belong to a template; in a command the values are among the words")
    return Request(command, template, params, _timeout(members.get("timeout")))


def _timeout(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        refuse("timeout", f"expected seconds, more than 0 and at most {LONGEST:.0f}")
    return float(value)


def _number(text: str) -> float | None:
    """Return the number that a form writes, NaN for what is none; Python alone would take 1_0 and the digits of other scripts."""
    if not text.strip():
        return None
    return float(text) if NUMBER.fullmatch(text.strip()) else math.nan
