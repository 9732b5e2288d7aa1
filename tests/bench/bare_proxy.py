"""The least that a proxy of the gateway's libraries can be: aiohttp behind plain ASGI, and nothing of what a gateway is for."""

import socket
import sys
from collections.abc import Callable

import aiohttp
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from yarl import URL


class Upstream:
    """The service, asked by GET."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, scope: Scope) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
        url = URL(f"http://127.0.0.1:{self._port}{scope['raw_path'].decode()}", encoded=True)
        return await self._session.get(
            url, headers=[(name.decode(), value.decode()) for name, value in scope["headers"]]
        )


class Bare:
    """Passes every request on."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of the protocol; no bodies here
        async with await self._upstream.ask(scope) as answer:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.raw_headers})
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def serve(build: Callable[[Upstream], ASGIApp]) -> None:
    """Serve: print the port, run until killed. The program's argument is the port of the service."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        app = build(Upstream(int(sys.argv[1])))
        config = uvicorn.Config(app, lifespan="off", access_log=False, log_level="warning", server_header=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(Bare)
