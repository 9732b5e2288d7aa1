"""One running platform, whatever it runs on: the demo, a demo with InfluxDB, a cluster behind port-forwards."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2

PORTS = {
    "gateway": 8000,
    "file-service": 8001,
    "utility-service": 8002,
    "analytics-service": 8003,
    "timeseries-service": 8004,
    "ui-service": 3000,
}
SERVICES = frozenset(PORTS)
PREFIXES = ("/api/files", "/api/utils", "/api/analytics", "/api/timeseries")
LIMIT = 20  # seconds for an answer


@dataclass(frozen=True, slots=True)
class Installation:
    """Each service on its own port; the gateway leads to all of them."""

    on_port: Mapping[str, httpx2.AsyncClient]

    @property
    def gateway(self) -> httpx2.AsyncClient:
        return self.on_port["gateway"]

    @property
    def ui(self) -> httpx2.AsyncClient:
        return self.on_port["ui-service"]


@asynccontextmanager
async def installation(urls: Mapping[str, str]) -> AsyncIterator[Installation]:
    """Yield the installation whose services answer at these addresses."""
    async with AsyncExitStack() as stack:
        clients = {name: httpx2.AsyncClient(base_url=url, timeout=LIMIT) for name, url in urls.items()}
        for client in clients.values():
            await stack.enter_async_context(client)
        yield Installation(clients)


def unique(word: str) -> str:
    """Return a name that nothing else in the installation has."""
    return f"{word}-{uuid.uuid4().hex[:8]}"
