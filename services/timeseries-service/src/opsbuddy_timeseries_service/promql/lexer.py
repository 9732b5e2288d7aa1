"""A query as tokens."""

import re
import sys
from dataclasses import dataclass
from typing import Literal

from opsbuddy_timeseries_service.promql.errors import BadQueryError

Kind = Literal["number", "duration", "string", "name", "operator", "end"]
TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
  | (?P<operator>=~|!~|!=|==|>=|<=|[-+*/%^(){}\[\],=<>@:])
    """,
    re.VERBOSE | re.ASCII,
)
ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.?))", re.DOTALL
)
PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
PART = re.compile(r"(\d+)(ms|[smhdwy])", re.ASCII)
LENGTHS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
SURROGATES = range(0xD800, 0xE000)
LONGEST = 100 * LENGTHS["y"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a query and where it begins."""

    kind: Kind
    text: str
    at: int


def tokens(query: str) -> list[Token]:
    """Return the tokens of a query, an end after them. Raises BadQueryError."""
    found: list[Token] = []
    position = 0
    while position < len(query):
        match = TOKEN.match(query, position)
        if not match:
            raise BadQueryError(f"parse error at character {position + 1}: unexpected {query[position]!r}")
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[0], position))  # type: ignore[arg-type]
        position = match.end()
    return [*found, Token("end", "", len(query))]


def duration(text: str) -> int:
    """Return milliseconds. Raises BadQueryError for zero and for what is absurdly long."""
    length = sum(int(number[:12]) * LENGTHS[unit] for number, unit in PART.findall(text))
    if not 0 < length <= LONGEST:
        raise BadQueryError(f"parse error: the duration {text[:40]} is out of range")
    return length


def string(text: str) -> str:
    """Return what a literal says. Raises BadQueryError for an unknown escape."""
    return text[1:-1] if text[0] == "`" else ESCAPE.sub(_unescaped, text[1:-1])


def _is_character(code: int) -> bool:
    return code <= sys.maxunicode and code not in SURROGATES


def _unescaped(match: re.Match[str]) -> str:
    plain, *numbers, unknown = match.groups()
    if plain is not None:
        return PLAIN.get(plain, plain)
    for digits, base in zip(numbers, (16, 16, 16, 8), strict=True):
        if digits is not None and _is_character(int(digits, base)):
            return chr(int(digits, base))
    raise BadQueryError(f"parse error: unknown escape \\{unknown or match[0][1:]} in a string")
