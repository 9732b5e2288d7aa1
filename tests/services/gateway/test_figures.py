"""The gateway's own figures on their way into series that the web UI draws."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from opsbuddy_core.errors import UnavailableError
from opsbuddy_gateway.service.figures import KEPT, Figures, points
from opsbuddy_gateway.service.window import Window
from opsbuddy_gateway.storage.series import HttpSeriesStore
from tests.services.gateway.conftest import session
from tests.services.gateway.process import route, running
from tests.services.gateway.test_breaker import Clock
from tests.services.gateway.upstream import Upstream, refusing
from tests.support.processes import Process
from tests.support.wait import eventually

AT = datetime(2026, 3, 4, 3, 5, tzinfo=UTC)


def known(name: str, *seconds: float) -> Any:
    window = Window(Clock())
    for taken in seconds:
        window.record(taken, failed=False)
    return SimpleNamespace(name=name, window=window)


def test_each_service_and_the_gateway_have_their_counters_and_what_was_asked_its_p95():
    ended = {
        ("/api/files", "file-service", "2xx", "answered"): [7],
        ("/api/files", "file-service", "5xx", "answered"): [2],
        ("/api/files", "file-service", "5xx", "timeout"): [1],
        ("/api/files", "", "4xx", "rate_limited"): [4],
        ("/api/gone", "gone-service", "2xx", "answered"): [5],
    }
    found = points(AT, "gateway-0", [known("utility-service"), known("file-service", 0.01)], ended)
    assert [(each["tags"]["service"], each["fields"]) for each in found] == [
        ("gateway", {"requests": 19, "errors": 3}),
        ("file-service", {"requests": 10, "errors": 3, "p95_ms": pytest.approx(10, rel=0.3)}),
        ("utility-service", {"requests": 0, "errors": 0}),
    ]
    assert {(each["measurement"], each["timestamp"], each["tags"]["gateway"]) for each in found} == {
        ("http", "2026-03-04T03:05:00+00:00", "gateway-0")
    }


class Store:
    """Takes points, unless it is away."""

    def __init__(self) -> None:
        self.away, self.kept = False, list[str]()

    async def write(self, points: Any) -> None:
        if self.away:
            raise UnavailableError("The timeseries service: it takes no connection.")
        self.kept += [each["timestamp"] for each in points]


async def test_what_a_store_that_is_away_did_not_take_comes_with_the_next_round_in_order_and_within_bounds():
    clock, store = Clock(), Store()
    clock.now = 120.4
    figures = Figures(lambda at: [{"timestamp": at.strftime("%H:%M:%S")}], store, 60, clock)
    await figures.round()
    store.away = True
    for _ in range(2):
        clock.now += 60
        await figures.round()
    assert store.kept == ["00:02:00"]
    store.away = False
    clock.now += 60
    await figures.round()
    assert store.kept == ["00:02:00", "00:03:00", "00:04:00", "00:05:00"]
    store.away = True
    for _ in range(KEPT + 5):
        clock.now += 60
        await figures.round()
    store.away, store.kept = False, []
    clock.now += 60
    await figures.round()
    assert len(store.kept) == KEPT


async def test_an_address_where_nobody_takes_anything_is_named_in_a_few_words():
    with refusing() as address:
        async with HttpSeriesStore(f"http://{address}") as store:
            with pytest.raises(UnavailableError, match="takes no connection"):
                await store.write([])
    async with HttpSeriesStore("nowhere") as store:
        with pytest.raises(UnavailableError, match="address is not valid"):
            await store.write([])


@pytest.mark.process
async def test_the_timeseries_service_has_them_within_seconds(tmp_path, upstream: Upstream):
    series = Process("opsbuddy_timeseries_service.main", {"DATA_DIR": str(tmp_path)}, tmp_path / "series.log")
    settings = {"timeseries_url": series.url, "figures_seconds": 1}
    name = "counted-here-alone"  # what a gateway counts is kept by its process, which here is that of other tests, too
    await series.start()
    try:
        async with (
            running(tmp_path, {name: [upstream.address]}, route(service=name), **settings) as gateway,
            session(gateway) as http,
            httpx2.AsyncClient(base_url=series.url) as client,
        ):
            for _ in range(3):
                async with http.get("/api/files/a") as answer:
                    assert answer.status == 200

            async def newest() -> float | None:
                query = {"measurement": "http", "field": "requests", "tags": {"service": name}}
                found = (await client.post("/query", json=query)).raise_for_status().json()["series"]
                return found[0]["values"][-1] if found else None

            async def counted() -> bool:
                return await newest() == 3

            await eventually(counted, within=20, what="the three requests are in its series")
    finally:
        await series.end()
