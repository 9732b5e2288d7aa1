"""If-Match and If-None-Match (RFC 9110 section 13) for configurations."""

import re
from collections.abc import Callable

from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.configs import Config

MEMBER = re.compile(r'[\s,]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?=,|$)')  # a list may have empty members
REST = re.compile(r"[\s,]*")
Lines = list[str] | None
"""A field of a request, which may have several lines."""


def expected(if_match: Lines) -> Callable[[Config], bool]:
    """Return whether a configuration is the one that the header means; a weak tag means none."""
    if not if_match or if_match[0].strip() == "*":
        return lambda _: True
    tags = _tags(if_match, "If-Match")
    return lambda config: config.etag in tags


def known(if_none_match: Lines, config: Config) -> bool:
    """Return whether the client has this version already."""
    if not if_none_match:
        return False
    if if_none_match[0].strip() == "*":
        return True
    return config.etag in {tag.removeprefix("W/") for tag in _tags(if_none_match, "If-None-Match")}


def _tags(lines: list[str], name: str) -> list[str]:
    value, tags, position = ", ".join(lines), list[str](), 0
    while match := MEMBER.match(value, position):
        tags.append(match[1])
        position = match.end()
    if not tags or not REST.fullmatch(value, position):
        refuse(name, "expected * or ETags in quotation marks, as an answer's ETag header has them")
    return tags
