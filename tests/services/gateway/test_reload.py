"""A change of the table: taken over as a whole or not at all, and no request fails for it."""

import asyncio
import os

import aiohttp

from opsbuddy_core.routes import digest
from tests.services.gateway.conftest import session
from tests.services.gateway.process import Gateway, route, running, table
from tests.services.gateway.upstream import Upstream
from tests.support.wait import eventually


async def served(gateway: Gateway, text: str) -> bool:
    return (await gateway.status())["routes"]["sha256"] == digest(text)


async def test_no_request_fails_while_tables_change_under_load(tmp_path, upstream: Upstream):
    async with Upstream.running() as other:
        endpoints = {"file-service": [upstream.address], "other": [other.address]}
        always = route("/api/files")
        tables = [
            table(always),
            table(always, route("/api/other", "other")),
            table(always, route("/api/files/x", "other")),
        ]
        async with running(tmp_path, endpoints, always, routes_poll_seconds=0.01) as gateway, session(gateway) as http:
            done, seen = asyncio.Event(), []

            async def ask() -> None:
                while not done.is_set():
                    async with http.get("/api/files/x/200") as answer:
                        await answer.read()
                        seen.append(answer.status)

            async def follow(text: str) -> bool:
                return await served(gateway, text)

            asking = [asyncio.create_task(ask()) for _ in range(4)]
            for number in range(15):
                text = tables[number % 3]
                gateway.write(text)
                await eventually(lambda text=text: follow(text), every=0.01)
            done.set()
            await asyncio.gather(*asking)
            assert set(seen) == {200}
            assert len(seen) > 50
            assert upstream.requests
            assert other.requests


async def test_a_request_that_is_under_way_ends_although_its_route_is_gone(
    gateway: Gateway, http: aiohttp.ClientSession, upstream: Upstream
):
    asking = asyncio.create_task(http.get("/api/files/slow"))
    await asyncio.wait_for(upstream.arrived.wait(), 5)
    gateway.write(table())
    await eventually(lambda: served(gateway, table()))
    upstream.release.set()
    async with await asking as answer:
        assert (answer.status, await answer.text()) == (200, "late")
    async with http.get("/api/files/x") as answer:
        assert answer.status == 404


async def test_a_table_that_cannot_be_used_is_shown_and_the_last_one_stays(
    gateway: Gateway, http: aiohttp.ClientSession
):
    good = (await gateway.status())["routes"]
    assert (good["count"], good["schemaVersion"], good["source"], good["error"]) == (1, 1, "file", None)
    gateway.write(table(route("/api/files", timeoutSeconds=-1)))

    async def refused() -> bool:
        return "timeoutSeconds" in str((await gateway.status())["routes"]["error"])

    await eventually(refused)
    assert (await gateway.status())["routes"]["sha256"] == good["sha256"]
    async with http.get("/api/files/x") as answer:
        assert answer.status == 200
    os.truncate(gateway.routes_file, 0)
    await asyncio.sleep(0.2)
    assert (await gateway.status())["routes"]["sha256"] == good["sha256"]
    gateway.routes_file.unlink()

    async def removed() -> bool:
        return "removed" in str((await gateway.status())["routes"]["error"])

    await eventually(removed)
    text = table(route("/api/new"))
    gateway.write(text)
    await eventually(lambda: served(gateway, text))
    assert (await gateway.status())["routes"]["error"] is None


async def test_the_breaker_of_a_service_survives_a_change_of_the_table(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route()) as gateway, session(gateway) as http:
        for _ in range(5):
            await http.get("/api/files/503")
        text = table(route(), route("/api/more"))
        gateway.write(text)
        await eventually(lambda: served(gateway, text))
        assert (await gateway.service())["breaker"] == "open"


async def test_the_figures_of_a_service_go_on_when_its_port_changes_and_end_when_it_leaves(
    gateway: Gateway, http: aiohttp.ClientSession
):
    async def figures() -> dict[str, float]:
        text = await (await http.get("/metrics")).text()
        found = (line.rsplit(" ", 1) for line in text.splitlines() if 'service="file-service"' in line)
        return {name.partition("{")[0]: float(value) for name, value in found if "requests_total" not in name}

    async with http.get("/api/files/x") as answer:
        assert answer.status == 200
    before = await figures()
    moved = table(route(backends=[{"service": "file-service", "port": 9001}]))
    gateway.write(moved)
    await eventually(lambda: served(gateway, moved))
    async with http.get("/api/files/x") as answer:
        assert answer.status == 200
    after = await figures()
    assert after.keys() == before.keys()
    assert after["opsbuddy_gateway_endpoints"] == 1
    assert after["opsbuddy_gateway_upstream_seconds_count"] == before["opsbuddy_gateway_upstream_seconds_count"] + 1
    gateway.write(table())
    await eventually(lambda: served(gateway, table()))
    assert not await figures()
