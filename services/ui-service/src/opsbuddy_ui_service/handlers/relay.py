"""Passes a request on to the gateway and its answer back, piece by piece, whatever its size."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from opsbuddy_ui_service.clients.gateway import CREDENTIALS, HttpGateway

PIECE = 64 * 1024
REQUEST_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "content-digest",
        "content-length",
        "content-type",
        "idempotency-key",
        "range",
        "x-api-key",
    }
)
NOT_ANSWERED = frozenset(  # those of one connection, and those that this service sets itself
    {
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "proxy-authenticate",
        "server",
        "date",
    }
    | {"x-request-id", "set-cookie"}
)


@dataclass(frozen=True, slots=True)
class Onward:
    """A request to the gateway."""

    method: str
    path: str
    headers: Mapping[str, str]
    data: AsyncIterator[bytes] | bytes | None = None


def credentials(request: Request) -> dict[str, str]:
    """Return the headers by which a service knows who asks."""
    return {name: request.headers[name] for name in sorted(CREDENTIALS) if name in request.headers}


def onward(request: Request, path: str) -> Onward:
    """Return the same request for another path: query, body and the headers that matter."""
    headers = {
        name: value for name, value in request.headers.items() if name in REQUEST_HEADERS or name.startswith("if-")
    }
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    query = f"?{request.url.query}" if request.url.query else ""
    return Onward(request.method, path + query, headers, request.stream() if has_body else None)


class Relay(Response):
    """The gateway's answer to a request, sent on as it comes. Without one, the error of the gateway's client is raised."""

    def __init__(self, gateway: HttpGateway, asked: Onward) -> None:
        super().__init__()
        self._gateway, self._asked = gateway, asked

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = self._asked
        async with self._gateway.request(asked.method, asked.path, headers=asked.headers, data=asked.data) as answer:
            body = StreamingResponse(answer.content.iter_chunked(PIECE), status_code=answer.status)
            body.raw_headers = [
                (name.lower(), value)
                for name, value in answer.raw_headers
                if name.decode("latin-1").lower() not in NOT_ANSWERED
            ]
            await body(scope, receive, send)
