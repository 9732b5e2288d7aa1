"""A gateway on loopback that says what a test tells it to, over real HTTP: for everything that stands in front of the gateway."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from aiohttp import web

from tests.support.closing import close

SERVICES = {
    "file-service": ("/api/files", 8001),
    "utility-service": ("/api/utils", 8002),
    "analytics-service": ("/api/analytics", 8003),
    "timeseries-service": ("/api/timeseries", 8004),
}


def service(name: str, **changes: Any) -> dict[str, Any]:
    """Return a healthy service as `GET /status` of the gateway shows it."""
    prefix, port = SERVICES.get(name, (f"/api/{name}", 9000))
    return {
        "name": name,
        "prefix": prefix,
        "state": "healthy",
        "endpoints": [{"address": f"10.244.1.{port % 100}:{port}", "state": "healthy"}],
        "breaker": "closed",
        "since": _iso(datetime.now(UTC) - timedelta(hours=5)),
        "p95_ms": 11.2,
        "error_rate": 0.0,
        "requests": 1840,
        "history": ["ok"] * 45,
    } | changes


def route(name: str, **changes: Any) -> dict[str, Any]:
    """Return a route as `GET /status/routes` of the gateway shows it."""
    prefix, port = SERVICES[name]
    return {
        "prefix": prefix,
        "rewrite": "/",
        "backends": [{"service": name, "port": port, "weight": 100}],
        "timeoutSeconds": 30.0,
        "retries": 1,
        "loadBalancing": "RoundRobin",
        "circuitBreaker": {"failures": 5, "openSeconds": 60.0},
    } | changes


def down(name: str, minutes: int = 9, **changes: Any) -> dict[str, Any]:
    """Return a service of which no pod answers any more since so many minutes."""
    _, port = SERVICES.get(name, (f"/api/{name}", 9000))
    pods = [{"address": f"10.244.{n}.{port % 100}:{port}", "state": "unhealthy"} for n in (1, 2)]
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    bars = ["ok"] * (45 - minutes - 2) + ["slow"] * 2 + ["down"] * minutes
    return (
        service(
            name,
            state="unhealthy",
            endpoints=pods,
            breaker="open",
            since=_iso(since),
            p95_ms=None,
            error_rate=1.0,
            history=bars,
        )
        | changes
    )


def slow(name: str, minutes: int = 15, **changes: Any) -> dict[str, Any]:
    """Return a service that has been slow for so many minutes."""
    return (
        service(name, p95_ms=1412.0, error_rate=0.003, history=["ok"] * (45 - minutes) + ["slow"] * minutes) | changes
    )


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass
class Received:
    """A request that was passed on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeGateway:
    """`services` is what `/status` shows; `answers` maps a method and a path to status, headers and body of the answer.

    With a `key` every route asks for it, as an API key or as a token; in `undecided` stands why it cannot be checked now.
    """

    services: list[dict[str, Any]] = field(default_factory=lambda: [service(name) for name in SERVICES])
    routes: list[dict[str, Any]] = field(default_factory=lambda: [route(name) for name in SERVICES])
    checked: list[str] = field(default_factory=list)
    healthy: bool = True
    key: str | None = None
    undecided: str | None = None
    answers: dict[tuple[str, str], tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    held: dict[str, asyncio.Event] = field(default_factory=dict)  # answers to these paths wait until the event is set
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, *changed: dict[str, Any]) -> None:
        """Show these services in place of those of the same name."""
        names = {entry["name"]: entry for entry in changed}
        self.services = [names.pop(entry["name"], entry) for entry in self.services] + list(names.values())

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        gateway = cls()
        await gateway.start()
        try:
            yield gateway
        finally:
            await gateway.stop()

    async def start(self) -> None:
        """Listen; on the same port as before, after a stop."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/status", self._status)
        app.router.add_get("/status/routes", self._routes)
        app.router.add_post("/status/{name}/check", self._check)
        app.router.add_get("/health", self._health)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._runner:
            await close(self._runner)
        self._runner = None

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "service": {"name": "API Gateway"},
                "services": [{"credentials": ["APIKey", "JWT"] if self.key else []} | each for each in self.services],
                "routes": {"sha256": "0" * 64},
            }
        )

    async def _routes(self, _: web.Request) -> web.Response:
        return web.json_response({"sha256": "0" * 64, "source": "test", "error": None, "routes": self.routes})

    async def _check(self, request: web.Request) -> web.Response:
        """Answer as the gateway does; what was checked is in `checked`."""
        name = request.match_info["name"]
        self.checked.append(name)
        found = next((entry for entry in self.services if entry["name"] == name), None)
        return web.json_response(found or {"detail": f"No service {name} is routed."}, status=200 if found else 404)

    async def _health(self, _: web.Request) -> web.Response:
        info = {"name": "API Gateway", "version": "0.1.0", "uptime": 3600.5}
        state = "healthy" if self.healthy else "unhealthy"
        body = {"status": state, "service": info, "database": "none", "timestamp": _iso(datetime.now(UTC))}
        return web.json_response(body, status=200 if self.healthy else 503)

    async def _pass(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path_qs
        self.received.append(Received(request.method, path, dict(request.headers), await request.read()))
        if request.path in self.held:
            await self.held[request.path].wait()
        if self.undecided:
            return _refusal(503, self.undecided, "The gateway has no keys.")
        given = (request.headers.get("x-api-key"), request.headers.get("authorization"))
        if self.key and given not in ((self.key, None), (None, f"Bearer {self.key}")):
            known = any(given)
            detail = "The API key is not known here." if known else "This route needs a credential; send X-API-Key."
            return _refusal(401, "unauthenticated", detail)
        status, headers, body = self.answers.get((request.method, request.path), (404, {}, b"{}"))
        return web.Response(status=status, headers=headers, body=body)


def _refusal(status: int, reason: str, detail: str) -> web.Response:
    body = {"type": "about:blank", "status": status, "detail": detail, "reason": reason}
    return web.json_response(body, status=status, headers={"x-gateway-reason": reason})
