"""The service on each of its stores: what holds for one has to hold for the other."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from opsbuddy_timeseries_service.factory import build
from opsbuddy_timeseries_service.settings import TimeseriesSettings
from tests.support.apps import client
from tests.support.influxdb import Bucket, bucket, influxd  # noqa: F401 - fixtures


def point(value: Any, measurement: str = "m", **changes: Any) -> dict[str, Any]:
    return {"measurement": measurement, "fields": {"v": value}} | changes


@dataclass
class Service:
    """The running service, and what a test does with it."""

    http: httpx2.AsyncClient

    async def write(self, *points: dict[str, Any]) -> dict[str, Any]:
        answer = await self.http.post("/write", json={"points": list(points)})
        assert answer.status_code in {200, 207}, answer.text
        return answer.json()

    async def lines(self, text: str, query: str = "", path: str = "/write") -> httpx2.Response:
        return await self.http.post(
            path + query, content=text.encode(), headers={"content-type": "text/plain; charset=utf-8"}
        )

    async def answer(self, **query: Any) -> dict[str, Any]:
        answer = await self.http.post("/query", json={"measurement": "m", "field": "v"} | query)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_constant=pytest.fail)

    async def values(self, **query: Any) -> list[Any]:
        """The values of the only series."""
        series = (await self.answer(**query))["series"]
        assert len(series) == 1, series
        assert len(series[0]["values"]) == len(series[0]["timestamps"])
        return series[0]["values"]


@pytest.fixture(params=["embedded", pytest.param("influxdb", marks=pytest.mark.influxdb)])
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    """The service on the embedded store, and again on InfluxDB."""
    changes = request.getfixturevalue("bucket").settings() if request.param == "influxdb" else {}
    settings = TimeseriesSettings(_env_file=None, data_dir=tmp_path, log_level="ERROR", **changes)
    async with client(build(settings)[0]) as http:
        yield Service(http)


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Service]:
    """The service on the embedded store, for what no store has a part in."""
    settings = TimeseriesSettings(_env_file=None, data_dir=tmp_path, log_level="ERROR")
    async with client(build(settings)[0]) as http:
        yield Service(http)
