from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.services.gateway.process import Gateway, route, running
from tests.services.gateway.upstream import Upstream
from tests.support.traces import traces  # noqa: F401 - a fixture


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream.running() as service:
        yield service


@pytest.fixture
async def gateway(tmp_path, upstream: Upstream) -> AsyncIterator[Gateway]:
    """A gateway with one route, /api/files, to one endpoint."""
    async with running(tmp_path, {"file-service": [upstream.address]}, route()) as process:
        yield process


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    async with session(gateway) as client:
        yield client


def session(gateway: Gateway) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(gateway.url, timeout=aiohttp.ClientTimeout(total=20))
