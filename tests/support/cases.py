"""Many cases of one test on what the test was given once: making an application anew for each takes longer than all that is asked of it.

@cases("field, value", [("a", 1), ("b", 2)])     # in place of pytest.mark.parametrize
async def test_…(service, field, value): …

For cases that leave nothing behind that another one would see. Each that fails is told with its values, and the others are tried all the same.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

import pytest
from _pytest.mark import ParameterSet

Test = Callable[..., Awaitable[None]]


def cases(names: str | Sequence[str], rows: Sequence[Any]) -> Callable[[Test], Test]:
    """Return the decorator that runs a test for each of `rows`, with `names` as its arguments; one may stand upon another."""
    wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)

    def around(test: Test) -> Test:
        parameters = inspect.signature(test).parameters
        inner = {"subtests"} & parameters.keys()

        @wraps(test)
        async def tried(subtests: pytest.Subtests, **given: Any) -> None:
            for row in rows:
                values = row.values if isinstance(row, ParameterSet) else (row,) if len(wanted) == 1 else row
                case = dict(zip(wanted, values, strict=True))
                with subtests.test(**{name: repr(value)[:200] for name, value in case.items()}):
                    await test(**given, **case, **dict.fromkeys(inner, subtests))

        own = inspect.Parameter("subtests", inspect.Parameter.KEYWORD_ONLY)
        rest = [each for name, each in parameters.items() if name not in {*wanted, "subtests"}]
        tried.__signature__ = inspect.Signature([*rest, own])  # type: ignore[attr-defined] # what pytest looks for fixtures in
        return tried

    return around
