"""HEAD wherever GET is (RFC 9110 section 9.1): monitors and clients ask so whether something is there, and how large it is."""

import asyncio
from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Lets the route for GET answer HEAD where the path has none for it, and sends the head of that answer alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or not _only_get(scope):
            await self.app(scope, receive, send)
            return
        as_get, told, complete = {**scope, "method": "GET"}, asyncio.Event(), False

        async def then_gone() -> Message:
            """Return the request, and once the head is sent tell an answer that may have no end that nobody reads on."""
            nonlocal complete
            if not complete:
                message = await receive()
                complete = not message.get("more_body", False)
                return message
            await told.wait()
            return {"type": "http.disconnect"}

        async def head_alone(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                told.set()

        try:
            await self.app(as_get, then_gone, head_alone)
        finally:
            if "route" in as_get:  # for whoever counts requests by their route
                scope["route"] = as_get["route"]


def _only_get(scope: Scope) -> bool:
    routes = scope["app"].router.routes
    return not possible(routes, scope, "HEAD") and possible(routes, scope, "GET")


def possible(routes: Sequence[BaseRoute], scope: Scope, method: str) -> bool:
    """Say whether a route takes this method at the path of the request."""
    return any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
