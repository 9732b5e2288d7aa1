"""A command's output as it comes: server-sent events, or a JSON object a line. When the client is gone, the command is ended."""

import asyncio
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from opsbuddy_core.web.accept import takes_by_name
from opsbuddy_utility_service.service.execution import Event, Execution

SSE, NDJSON = "text/event-stream", "application/x-ndjson"
ALIVE_SECONDS = 10.0


def wanted(request: Request) -> str | None:
    """Return the kind of stream that the client accepts, None: it wants one answer."""
    return takes_by_name(request.headers.get("accept", ""), SSE, NDJSON)


async def gone(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """The events of a run."""

    def __init__(self, execution: Execution, kind: str) -> None:
        super().__init__(media_type=kind, headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._execution, self._kind = execution, kind

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._execution.stop("cancelled")
            leaving.cancel()
            sending.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while (event := await self._execution.next_event(ALIVE_SECONDS)) is not None:
            await send({"type": "http.response.body", "body": self._line(event), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _line(self, event: Event) -> bytes:
        name, data = event
        if self._kind == SSE:
            return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
        document: dict[str, Any] = {"event": name, **data}
        return orjson.dumps(document) + b"\n"
