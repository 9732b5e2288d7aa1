"""YAML of JSON's types only: no dates, no yes and no, no references to other places.

It is read while it is parsed, so that a document costs no more than it is long.
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml
from typing_extensions import override

from opsbuddy_core import exact_json
from opsbuddy_core.exact_json import refuse

MAX_NESTING = 60
MAX_VALUES = 100_000
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # many times as fast where it is
PLAIN = {
    "tag:yaml.org,2002:bool": (re.compile(r"true|false", re.ASCII), "tf"),
    "tag:yaml.org,2002:null": (re.compile(r"null|~|", re.ASCII), ["n", "~", ""]),
    "tag:yaml.org,2002:int": (re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII), "-0123456789"),
    "tag:yaml.org,2002:float": (re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII), "-0123456789"),
}
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
NUMBER = PLAIN["tag:yaml.org,2002:float"][0]


class _Dumper(yaml.SafeDumper):
    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, (_pattern, _first) in PLAIN.items():  # texts that would be read as something else get quotation marks
    _Dumper.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern.pattern})$", re.ASCII), list(_first))


def dump(value: Any) -> str:
    """Return the value as YAML that `load`, and others, read as the same."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=160)


def load(document: str, name: str) -> Any:
    """Return the value of a document, or raise InvalidRequestError that names the place; `name` is what a list without a name is called."""
    try:
        return _Reading(yaml.parse(document, Loader=PARSER)).document(name)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        refuse("body", f"no valid YAML{f', in line {mark.line + 1}' if mark else ''}")


class _Reading:
    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events, self._values = events, 0

    def document(self, name: str) -> Any:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        first = next(self._events)
        value = self._value(first, name if isinstance(first, yaml.SequenceStartEvent) else "", 1)
        next(self._events)  # the end of the document
        if not isinstance(following := next(self._events), yaml.StreamEndEvent):
            _refuse(following, "", "a second document begins; send one")
        return value

    def _value(self, event: yaml.Event, place: str, depth: int) -> Any:
        self._values += 1
        if isinstance(event, yaml.AliasEvent):
            _refuse(event, place, "aliases are not taken; write the value again")
        if getattr(event, "tag", None):
            _refuse(event, place, "tags are not taken; write the value without")
        if depth > MAX_NESTING:
            _refuse(event, place, f"nested deeper than {MAX_NESTING} levels")
        if self._values > MAX_VALUES:
            _refuse(event, place, f"more than {MAX_VALUES} values; send them in several documents")
        if isinstance(event, yaml.MappingStartEvent):
            return self._members(place, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items = enumerate(self._until(yaml.SequenceEndEvent))
            return [self._value(item, f"{place}[{index}]", depth + 1) for index, item in items]
        return _scalar(event, place)

    def _members(self, place: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key in self._until(yaml.MappingEndEvent):
            name = self._value(key, place, depth + 1)
            if not isinstance(name, str):
                _refuse(key, place, "the names of members are texts; put others into quotation marks")
            member = f"{place}.{name}" if place else name
            if name in found:
                _refuse(key, member, "it is there twice")
            found[name] = self._value(next(self._events), member, depth + 1)
        return found

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), end):
            yield event


def _scalar(event: Any, place: str) -> Any:
    plain, _ = event.implicit
    if plain and event.value in WORDS:
        return WORDS[event.value]
    if plain and NUMBER.fullmatch(event.value):
        return exact_json.parse(event.value.encode(), place)
    return event.value


def _refuse(event: Any, place: str, reason: str) -> NoReturn:
    refuse(place or "body", f"in line {event.start_mark.line + 1}, {reason}")
