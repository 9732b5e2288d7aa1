"""The description, promise by promise, on the platform as local processes: with embedded stores, and with a real InfluxDB."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.description.installation import Installation, installation
from tests.contract.description.table import PROMISES, Promise
from tests.support.demo import demo
from tests.support.influxdb import fresh_bucket, influxd  # noqa: F401 - a fixture

pytestmark = [pytest.mark.demo, pytest.mark.timeout(120)]
OFFSETS = {"embedded": 20000, "influxdb": 21000}  # below the range from which the kernel gives ports away


@pytest.fixture(scope="module", params=list(OFFSETS))
def urls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The demo; a blocking fixture, so that tests with loops of their own share it."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with demo(folder, OFFSETS["embedded"]) as addresses:
            yield addresses
        return
    environment = fresh_bucket(request.getfixturevalue("influxd")).environment()
    with demo(folder, OFFSETS["influxdb"], "--influxdb", environment=environment) as addresses:
        yield addresses


@pytest.fixture
async def at(urls: dict[str, str]) -> AsyncIterator[Installation]:
    async with installation(urls) as opened:
        yield opened


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.words)
async def test_the_platform_keeps(at: Installation, promise: Promise) -> None:
    await promise.keep(at)
