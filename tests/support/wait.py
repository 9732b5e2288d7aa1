"""Waiting on conditions: tests never sleep for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], Awaitable[T]], *, within: float = 10, every: float = 0.05, what: str = ""
) -> T:
    """Return the first true value of `condition`; an AssertionError of it counts as not yet and is shown at the end."""
    deadline = time.monotonic() + within
    last: object = None
    while True:
        try:
            if last := await condition():
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or condition.__name__}; last seen: {last!r}")
        await asyncio.sleep(every)
