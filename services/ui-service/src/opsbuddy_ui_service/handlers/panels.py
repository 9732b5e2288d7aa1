"""What a panel of a page shows: what a service answered, or in words why there is no answer. A dead service takes down its own panel alone."""

from collections.abc import Awaitable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_ui_service.clients.gateway import RefusedError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a panel is empty."""

    service: str
    words: str


@dataclass(frozen=True, slots=True)
class Answered(Trouble):
    """The gateway is there, and said so."""

    gateway: bool = True


@dataclass(frozen=True, slots=True)
class Locked(Trouble):
    """The gateway does not show it to who asks: `word` says how that is, `way` what one can do."""

    word: str
    way: str


async def attempt(service: str, asked: Awaitable[T]) -> T | Trouble:
    """Return the answer of a service, or the trouble with it."""
    try:
        return await asked
    except RefusedError as error:
        return locked(service, error) or Answered(service, error.detail)
    except OpsBuddyError as error:
        return Trouble(service, error.detail)


def locked(service: str, error: RefusedError) -> Locked | None:
    """Return what a refusal means to who asked, when it was for who asked."""
    if error.answered == HTTPStatus.FORBIDDEN:
        return Locked(service, error.detail, "Not allowed", "Sign in as someone else")
    if error.answered != HTTPStatus.UNAUTHORIZED:
        return None
    if error.known:
        return Locked(
            service, f"What you signed in with does not hold any more. {error.detail}", "Locked", "Sign in again"
        )
    return Locked(service, f"The gateway shows what {service} has to those who say who they are.", "Locked", "Sign in")
