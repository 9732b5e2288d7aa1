"""List and watch, the way Kubernetes wants it: resume where the connection broke, list anew when that is not possible, back off in between."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import orjson
from kubernetes.aio import client, config

from opsbuddy_core.logs import get_logger
from opsbuddy_gateway.storage.trouble import trouble

log = get_logger("kubernetes")
WATCH_SECONDS = 60  # the server ends the watch then; a dead connection is noticed no later than a little after
GRACE_SECONDS = 10
LIST_SECONDS = 15
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0

Call = Callable[..., Awaitable[aiohttp.ClientResponse]]
Object = dict[str, Any]


class Handler(Protocol):
    """Keeps a copy of the objects."""

    def listed(self, objects: list[Object]) -> None:
        """Take all objects that there are now."""
        ...

    def changed(self, item: Object) -> None: ...

    def deleted(self, item: Object) -> None: ...

    def unreachable(self) -> None:
        """Hear that the API server cannot be asked; what is known stays."""
        ...


class _ListAnewError(Exception):
    """The place in the stream of changes is lost."""


@asynccontextmanager
async def connected(kubeconfig: Path | None) -> AsyncIterator[client.ApiClient]:
    """Yield a client: with the pod's service account, or by a kubeconfig."""
    configuration = client.Configuration()
    if kubeconfig:
        await config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    async with client.ApiClient(configuration) as api:
        yield api


async def api_class(name: str) -> Any:
    """Return a class of the client. Its first use imports every model there is, for seconds, which no request and no health check shall wait for."""
    return await asyncio.to_thread(getattr, client, name)


async def watch(call: Call, handler: Handler, **selection: Any) -> None:
    """Keep the handler up to date, until cancelled. `call`: one of the client's `list_..._without_preload_content` functions."""
    version: str | None = None
    pause = FIRST_PAUSE
    while True:
        try:
            if version is None:
                version = await _list(call, handler, selection)
                pause = FIRST_PAUSE
            async with aclosing(_events(call, version, selection)) as events:
                async for event in events:
                    version = _apply(event, handler)
                    pause = FIRST_PAUSE
        except _ListAnewError:
            version = None
        except (client.ApiException, aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            if isinstance(error, client.ApiException):
                version = None
            handler.unreachable()
            log.warning("The API server cannot be asked", operation="watch", error=_words(error), pause=round(pause, 1))
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - jitter
            pause = min(pause * 2, LONGEST_PAUSE)


async def _list(call: Call, handler: Handler, selection: dict[str, Any]) -> str:
    async with asyncio.timeout(LIST_SECONDS):
        answer = await call(**selection)
        body = await _body(answer)
    found = orjson.loads(body)
    handler.listed(found.get("items") or [])
    return str(found["metadata"]["resourceVersion"])


async def _events(call: Call, version: str, selection: dict[str, Any]) -> AsyncGenerator[Object]:
    """Yield events until the server ends the watch.

    Not by the client's own Watch: that opens a connection pool for each watch and hides why it ended.
    """
    answer = await call(
        **selection,
        watch=True,
        resource_version=version,
        allow_watch_bookmarks=True,
        timeout_seconds=WATCH_SECONDS,
        _request_timeout=WATCH_SECONDS + GRACE_SECONDS,
    )
    try:
        if answer.status >= 400:  # noqa: PLR2004 - HTTP's border of errors
            await _body(answer)
        async for line in answer.content:
            yield orjson.loads(line)
    finally:
        if answer.connection and (transport := answer.connection.transport):
            transport.abort()  # a TLS connection that is closed politely outlives the loop at the end of the process
        answer.close()


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = await answer.read()
    if answer.status >= 400:  # noqa: PLR2004 - HTTP's border of errors
        raise client.ApiException(status=answer.status, reason=answer.reason)
    return body


def _apply(event: Object, handler: Handler) -> str:
    item = event["object"]
    match event["type"]:
        case "ADDED" | "MODIFIED":
            handler.changed(item)
        case "DELETED":
            handler.deleted(item)
        case "ERROR":
            raise _ListAnewError
        case _:  # BOOKMARK: only its version counts
            pass
    return str(item["metadata"]["resourceVersion"])


def _words(error: Exception) -> str:
    if isinstance(error, client.ApiException):
        return f"{error.status} {error.reason}"
    return trouble(error)
