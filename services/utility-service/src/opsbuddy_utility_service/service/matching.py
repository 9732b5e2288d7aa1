"""Finds the template that a command line or a request means. What no template allows is denied, by the part that no template allows."""

import ipaddress
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from opsbuddy_core.errors import FieldError, ForbiddenError
from opsbuddy_core.exact_json import refuse
from opsbuddy_utility_service.models.commands import Invocation, Prepared, Request
from opsbuddy_utility_service.models.templates import (
    PLACEHOLDER,
    EnumParameter,
    HostParameter,
    IntParameter,
    NameParameter,
    Parameter,
    PathParameter,
    PortParameter,
    RegexParameter,
)

MAX_COMMAND = 4096
MAX_VALUE = 256
HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?",
    re.IGNORECASE | re.ASCII,
)
NAME = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,127}", re.ASCII)
WHOLE = re.compile(r"\d{1,18}|-0*[1-9]\d{0,17}", re.ASCII)  # where the least is 0, no dash: it would be an option
HIDDEN = "[not shown]"
LISTED = "GET /system/commands lists what is allowed"


@dataclass(frozen=True, slots=True)
class _Miss:
    """How far a template matched, and what of the words it did not allow. `shaped`: the place fits, its value does not."""

    words: int
    part: str
    reason: str
    shaped: bool = False


def find(request: Request, templates: Sequence[Prepared]) -> Invocation:
    """Return what to run. Raises InvalidRequestError for what cannot be understood, ForbiddenError for what is not allowed."""
    if request.template is not None:
        return _by_parameters(request, templates)
    words = _words(request.command or "")
    misses = []
    for match in (_as_written, _by_id):
        for prepared in templates:
            found = match(words, prepared)
            if isinstance(found, Invocation):
                return found
            misses.append(found)
    worst = max(misses, key=lambda miss: (miss.words, miss.shaped), default=_Miss(0, words[0], ""))
    if worst.words == 0:
        worst = _Miss(0, words[0], "it is not among the commands that may be run")
    raise denied("command", worst.part, worst.reason)


def denied(field: str, part: str, reason: str) -> ForbiddenError:
    """Return the refusal that names the part."""
    shown = part[:100].encode("unicode_escape").decode() if not part.isprintable() else part[:100]
    return ForbiddenError(
        f"{part[:100]!r} is not allowed: {reason}. {LISTED}.",
        errors=[FieldError(field, f"{part[:100]!r}: {reason}", "denied")],
        part=shown,
        reason="denied",
    )


def _words(command: str) -> list[str]:
    if len(command) > MAX_COMMAND:
        refuse("command", f"more than {MAX_COMMAND} characters")
    if odd := next((letter for letter in command if not letter.isprintable() and letter not in "\t\n"), None):
        refuse(
            "command",
            f"its character {command.index(odd) + 1} is U+{ord(odd):04X}, which cannot be seen, or is another space; type it anew",
        )
    try:
        words = shlex.split(command)
    except ValueError:
        refuse("command", "a quotation in it is not closed, or a backslash is its last character")
    if not words:
        refuse("command", "it is empty; expected a program and its arguments")
    return words


def _as_written(words: list[str], prepared: Prepared) -> Invocation | _Miss:
    pattern = prepared.template.argv
    if words[0] not in {pattern[0], PurePath(pattern[0]).name} and not _is_program(words[0], prepared.program):
        return _Miss(0, words[0], "")
    values: dict[str, str] = {}
    for place in range(1, max(len(words), len(pattern))):
        if place >= len(pattern):
            return _Miss(place, words[place], f"`{_pattern(prepared)}` takes nothing there")
        if place >= len(words):
            name = _whole(pattern[place])
            default = prepared.template.params[name].default if name else None
            if default is None:
                return _Miss(place, words[-1], f"something is missing after it; expected `{_pattern(prepared)}`")
            values.setdefault(name or "", str(default))
        elif reason := _take(pattern[place], words[place], prepared, values):
            secret = any(prepared.template.params[name].secret for name in PLACEHOLDER.findall(pattern[place]))
            part = HIDDEN if secret else words[place]
            return _Miss(place, part, reason, shaped=bool(PLACEHOLDER.search(pattern[place])))
    return _invocation(prepared, values)


def _is_program(word: str, program: str | None) -> bool:
    """Say whether the word is the program's path; /bin may be a link to /usr/bin."""
    if program is None or not word.startswith("/") or PurePath(word).name != PurePath(program).name:
        return False
    return os.path.realpath(PurePath(word).parent) == os.path.realpath(PurePath(program).parent)


def _by_id(words: list[str], prepared: Prepared) -> Invocation | _Miss:
    template = prepared.template
    if words[0] != template.id:
        return _Miss(0, words[0], "")
    names = list(dict.fromkeys(name for word in template.argv for name in PLACEHOLDER.findall(word)))
    values: dict[str, str] = {}
    for place, word in enumerate(words[1:]):
        if place >= len(names):
            return _Miss(place + 1, word, f"{template.id} takes nothing there")
        if reason := unfit(template.params[names[place]], word):
            return _Miss(
                place + 1, _shown(word, template.params[names[place]]), f"as {names[place]}, {reason}", shaped=True
            )
        values[names[place]] = word
    for name in names[len(words) - 1 :]:
        default = template.params[name].default
        if default is None:
            return _Miss(len(words), words[-1], f"{name} is missing after it")
        values[name] = str(default)
    return _invocation(prepared, values)


