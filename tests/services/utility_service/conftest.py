"""The utility service on each of its databases: what holds for one has to hold for the other."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from opsbuddy_utility_service.factory import build
from opsbuddy_utility_service.settings import UtilitySettings
from tests.support import schema
from tests.support.apps import client
from tests.support.fake_launcher import FakeLauncher
from tests.support.postgres import postgres, postgres_server  # noqa: F401 - fixtures


@dataclass
class Service:
    """The running service, and what a test does with it. Commands are only pretended."""

    http: httpx2.AsyncClient
    settings: UtilitySettings
    launcher: FakeLauncher

    async def create(self, name: str = "retention", category: str = "system", **members: Any) -> dict[str, Any]:
        document = {"name": name, "category": category, "value": True} | members
        answer = await self.http.post("/configs", json=document)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def audited(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.http.get("/system/audit", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["runs"]

    async def find(self, **query: Any) -> list[str]:
        answer = await self.http.get("/configs", params=query)
        assert answer.status_code == 200, answer.text
        return [entry["name"] for entry in answer.json()["configs"]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres") if request.param == "postgres" else None


@pytest.fixture
async def service(tmp_path: Path, database_url: str | None) -> AsyncIterator[Service]:
    settings = UtilitySettings(data_dir=tmp_path, database_url=database_url, command_concurrency=2)
    await schema.put(settings, "utility", "opsbuddy_utility_service")
    launcher = FakeLauncher()
    async with client(build(settings, launcher=launcher)[0]) as http:
        yield Service(http, settings, launcher)
