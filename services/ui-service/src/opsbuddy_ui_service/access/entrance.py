"""Asks the gateway whether it lets somebody in: by a request on a route that needs a credential, as any other."""

import asyncio
from http import HTTPStatus

import aiohttp
import orjson

from opsbuddy_core.errors import (
    DeadlineError,
    OpsBuddyError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)
from opsbuddy_ui_service.access.credential import Credential
from opsbuddy_ui_service.clients.gateway import HttpGateway
from opsbuddy_ui_service.views.state import Door

MOST_BYTES = 64 * 1024
REASON = "x-gateway-reason"
UNDECIDED = frozenset(
    {"no_keys", "no_table", "no_route", "not_ready", "internal"}
)  # the gateway did not come to look at it
KINDS = {"APIKey": "an API key", "JWT": "a token"}


class Entrance:
    """The way in. `limit`: seconds for one answer."""

    def __init__(self, gateway: HttpGateway, limit: float) -> None:
        self._gateway, self._limit = gateway, limit

    async def check(self, doors: tuple[Door, ...], credential: Credential) -> None:
        """Return when the gateway takes the credential. Raises UnauthenticatedError in its words, or what kept it from looking."""
        fitting = [door for door in doors if credential.kind in door.credentials]
        if not fitting:
            wanted = " or ".join(KINDS[kind] for kind in sorted({kind for door in doors for kind in door.credentials}))
            raise UnauthenticatedError(f"This is {KINDS[credential.kind]}; the gateway asks for {wanted}.")
        trouble: OpsBuddyError | None = None
        for door in fitting:
            try:
                await self._ask(door, credential)
            except (UnavailableError, DeadlineError) as error:
                trouble = error
            else:
                return
        raise UnavailableError(trouble.detail if trouble else "The gateway was not asked.", retry_after=5)

    async def _ask(self, door: Door, credential: Credential) -> None:
        name, value = credential.header
        headers = {name: value, "accept": "application/json", "accept-encoding": "identity"}
        try:
            async with (
                asyncio.timeout(self._limit),
                self._gateway.request("GET", f"{door.prefix}/health", headers=headers, data=None) as answer,
            ):
                await _judge(answer)
        except TimeoutError as error:
            raise DeadlineError(f"The gateway did not answer within {self._limit:g} s.") from error


async def _judge(answer: aiohttp.ClientResponse) -> None:
    """Raise unless the gateway let the request through. What the service behind made of it, or that there is none, says nothing of the credential."""
    status, reason = answer.status, answer.headers.get(REASON)
    if status == HTTPStatus.UNAUTHORIZED:
        raise UnauthenticatedError(await _detail(answer) or "The gateway does not know it.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        after = answer.headers.get("retry-after", "")
        seconds = float(after) if after.isdigit() else 1.0
        raise TooManyRequestsError("The gateway is asked too often.", retry_after=seconds)
    if reason in UNDECIDED or (reason is None and status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        raise UnavailableError(await _detail(answer) or f"The gateway answered {status}.")


async def _detail(answer: aiohttp.ClientResponse) -> str:
    try:
        document = orjson.loads(await answer.content.read(MOST_BYTES))
    except orjson.JSONDecodeError:
        return ""
    return str(document.get("detail", "")) if isinstance(document, dict) else ""
