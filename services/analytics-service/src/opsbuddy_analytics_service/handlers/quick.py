"""One log at a time, as nearly every sender sends it: answered without the framework, which costs several times what storing the log does.

Whatever is not plain (a key, a dry run, a packed body, anything wrong) goes on to the framework's route with its body: one verdict, one wording.
"""

from typing import NamedTuple

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsbuddy_analytics_service.service.analytics import Analytics
from opsbuddy_analytics_service.service.intake import plain_single
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.web import problems

PATH = "/logs/single"
OTHER = frozenset({b"content-encoding", b"idempotency-key"})


class _Route(NamedTuple):
    """What the metrics of requests ask a route for."""

    path: str


class QuickSingle:
    """Stands before the routes."""

    def __init__(self, app: ASGIApp, service: Analytics) -> None:
        self._app, self._service = app, service
        self._route = _Route(PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or not _is_plain(scope):
            await self._app(scope, receive, send)
            return
        first = await receive()
        whole = first["type"] == "http.request" and not first.get("more_body", False)
        log = plain_single(first["body"]) if whole else None
        if log is None:
            await self._app(scope, _again(first, receive), send)
            return
        scope["route"] = self._route
        try:
            result = await self._service.ingest_one(log)
        except OpsBuddyError as error:
            self._service.refused(error, single=True)
            await problems.response(error, PATH)(scope, receive, send)
            return
        body = orjson.dumps(result.model_dump())
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _is_plain(scope: Scope) -> bool:
    """Return whether the request asks for nothing but to store what it holds."""
    if scope["method"] != "POST" or scope["query_string"]:
        return False
    return all(
        name not in OTHER and (name != b"content-type" or value == b"application/json")
        for name, value in scope["headers"]
    )


def _again(first: Message, receive: Receive) -> Receive:
    """Return what receives the first message once more, then the rest."""
    waiting = [first]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
