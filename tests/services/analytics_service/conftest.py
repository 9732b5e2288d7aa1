"""The service on each of its stores: what holds for one has to hold for the other."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from opsbuddy_analytics_service.factory import build
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_analytics_service.storage.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_core import timestamps
from opsbuddy_core.sqlite import SqliteStore
from tests.support.apps import client
from tests.support.influxdb import Bucket, bucket, influxd  # noqa: F401 - fixtures
from tests.support.wait import eventually


def entry(message: str, **changes: Any) -> dict[str, Any]:
    """A valid log of now."""
    fields = {"timestamp": timestamps.render(time.time_ns()), "level": "INFO", "logger": "test", "service": "shop"}
    return fields | {"message": message} | changes


@dataclass
class Service:
    """The running service, and what a test does with it."""

    http: httpx2.AsyncClient
    settings: AnalyticsSettings

    async def send(self, *logs: dict[str, Any], **headers: str) -> dict[str, Any]:
        answer = await self.http.post("/logs", json={"logs": list(logs)}, headers=headers)
        assert answer.status_code in {200, 207}, answer.text
        return answer.json()

    async def page(self, **query: Any) -> dict[str, Any]:
        answer = await self.http.post("/logs/query", json={"service": "shop"} | query)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_constant=pytest.fail)

    async def find(self, **query: Any) -> list[str]:
        return [log["message"] for log in (await self.page(**query))["logs"]]

    async def archived(self) -> None:
        """Wait until InfluxDB has every log, and take them from the journal: answers have to come from there. Nothing without InfluxDB."""
        if self.settings.influxdb_host is None:
            return

        async def forwarded() -> bool:
            state = (await self.http.get("/status")).json()["storage"]
            assert state["journal"]["waiting"] == 0, state
            return True

        await eventually(forwarded, within=20)
        store = SqliteStore(self.settings.sqlite_path("logs"), MIGRATIONS)
        await store.start()
        await SqliteJournal(store).prune_archived(timestamps.now() + timestamps.AHEAD)
        await store.stop()


def settings(folder: Path, **changes: Any) -> AnalyticsSettings:
    return AnalyticsSettings(_env_file=None, data_dir=folder, log_level="ERROR", **changes)


@pytest.fixture(params=["embedded", pytest.param("influxdb", marks=pytest.mark.influxdb)])
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    """The service on the embedded store, and again on InfluxDB."""
    changes = request.getfixturevalue("bucket").settings() if request.param == "influxdb" else {}
    chosen = settings(tmp_path, **changes)
    async with client(build(chosen)[0]) as http:
        yield Service(http, chosen)


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Service]:
    """The service on the embedded store alone: for what the store has no part in."""
    chosen = settings(tmp_path)
    async with client(build(chosen)[0]) as http:
        yield Service(http, chosen)
