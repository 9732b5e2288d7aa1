"""Reads PromQL by operator precedence (Pratt): an operand, then operators as long as they bind tighter than what stands before."""

import math

from opsbuddy_timeseries_service.models.filters import Operator, TagFilter, matcher
from opsbuddy_timeseries_service.promql.errors import BadQueryError
from opsbuddy_timeseries_service.promql.lexer import Token, duration, string, tokens
from opsbuddy_timeseries_service.promql.nodes import (
    Aggregation,
    Binary,
    Call,
    Kind,
    Matching,
    Negation,
    Node,
    Number,
    Selector,
    Text,
)
from opsbuddy_timeseries_service.promql.signatures import AGGREGATIONS, FUNCTIONS, WITH_PARAMETER, Signature

MAX_LENGTH = 16_384
MAX_OPERANDS, MAX_DEPTH = 200, 100  # what is read and worked off by recursion stays far from the stack's end
BINDS = {"or": 1, "and": 2, "unless": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6}
BINDS |= dict.fromkeys(("==", "!=", ">", "<", ">=", "<="), 3)
SETS = frozenset({"and", "or", "unless"})
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
UNARY = 5  # -2 ^ 2 is -(2 ^ 2), -2 * 3 is (-2) * 3
NAME = "__name__"
NUMBERS = {"inf": math.inf, "nan": math.nan}


def parse(query: str) -> Node:
    """Return the tree of a query. Raises BadQueryError for what cannot be read, and for what is not supported."""
    if len(query) > MAX_LENGTH:
        raise BadQueryError(f"the query has {len(query)} characters; at most {MAX_LENGTH} are taken")
    return _Parser(tokens(query)).whole()


