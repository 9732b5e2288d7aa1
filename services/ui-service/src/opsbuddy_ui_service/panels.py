"""What a panel of a page shows: what a service answered, or in words why there is no answer. A dead service takes down its own panel alone."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from opsbuddy_core.errors import OpsBuddyError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a panel is empty."""

    service: str
    words: str


async def attempt(service: str, asked: Awaitable[T]) -> T | Trouble:
    """Return the answer of a service, or the trouble with it."""
    try:
        return await asked
    except OpsBuddyError as error:
        return Trouble(service, error.detail)
