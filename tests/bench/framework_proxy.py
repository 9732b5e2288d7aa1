"""The bare proxy as a route of FastAPI: what the framework alone costs."""

from collections.abc import AsyncIterator

import aiohttp
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from tests.bench.bare_proxy import Upstream, serve


def build(upstream: Upstream) -> FastAPI:
    """Return the application."""
    app = FastAPI()

    @app.get("/{path:path}")  # noqa: FAST003 - the request has it
    async def passed_on(request: Request) -> StreamingResponse:
        answer = await upstream.ask(request.scope)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return StreamingResponse(_chunks(answer), answer.status, headers)

    return app


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for chunk in answer.content.iter_any():
            yield chunk


if __name__ == "__main__":
    serve(build)