def selector(text: str) -> Selector:
    """Return the tree of a `match[]`. Raises BadQueryError."""
    node = parse(text)
    if not isinstance(node, Selector) or node.range or node.offset:
        raise BadQueryError(f"{text[:80]} is no series selector")
    return node


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens, self._at, self._operands, self._depth = found, 0, 0, 0

    def whole(self) -> Node:
        node = self._expression(0)
        if self._next.kind != "end":
            raise self._unexpected()
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._next.kind in {"operator", "name"} and self._next.text.lower() in texts

    def _taken(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._taken(text):
            raise self._unexpected(f", expected {text}")

    def _unexpected(self, more: str = "") -> BadQueryError:
        what = f"unexpected {self._next.text[:40]!r}" if self._next.kind != "end" else "unexpected end of the query"
        return BadQueryError(f"parse error at character {self._next.at + 1}: {what}{more}")

    def _expression(self, least: int) -> Node:
        self._operands += 1
        if self._operands > MAX_OPERANDS:
            raise BadQueryError(f"the query has more than the {MAX_OPERANDS} operands that are taken")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadQueryError(f"the query is nested deeper than the {MAX_DEPTH} levels that are taken")
        left = self._unary()
        while (strength := BINDS.get(self._next.text.lower(), 0)) > least and self._next.kind in {"operator", "name"}:
            operator = self._take().text.lower()
            left = self._binary(operator, left, strength)
        self._depth -= 1
        return left

    def _unary(self) -> Node:
        if self._is("-", "+"):
            sign = self._take().text
            operand = self._expression(UNARY)
            if operand.kind not in {"scalar", "vector"}:
                raise BadQueryError(f"parse error: a {operand.kind} has no sign")
            return Negation(operand) if sign == "-" else operand
        return self._suffixed(self._operand())

    def _binary(self, operator: str, left: Node, strength: int) -> Node:
        bool_ = self._taken("bool")
        if bool_ and operator not in COMPARISONS:
            raise BadQueryError("parse error: bool goes with comparisons alone")
        matching = self._matching()
        right = self._expression(strength - 1 if operator == "^" else strength)
        kinds = {left.kind, right.kind}
        if not kinds <= {"scalar", "vector"} or (operator in SETS and kinds != {"vector"}):
            raise BadQueryError(f"parse error: {operator} does not go with {left.kind} and {right.kind}")
        if kinds == {"scalar"} and operator in COMPARISONS and not bool_:
            raise BadQueryError("parse error: comparisons of scalars need bool")
        return Binary(operator, left, right, bool_, matching)

    def _matching(self) -> Matching:
        if not self._is("on", "ignoring"):
            return Matching()
        on = self._take().text.lower() == "on"
        labels = self._labels()
        if self._is("group_left", "group_right"):
            raise BadQueryError(f"{self._next.text} is not supported here")
        return Matching(labels, on)

    def _labels(self) -> tuple[str, ...]:
        self._expect("(")
        labels: list[str] = []
        while not self._taken(")"):
            if self._next.kind != "name":
                raise self._unexpected(", expected a label")
            labels.append(self._take().text)
            if not self._is(")"):
                self._expect(",")
        return tuple(labels)

    def _operand(self) -> Node:
        token = self._next
        match token.kind:
            case "number":
                self._at += 1
                return Number(float(int(token.text, 16)) if token.text[:2] in {"0x", "0X"} else float(token.text))
            case "string":
                self._at += 1
                return Text(string(token.text))
            case "name":
                return self._named()
            case "operator" if token.text == "(":
                self._at += 1
                node = self._expression(0)
                self._expect(")")
                return node
            case "operator" if token.text == "{":
                return Selector(self._matchers(""))
        raise self._unexpected()

    def _named(self) -> Node:
        token = self._take()
        name = token.text
        if name.lower() in NUMBERS and not self._is("{", "("):
            return Number(NUMBERS[name.lower()])
        if name.lower() in AGGREGATIONS and self._is("(", "by", "without"):
            return self._aggregation(name.lower())
        if self._is("("):
            if name not in FUNCTIONS:
                raise BadQueryError(f"the function {name[:80]} is not known here, or not supported")
            return self._call(name, FUNCTIONS[name])
        if name.lower() in BINDS or name.lower() in {"bool", "on", "ignoring", "by", "without", "offset"}:
            self._at -= 1
            raise self._unexpected()
        return Selector(self._matchers(name))

    def _arguments(self) -> list[Node]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._taken(")"):
            arguments.append(self._expression(0))
            if not self._is(")"):
                self._expect(",")
        return arguments

    def _call(self, name: str, signature: Signature) -> Node:
        arguments = self._arguments()
        if not len(signature.takes) - signature.optional <= len(arguments) <= len(signature.takes):
            raise BadQueryError(f"{name} takes {len(signature.takes)} arguments, not {len(arguments)}")
        for argument, kind in zip(arguments, signature.takes, strict=False):
            _check(name, argument, kind)
        return Call(name, tuple(arguments), signature.gives)

    def _aggregation(self, name: str) -> Node:
        grouping = self._grouping()
        arguments = self._arguments()
        grouping = grouping or self._grouping() or ((), False)
        if len(arguments) != (2 if name in WITH_PARAMETER else 1):
            raise BadQueryError(f"{name} takes {2 if name in WITH_PARAMETER else 1} arguments, not {len(arguments)}")
        _check(name, arguments[-1], "vector")
        parameter = arguments[0] if len(arguments) > 1 else None
        if parameter:
            _check(name, parameter, "scalar")
        return Aggregation(name, arguments[-1], parameter, *grouping)

    def _grouping(self) -> tuple[tuple[str, ...], bool] | None:
        if not self._is("by", "without"):
            return None
        without = self._take().text.lower() == "without"
        return self._labels(), without

    def _matchers(self, name: str) -> tuple[TagFilter, ...]:
        found = [TagFilter(NAME, "=", (name,))] if name else []
        if self._taken("{"):
            while not self._taken("}"):
                found.append(self._matcher())
                if not self._is("}"):
                    self._expect(",")
        if len([each for each in found if each.tag == NAME and each.operator == "="]) > 1:
            raise BadQueryError("the name of the metric stands twice in one selector")
        if all(each.matches({}) for each in found):
            raise BadQueryError("a selector needs a matcher that does not fit the empty text")
        return tuple(found)

    def _matcher(self) -> TagFilter:
        if self._next.kind not in {"name", "string"}:
            raise self._unexpected(", expected a label")
        token = self._take()
        label = string(token.text) if token.kind == "string" else token.text
        if token.kind == "string" and self._is(",", "}"):
            return TagFilter(NAME, "=", (label,))
        operators: dict[str, Operator] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
        if self._next.text not in operators:
            raise self._unexpected(", expected one of = != =~ !~")
        operator = operators[self._take().text]
        if self._next.kind != "string":
            raise self._unexpected(", expected a string")
        value = string(self._take().text)
        if operator in {"=~", "!~"}:
            try:
                matcher(value)
            except ValueError as error:
                raise BadQueryError(f"{value[:80]!r} is no regular expression of RE2: {error}") from None
        return TagFilter(label, operator, (value,))

    def _suffixed(self, node: Node) -> Node:
        while self._is("[", "offset", "@"):
            if self._next.text == "@" or not isinstance(node, Selector):
                what = "@" if self._next.text == "@" else "a subquery, or an offset of something else than a selector,"
                raise BadQueryError(f"{what} is not supported here")
            node = self._ranged(node) if self._taken("[") else self._shifted(node)
        return node

    def _ranged(self, node: Selector) -> Selector:
        if node.range or node.offset:
            raise self._unexpected()
        length = self._duration()
        if self._next.text.startswith(":"):  # a name may begin so
            raise BadQueryError("a subquery is not supported here")
        self._expect("]")
        return Selector(node.matchers, length, node.offset)

    def _shifted(self, node: Selector) -> Selector:
        self._expect("offset")
        back = not self._taken("-")
        length = self._duration()
        return Selector(node.matchers, node.range, length if back else -length)

    def _duration(self) -> int:
        if self._next.kind != "duration":
            raise self._unexpected(", expected a duration such as 5m")
        return duration(self._take().text)


def _check(name: str, argument: Node, kind: Kind) -> None:
    if argument.kind != kind:
        said = {"matrix": "a range, such as metric[5m]", "vector": "an instant vector", "scalar": "a number"}
        raise BadQueryError(f"{name} takes {said.get(kind, kind)} there, not a {argument.kind}")
