"""If-Match and If-None-Match (RFC 9110 section 13) for configurations."""

import re
from collections.abc import Callable

from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.configs import Config

TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*)*')
TAG = re.compile(r'(?:W/)?"[^"]*"')


def expected(if_match: str | None) -> Callable[[Config], bool]:
    """Return whether a configuration is the one that the header means; a weak tag means none."""
    if if_match is None or if_match.strip() == "*":
        return lambda _: True
    tags = _tags(if_match, "If-Match")
    return lambda config: config.etag in tags


def known(if_none_match: str | None, config: Config) -> bool:
    """Return whether the client has this version already."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return config.etag in {tag.removeprefix("W/") for tag in _tags(if_none_match, "If-None-Match")}


def _tags(header: str, name: str) -> list[str]:
    if not TAGS.fullmatch(header):
        refuse(name, "expected * or ETags in quotation marks, as an answer's ETag header has them")
    return TAG.findall(header)
