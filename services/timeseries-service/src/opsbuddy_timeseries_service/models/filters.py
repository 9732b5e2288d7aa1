"""Which series are meant: conditions on tags, as Prometheus has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import re2

Operator = Literal["=", "!=", "=~", "!~"]
MEMORY = 1 << 20  # bytes that a compiled expression may take


@dataclass(frozen=True, slots=True)
class TagFilter:
    """A condition on one tag; a series without the tag has the empty text there. Several values of `=` and `!=`: any of them, none of them."""

    tag: str
    operator: Operator
    values: tuple[str, ...]

    def matches(self, tags: Mapping[str, str]) -> bool:
        found = tags.get(self.tag, "")
        match self.operator:
            case "=":
                return found in self.values
            case "!=":
                return found not in self.values
            case "=~":
                return matcher(self.values[0]).fullmatch(found) is not None
            case "!~":
                return matcher(self.values[0]).fullmatch(found) is None


def accept(filters: Iterable[TagFilter], tags: Mapping[str, str]) -> bool:
    """Say whether a series with these tags is meant by all the filters."""
    return all(each.matches(tags) for each in filters)


@lru_cache(maxsize=128)
def matcher(pattern: str) -> Any:
    """Return a compiled expression of RE2, whose time grows with the text alone. Raises ValueError for what is none."""
    options: Any = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY
    options.dot_nl = True
    try:
        compiled: Any = re2.compile(pattern, options)  # type: ignore[no-untyped-call]
    except re2.error as error:
        reason = error.args[0] if error.args else "cannot be read"
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    return compiled
