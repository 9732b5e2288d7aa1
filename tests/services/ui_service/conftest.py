from collections.abc import AsyncIterator, Callable
from functools import partial

import httpx2
import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from typing_extensions import override

from opsbuddy_ui_service.factory import build
from opsbuddy_ui_service.rendering import pages as rendering
from opsbuddy_ui_service.settings import UiSettings
from tests.support.apps import client
from tests.support.fake_gateway import FakeGateway
from tests.support.traces import traces  # noqa: F401 - a fixture
from tests.support.wait import eventually


class Compiled(BytecodeCache):
    """Templates, compiled once for all applications of this process: each test has one of its own."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bytes] = {}

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._known.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(code)

    @override
    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


COMPILED = Compiled()


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "Environment", partial(Environment, bytecode_cache=COMPILED))


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
