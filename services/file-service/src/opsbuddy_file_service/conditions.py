"""Conditional requests (RFC 9110, section 13): no lost update, nothing sent twice. Entity tags alone; there are no dates to compare."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from opsbuddy_core.errors import FieldError, MalformedError, PreconditionFailedError

TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*')
EMPTY = re.compile(r"[\s,]*")  # a list may have empty members
ANY = "*"


@dataclass(frozen=True, slots=True)
class Conditions:
    """Tags as they stand in the fields, quoted; None: there is no such field. `("*",)`: any."""

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Conditions":
        """Read the fields of a request, or raise MalformedError that names one."""
        return cls(_tags("if-match", headers, weak=False), _tags("if-none-match", headers, weak=True))

    def check(self, *tags: str) -> None:
        """Raise PreconditionFailedError when what has these tags may not be written or read; no tags: there is nothing."""
        if self.if_match is not None and not _matches(self.if_match, tags):
            raise PreconditionFailedError(
                "The file is not what If-Match says: it was changed, or is gone. Read it again, then decide."
            )
        if self.if_none_match is not None and _matches(self.if_none_match, tags):
            raise PreconditionFailedError("There is such a file already, and If-None-Match asks for none.")

    def not_modified(self, tag: str) -> bool:
        """Say whether a reader has this already; raises PreconditionFailedError when If-Match asks for another."""
        Conditions(if_match=self.if_match).check(tag)
        return self.if_none_match is not None and _matches(self.if_none_match, (tag,))


def quoted(tag: str) -> str:
    """Return the field value of a strong tag."""
    return f'"{tag}"'


def _matches(wanted: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    return bool(tags) if wanted == (ANY,) else not set(wanted).isdisjoint(tags)


def _tags(name: str, headers: Mapping[str, str], *, weak: bool) -> tuple[str, ...] | None:
    value = headers.get(name)
    if value is None:
        return None
    if value.strip() == ANY:
        return (ANY,)
    found, position = [], _after_empty(value, 0)
    while match := TAG.match(value, position):
        if weak or not match[1]:  # If-Match compares strongly: a weak tag never matches
            found.append(match[2])
        position = match.end()
        if position == len(value):
            return tuple(found)
        if value[position] != ",":
            break
        position = _after_empty(value, position)
        if position == len(value):
            return tuple(found)
    raise MalformedError(
        f'{name} cannot be read; expected "*" or entity tags in double quotes, with commas between them.',
        errors=[FieldError(name, "no list of entity tags", "malformed")],
    )


def _after_empty(value: str, position: int) -> int:
    match = EMPTY.match(value, position)
    return match.end() if match else position
