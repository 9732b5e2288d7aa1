from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from opsbuddy_ui_service.factory import build
from opsbuddy_ui_service.settings import UiSettings
from tests.support.apps import client
from tests.support.fake_gateway import FakeGateway
from tests.support.traces import traces  # noqa: F401 - a fixture
from tests.support.wait import eventually


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.running() as gateway:
        yield gateway


@pytest.fixture
def settings(gateway: FakeGateway) -> UiSettings:
    return UiSettings(gateway_url=gateway.url, refresh_seconds=0.05, gateway_timeout=0.3, pod_namespace="opsbuddy")


@pytest.fixture
async def http(settings: UiSettings) -> AsyncIterator[httpx2.AsyncClient]:
    app, _ = build(settings)
    async with client(app) as session:
        yield session


@pytest.fixture
def summary(http: httpx2.AsyncClient) -> Callable[[str], object]:
    """Wait until the line of truth has these words."""

    async def wait(words: str) -> str:
        async def said() -> str:
            line = (await http.get("/api/services/status")).json()["summary"]
            assert words in line, line
            return line

        return await eventually(said, what=words)

    return wait
