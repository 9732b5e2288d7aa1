import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.health import Health
from opsbuddy_ui_service.clients.gateway import HttpGateway
from opsbuddy_ui_service.handlers.streams import Streams
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.assets import Assets
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_ui_service.views.platform import Surroundings
from tests.support.fake_gateway import FakeGateway, down
from tests.support.wait import eventually


@pytest.fixture
def health() -> Health:
    return Health("UI Service", "opsbuddy-ui-service")


@pytest.fixture
async def streams(settings: UiSettings, health: Health) -> AsyncIterator[Streams]:
    client = HttpGateway(settings)
    monitor = Monitor(client, Surroundings(settings.expected_services, settings.stale_after), settings.refresh_seconds)
    async with client.connected(), monitor.running():
        yield Streams(monitor, health, Rendering(settings, Assets()), limit=1)


async def read(events: AsyncIterator[bytes]) -> dict[str, Any]:
    """Return the data of the next event."""
    async with asyncio.timeout(5):
        while True:
            text = (await anext(events)).decode()
            if text.startswith("event: state"):
                return dict(json.loads(text.partition("data: ")[2]))


async def test_an_open_page_is_told_at_once_and_again_when_something_changed(
    streams: Streams, gateway: FakeGateway
) -> None:
    events = streams.events("home")
    first = await read(events)
    assert "All six services are healthy." in first["html"]
    gateway.put(down("file-service"))

    async def changed() -> bool:
        event = await read(events)
        return event["tone"] == "bad" and "file-service is down" in event["html"]

    await eventually(changed)
    await events.aclose()


async def test_the_same_state_is_not_sent_twice_but_the_page_hears_that_it_still_holds(streams: Streams) -> None:
    events = streams.events("home")
    assert (await read(events))["html"]

    async def quiet() -> bool:
        event = await read(events)
        assert event["at"]
        return event["html"] is None

    await eventually(quiet)
    await events.aclose()


async def test_streams_end_when_the_process_is_asked_to(streams: Streams, health: Health) -> None:
    events = streams.events("home")
    await read(events)
    health.draining = True
    async with asyncio.timeout(3):
        async for _ in events:
            pass
    with pytest.raises(UnavailableError):
        streams.admit()


async def test_no_more_streams_are_open_than_allowed_and_a_closed_one_makes_room(streams: Streams) -> None:
    streams.admit()
    events = streams.events("home")
    await read(events)
    with pytest.raises(UnavailableError):
        streams.admit()
    await events.aclose()
    streams.admit()