def _by_parameters(request: Request, templates: Sequence[Prepared]) -> Invocation:
    prepared = next((each for each in templates if each.template.id == request.template), None)
    if prepared is None:
        raise denied("template", request.template or "", "it is not among the commands that may be run")
    values: dict[str, str] = {}
    for name in request.params:
        if name not in prepared.template.params:
            refuse(f"params.{name}", f"{prepared.template.id} has no such parameter")
    for name, parameter in prepared.template.params.items():
        given: Any = request.params.get(name, parameter.default)
        if given is None:
            refuse(f"params.{name}", "it is missing")
        if isinstance(given, bool) or not isinstance(given, str | int):
            refuse(f"params.{name}", "expected text or a whole number")
        if reason := unfit(parameter, str(given)):
            raise denied(f"params.{name}", _shown(str(given), parameter), f"as {name}, {reason}")
        values[name] = str(given)
    return _invocation(prepared, values)


def _take(pattern: str, word: str, prepared: Prepared, values: dict[str, str]) -> str | None:
    """Put what the placeholders of one word stand for into `values`, or return why the word is not allowed."""
    names = PLACEHOLDER.findall(pattern)
    if not names:
        return None if word == pattern else f"expected `{_pattern(prepared)}`"
    found = _between(PLACEHOLDER.split(pattern)[::2], word)
    if found is None:
        return f"expected `{_pattern(prepared)}`"
    for name, value in zip(names, found, strict=True):
        if reason := unfit(prepared.template.params[name], value):
            return f"as {name}, {reason}"
        if values.setdefault(name, value) != value:
            return f"{name} has another value before"
    return None


def _between(pieces: list[str], word: str) -> list[str] | None:
    """Return what stands between the pieces that a word is made of, None: it is not. Of several ways the first values are the longest, as in ::1:443."""
    first, *others, last = pieces
    if not (word.startswith(first) and word.endswith(last) and len(word) >= len(first) + len(last)):
        return None
    found, end = list[str](), len(word) - len(last)
    for piece in reversed(others):
        place = word.rfind(piece, len(first), end)
        if place < 0:
            return None
        found.append(word[place + len(piece) : end])
        end = place
    return [word[len(first) : end], *reversed(found)]


def unfit(parameter: Parameter, value: str) -> str | None:  # noqa: PLR0911 - a table of types
    """Return why a value is not allowed, None when it is."""
    if not value.isprintable():
        return "control characters are not allowed"
    if isinstance(parameter, EnumParameter):
        return None if value in parameter.values else f"expected one of {', '.join(parameter.values)[:200]}"
    if isinstance(parameter, IntParameter):
        fits = WHOLE.fullmatch(value) and parameter.min <= int(value) <= parameter.max
        return None if fits else f"expected a whole number from {parameter.min} to {parameter.max}"
    if isinstance(parameter, PortParameter):
        fits = WHOLE.fullmatch(value) and 1 <= int(value) <= 65535  # noqa: PLR2004 - ports
        return None if fits else "expected a port from 1 to 65535"
    if isinstance(parameter, RegexParameter):
        return _unfit_text(parameter, value)
    if value.startswith("-"):
        return "it begins with a dash, as options do"
    if len(value) > MAX_VALUE:
        return f"more than {MAX_VALUE} characters"
    if isinstance(parameter, HostParameter):
        return None if HOST.fullmatch(value) or _is_address(value) else "expected a host name or an address"
    if isinstance(parameter, NameParameter):
        return None if NAME.fullmatch(value) else "expected letters, digits and _ . : -"
    return _unfit_path(parameter, value)


def _unfit_text(parameter: RegexParameter, value: str) -> str | None:
    if value.startswith("-") and not parameter.allow_dash:
        return "it begins with a dash, as options do"
    if len(value) > parameter.max_length:
        return f"more than {parameter.max_length} characters"
    return None if parameter.matches(value) else f"expected what matches {parameter.pattern}"


def _unfit_path(parameter: PathParameter, value: str) -> str | None:
    expected = f"expected a path below {', '.join(parameter.under)}"
    if not value.startswith("/") or ".." in value.split("/"):
        return expected
    real = os.path.realpath(value)
    if any(
        _is_below(real, os.path.realpath(folder)) and _is_below(os.path.normpath(value), folder)
        for folder in parameter.under
    ):
        return None
    return expected


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _whole(word: str) -> str | None:
    match = PLACEHOLDER.fullmatch(word)
    return match[1] if match else None


def _invocation(prepared: Prepared, values: dict[str, str]) -> Invocation:
    params = prepared.template.params
    shown = {name: HIDDEN if params[name].secret else value for name, value in values.items()}
    return Invocation(
        prepared=prepared,
        argv=[_filled(word, values) for word in prepared.template.argv],
        shown=[_filled(word, shown) for word in prepared.template.argv],
    )


def _filled(word: str, values: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: values[match[1]], word)


def _shown(word: str, parameter: Parameter) -> str:
    return HIDDEN if parameter.secret else word


def _pattern(prepared: Prepared) -> str:
    return " ".join(prepared.template.argv)
