"""The gateway as it runs: the real server on a free port, in a thread of this process."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsbuddy_core.health import Health
from opsbuddy_core.web.server import Server, config, listen
from opsbuddy_gateway.factory import build
from opsbuddy_gateway.settings import GatewaySettings
from tests.support.wait import eventually


def route(prefix: str = "/api/files", service: str = "file-service", **spec: Any) -> dict[str, Any]:
    return {"prefix": prefix, "rewrite": "/files", "backends": [{"service": service, "port": 8001}]} | spec


def table(*routes: dict[str, Any]) -> str:
    return json.dumps({"schemaVersion": 1, "routes": routes})


async def raw(port: int, data: bytes) -> bytes:
    """Send bytes, return all that comes back until the other side closes; nothing when nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b""
    try:
        writer.write(data)
        async with asyncio.timeout(15):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


@dataclass
class Gateway:
    port: int
    health: Health
    routes_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def is_ready(self) -> bool:
        return (await raw(self.port, b"GET /health/ready HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200"
        )

    async def status(self) -> Any:
        answer = await raw(self.port, b"GET /status HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    async def service(self, name: str = "file-service") -> Any:
        return next(entry for entry in (await self.status())["services"] if entry["name"] == name)

    def write(self, text: str) -> None:
        """Replace the table as a ConfigMap mount does: at once."""
        new = self.routes_file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.routes_file)


@asynccontextmanager
async def running(
    folder: Path, endpoints: Mapping[str, list[str]], *routes: dict[str, Any], **settings: Any
) -> AsyncIterator[Gateway]:
    """Yield a gateway that takes requests. `endpoints`: addresses by service."""
    file = folder / "routes.json"
    file.write_text(table(*routes))
    defaults = {
        "service_host": "127.0.0.1",
        "service_port": 0,
        "routes_from": "file",
        "routes_file": file,
        "routes_poll_seconds": 0.05,
        "endpoints_from": "static",
        "static_endpoints": json.dumps(dict(endpoints)),
        "check_seconds": 60,
        "openapi_seconds": 0,
    }
    made = GatewaySettings(_env_file=None, **(defaults | settings))
    app, health = build(made)
    listener = listen("127.0.0.1", 0)
    server = Server(config(app, health, made), health, 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    gateway = Gateway(listener.getsockname()[1], health, file)
    try:
        await eventually(gateway.is_ready, within=60, every=0.01, what="the gateway is ready")
        yield gateway
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.to_thread(thread.join, 20)
        assert not thread.is_alive(), "the gateway did not end"
