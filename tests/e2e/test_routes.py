"""Changes while requests come in without pause: what is asked is answered, and a change shows within seconds."""

import asyncio
from typing import Any

import pytest

from tests.contract.cluster import Cluster
from tests.e2e.load import Request, failed, load
from tests.e2e.resources import gateway, service
from tests.support.wait import eventually

pytestmark = pytest.mark.e2e
SECONDS = 10  # a deadline; usual is a second or two
FORM = {"category": "system", "value": "true"}
READ: Request = ("GET", "/api/web/health", None)
WRITE: Request = ("POST", "/api/web/configs", FORM)  # a gateway must not repeat it
OTHER: Request = ("GET", "/api/other/health", None)
GONE = "GET /api/other/health 404"


async def answers(cluster: Cluster, path: str) -> int:
    """Return the status with which a gateway answers, asked through the API server."""
    namespace = f"api/v1/namespaces/{cluster.namespace}"
    return (await cluster.session.get(f"{namespace}/services/gateway:8000/proxy{path}")).status_code


async def shows(cluster: Cluster, path: str, status: int) -> None:
    """Wait until `path` is answered so by every gateway."""

    async def all_do() -> bool:
        return {await answers(cluster, path) for _ in range(10)} == {status}

    await eventually(all_do, within=SECONDS, every=0.2, what=f"{path} is answered with {status}")


async def route(cluster: Cluster, name: str, route: dict[str, Any] | None) -> None:
    await cluster.patch("obs", name, {"spec": {"route": route}})
    await cluster.until(name, "RoutesProgrammed", within=SECONDS)


async def test_routes_are_added_changed_and_removed_without_a_failed_request(cluster):
    await cluster.apply(gateway(replicas=2))
    await cluster.apply(service("web", replicas=2, route={"prefix": "/api/web"}))
    await cluster.apply(service("other"))
    await asyncio.gather(*(cluster.until(name, within=60) for name in ("gateway", "web", "other")))
    async with load(cluster, READ, WRITE, OTHER) as running:
        await running.answered(GONE)
        await route(cluster, "other", {"prefix": "/api/other"})
        await shows(cluster, "/api/other/health", 200)
        async with running.never(GONE):
            await route(cluster, "web", {"prefix": "/api/web", "loadBalancing": "LeastRequest", "timeout": "20s"})
            await route(cluster, "other", {"prefix": "/api/other", "timeout": "20s"})
        await route(cluster, "other", {"prefix": "/api/moved"})
        await shows(cluster, "/api/moved/health", 200)
        await shows(cluster, "/api/other/health", 404)
        await route(cluster, "other", {"prefix": "/api/other"})
        await shows(cluster, "/api/other/health", 200)
        async with running.never(GONE):
            pass
        await cluster.delete("obs", "other")
        await shows(cluster, "/api/other/health", 404)
    outcomes = await running.outcomes()
    assert failed(outcomes, ["200", "201", "404"]) == {}
    assert {outcome for outcome in outcomes if outcome.endswith(" 404")} == {GONE}


async def test_a_rolling_update_of_the_gateway_and_of_a_service_loses_no_request(cluster):
    await cluster.apply(gateway(replicas=2))
    await cluster.apply(service("web", replicas=2, route={"prefix": "/api/web"}))
    await asyncio.gather(*(cluster.until(name, within=60) for name in ("gateway", "web")))
    async with (
        load(cluster, READ, WRITE, name="kept-connections") as kept,
        load(cluster, READ, WRITE, name="fresh-connections", keep_alive=False) as fresh,
    ):
        before = {pod["metadata"]["uid"] for pod in await cluster.list("pods", "opsbuddy.dev/service")}
        for name in ("web", "gateway"):
            live = await cluster.get("obs", name)
            env = [*live["spec"].get("env", []), {"name": "LOG_LEVEL", "value": "WARNING"}]
            await cluster.patch("obs", name, {"spec": {"env": env}})

        async def all_are_new() -> bool:
            present = {pod["metadata"]["uid"] for pod in await cluster.list("pods", "opsbuddy.dev/service")}
            return len(present) == len(before) and not present & before

        await eventually(all_are_new, within=90, every=0.5, what="every pod is of the new version")
    assert failed(await kept.outcomes()) == {}
    assert failed(await fresh.outcomes()) == {}
