"""What surrounds every request, as plain ASGI: trace context, access log, metrics, limits on the body."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

from prometheus_client import Counter, Gauge, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsbuddy_core import trace
from opsbuddy_core.errors import TooLargeError
from opsbuddy_core.logs import Line
from opsbuddy_core.web.problems import REASON, answer, name, unexpected

line = Line("access", "Request answered", operation="request")
QUIET = ("/health", "/metrics", "/assets/")  # asked for all day, and of no interest while they are answered
# Likewise: by the web UI, and by the gateway; what is beneath is asked for by hand.
POLLED = ("/status", "/openapi.json")
DRAIN_SECONDS, DRAIN_IDLE_SECONDS = 30.0, 2.0  # who sends nothing for that long is waiting for the answer
CLOSE = {"connection": "close"}  # what may still come of the body is no request

REQUESTS = Counter("opsbuddy_http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram(
    "opsbuddy_http_request_duration_seconds",
    "Time from the request's head to the answer's end",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
IN_FLIGHT = Gauge("opsbuddy_http_requests_in_flight", "Requests being worked on")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestContext:
    """Continues the caller's trace, writes one access record a request and counts it. `continued`: where traces are sent, the trace is that of a span."""

    def __init__(
        self, app: ASGIApp, continued: Callable[[str | None, str | None], trace.Trace] = trace.continued
    ) -> None:
        self.app, self._continued = app, continued

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        here = self._continued(_text(headers, b"x-request-id"), _text(headers, b"traceparent"))
        token = trace.enter(here)
        begun, status = time.perf_counter(), HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", here.request_id.encode())]
            await send(message)

        IN_FLIGHT.inc()
        try:
            await self.app(scope, receive, observe)
        except Exception:
            if reasons := scope[
                "app"
            ].state.reasons:  # its answer is made outside of this, when the line is written already
                name(unexpected(), reasons, scope)
            raise
        finally:
            IN_FLIGHT.dec()
            _account(scope, status, time.perf_counter() - begun, here)
            trace.leave(token)


class BodyLimit:
    """Refuses a body over the limit, and one that stops coming.

    The rest of one that is too large is read and thrown away first: a client that is still writing would see a reset instead of the answer.
    """

    def __init__(self, app: ASGIApp, limit: int, idle_seconds: float) -> None:
        self.app, self.limit, self.idle_seconds = app, limit, idle_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = _text(headers, b"content-length") or "0"
        if length.isdigit() and int(length) > self.limit:
            asks = b"expect" in headers  # to read would be to let it send
            whole = not asks and await drain(receive)
            error = TooLargeError(
                f"The body has {length} bytes; at most {self.limit} are taken here.", limit=self.limit
            )
            await answer(error, scope, {} if whole else CLOSE)(scope, receive, send)
            return
        taken, complete = 0, False

        async def counted() -> Message:
            nonlocal taken, complete
            if complete:  # what follows is the client's end of the connection, for which one may wait for long
                return await receive()
            try:
                async with asyncio.timeout(self.idle_seconds):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"Nothing of the body came for {self.idle_seconds:g} s; send the request again.",
                    CLOSE,
                ) from None
            complete = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > self.limit:
                whole = complete or await drain(receive)
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"The body has more than the {self.limit} bytes that are taken here.",
                    {} if whole else CLOSE,
                )
            return message

        await self.app(scope, counted, send)


async def drain(receive: Receive) -> bool:
    """Read the rest of a body and forget it. False when it did not end in time."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while True:
                async with asyncio.timeout(DRAIN_IDLE_SECONDS):
                    message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return True
    except TimeoutError:
        return False


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("latin-1") if value is not None else None


def _account(scope: Scope, status: int, seconds: float, here: trace.Trace) -> None:
    route = getattr(scope.get("route"), "path", "(none)")  # the pattern, not the path: a label must stay bounded
    method = scope["method"] if scope["method"] in METHODS else "(other)"
    requests, duration = _children(method, route, status)
    requests.inc()
    duration.observe(seconds)
    if (scope["path"] in POLLED or scope["path"].startswith(QUIET)) and status < HTTPStatus.BAD_REQUEST:
        return
    level = logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    data = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        **({"reason": scope[REASON]} if REASON in scope else {}),
        "duration_ms": round(seconds * 1000, 3),
    }
    line.write(level, data, here)


@lru_cache(maxsize=1024)
def _children(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return what counts these requests: finding it by its labels costs more than counting."""
    return REQUESTS.labels(method, route, status), DURATION.labels(method, route)
