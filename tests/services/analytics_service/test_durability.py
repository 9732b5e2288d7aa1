"""What was acknowledged is there, exactly once, whatever dies."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from opsbuddy_analytics_service.factory import build
from opsbuddy_core import timestamps
from tests.services.analytics_service.conftest import Service, entry, settings
from tests.support.apps import client
from tests.support.influxdb import Bucket
from tests.support.processes import Process
from tests.support.wait import eventually

pytestmark = [pytest.mark.influxdb, pytest.mark.timeout(120)]


@pytest.fixture
async def process(bucket: Bucket, tmp_path: Path) -> AsyncIterator[Process]:
    environment = bucket.environment() | {"DATA_DIR": str(tmp_path / "data"), "LOG_LEVEL": "ERROR"}
    running = Process("opsbuddy_analytics_service.main", environment, tmp_path / "log")
    await running.start()
    yield running
    await running.end()


@pytest.fixture
async def service(bucket: Bucket, tmp_path: Path) -> AsyncIterator[Service]:
    chosen = settings(tmp_path, **bucket.settings())
    async with client(build(chosen)[0]) as http:
        yield Service(http, chosen)


async def sender(url: str, name: str, acknowledged: list[str], attempted: list[str]) -> None:
    """Send batches until the server is gone; a batch counts when it was acknowledged."""
    async with httpx2.AsyncClient(base_url=url) as http:
        for number in range(10_000):
            messages = [f"{name}-{number}-{each}" for each in range(20)]
            attempted += messages
            try:
                answer = await http.post("/logs", json=[entry(message) for message in messages])
            except httpx2.TransportError:
                return
            assert answer.status_code == 200, answer.text
            acknowledged += messages


async def everything(url: str) -> list[str]:
    """Page through all logs of the service."""
    found: list[str] = []
    cursor: str | None = None
    async with httpx2.AsyncClient(base_url=url, timeout=20) as http:
        while True:
            body = (await http.post("/logs/query", json={"service": "shop", "limit": 1000, "cursor": cursor})).json()
            found += [log["message"] for log in body["logs"]]
            cursor = body["next_cursor"]
            if cursor is None:
                return found


async def waits(url: str) -> int:
    async with httpx2.AsyncClient(base_url=url) as http:
        return (await http.get("/status")).json()["storage"]["journal"]["waiting"]


async def test_kill_minus_nine_loses_and_doubles_no_acknowledged_log(process: Process, bucket: Bucket) -> None:
    acknowledged: list[str] = []
    attempted: list[str] = []
    for turn in range(3):
        senders = [asyncio.create_task(sender(process.url, f"{turn}{name}", acknowledged, attempted)) for name in "abc"]
        enough = len(acknowledged) + 600

        async def sent(enough: int = enough) -> bool:
            return len(acknowledged) > enough

        await eventually(sent, within=30)
        await process.end(signal.SIGKILL)
        await asyncio.gather(*senders)
        await process.start()
    found = Counter(await everything(process.url))
    assert [message for message in acknowledged if message not in found] == []
    assert [message for message, number in found.items() if number > 1] == []
    assert set(found) <= set(attempted)

    async def forwarded() -> bool:
        return await waits(process.url) == 0

    await eventually(forwarded, within=30)
    assert bucket.logs() == len(found)


async def test_an_outage_of_influxdb_loses_and_doubles_nothing(service: Service, bucket: Bucket) -> None:
    await service.send(*[entry(f"before {i}") for i in range(50)])
    await service.archived()
    bucket.server.stop()
    try:
        same = entry("same", timestamp="2026-11-20T00:00:00.001Z", level="ERROR")
        for number in range(20):
            await service.send(*[entry(f"during {number}-{i}") for i in range(10)])
        await service.send(same, same, same, entry("once", event_id="e1"))
        await service.send(entry("once", event_id="e1"))

        async def noticed() -> bool:
            state = (await service.http.get("/status")).json()["storage"]
            return "cannot be reached" in state["forwarding"]

        await eventually(noticed)
        assert (await service.http.get("/health")).status_code == 200
        assert (await service.http.get("/health/ready")).status_code == 200
        page = await service.page(limit=1000)
        assert page["count"] == 204  # what InfluxDB alone has cannot be shown, and the answer says so
        assert page["coverage"]["complete"] is False
        assert "InfluxDB cannot be used" in page["coverage"]["note"]
        assert (await service.http.get("/stats")).json()["by_service"]["shop"] == 251
    finally:
        bucket.server.start()
    await service.send(entry("after"))
    await service.archived()
    found = await service.find(limit=1000)
    assert len(found) == 255
    assert Counter(found)["same"] == 3
    assert Counter(found)["once"] == 1
    assert len(set(found)) == 253
    assert bucket.logs() == 255


async def test_recent_logs_are_answered_while_influxdb_is_down(service: Service, bucket: Bucket) -> None:
    sent = entry("a")
    await service.send(sent)

    async def forwarded() -> bool:
        return bucket.logs() == 1

    await eventually(forwarded)
    bucket.server.stop()
    try:
        page = await service.page(start=sent["timestamp"])
        assert ([log["message"] for log in page["logs"]], page["coverage"]["complete"]) == (["a"], True)
    finally:
        bucket.server.start()


async def test_a_new_journal_finds_the_logs_of_a_lost_one_in_influxdb(
    service: Service, bucket: Bucket, tmp_path: Path
) -> None:
    sent = entry("before the disk was lost")
    await service.send(sent)

    async def forwarded() -> bool:
        return bucket.logs() == 1

    await eventually(forwarded)
    chosen = settings(tmp_path / "new", **bucket.settings())
    async with client(build(chosen)[0]) as http:
        fresh = Service(http, chosen)
        assert await fresh.find(start=sent["timestamp"]) == ["before the disk was lost"]
        await fresh.send(entry("after"))
        query = {"service": "shop", "start": timestamps.render(timestamps.now() - 24 * 3600 * timestamps.SECOND)}
        counted = (await http.post("/logs/histogram", json=query)).json()
        assert (counted["width_seconds"], counted["total"]) == (1800, 2)


async def test_a_latecomer_after_a_new_start_overwrites_nothing_in_influxdb(bucket: Bucket, tmp_path: Path) -> None:
    chosen = settings(tmp_path, **bucket.settings())
    for name in ("first", "late"):
        async with client(build(chosen)[0]) as http:
            service = Service(http, chosen)
            await service.send(*[entry(f"{name} {i}", timestamp="2026-01-01T00:00:00.123456789Z") for i in range(3)])
            await service.archived()
            found = await service.find()
    assert sorted(found) == ["first 0", "first 1", "first 2", "late 0", "late 1", "late 2"]


async def test_a_log_that_influxdb_refuses_for_good_stays_here_and_holds_nobody_up(
    service: Service, bucket: Bucket
) -> None:
    """The bucket keeps a week: InfluxDB takes nothing older, ever."""
    found = bucket.server.call("GET", f"/api/v2/buckets?name={bucket.name}")["buckets"][0]["id"]
    week = {"retentionRules": [{"type": "expire", "everySeconds": 7 * 86_400, "shardGroupDurationSeconds": 86_400}]}
    bucket.server.call("PATCH", f"/api/v2/buckets/{found}", week)
    await service.send(entry("old", timestamp="2025-10-13T01:19:00Z"), entry("new"))
    await service.archived()
    state: dict[str, Any] = (await service.http.get("/status")).json()["storage"]
    assert (state["journal"]["dead"], state["forwarding"]) == (1, "works")
    assert await service.find() == ["new", "old"]
    assert bucket.logs() == 1


async def test_a_wrong_token_keeps_logs_waiting_and_says_so(bucket: Bucket, tmp_path: Path) -> None:
    chosen = settings(tmp_path, **bucket.settings() | {"influxdb_token": "wrong"})
    async with client(build(chosen)[0]) as http:
        service = Service(http, chosen)
        await service.send(entry("a"))

        async def said() -> bool:
            state = (await http.get("/status")).json()["storage"]
            return "INFLUXDB_TOKEN" in state["forwarding"] and state["journal"]["waiting"] == 1

        await eventually(said)
        assert await service.find() == ["a"]
        assert "wrong" not in (await http.get("/status")).text
