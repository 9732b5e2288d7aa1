"""What `/health`, `/status` and `/metrics` tell about the services behind the gateway."""

import aiohttp

from tests.services.gateway.conftest import session
from tests.services.gateway.process import Gateway, route, running
from tests.services.gateway.upstream import Upstream, refusing
from tests.support.cases import cases
from tests.support.wait import eventually


async def test_health_has_the_documented_members_and_does_not_fall_with_a_service(tmp_path):
    async with running(tmp_path, {}, route(), check_seconds=0.1) as gateway, session(gateway) as http:

        async def known_to_be_down() -> bool:
            return (await gateway.service())["state"] == "unhealthy"

        await eventually(known_to_be_down)
        async with http.get("/health") as answer:
            body = await answer.json()
        assert answer.status == 200
        assert list(body) == ["status", "service", "database", "timestamp"]
        assert (body["status"], body["database"], body["service"]["name"]) == ("healthy", "none", "API Gateway")


async def test_a_service_goes_down_and_comes_back_and_the_bars_remember(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route(), check_seconds=0.1) as gateway:

        async def is_in(state: str) -> dict[str, object] | None:
            service = await gateway.service()
            return service if service["state"] == state else None

        up = await eventually(lambda: is_in("healthy"))
        assert up["history"][-1] == "ok"
        assert up["endpoints"] == [{"address": upstream.address, "state": "healthy"}]
        upstream.healthy = False
        down = await eventually(lambda: is_in("unhealthy"))
        assert down["reason"] == "its health check answers 503"
        assert down["history"][-1] == "down"
        assert down["since"] > up["since"]
        upstream.healthy = True
        assert (await eventually(lambda: is_in("healthy")))["since"] > down["since"]


async def test_one_working_process_keeps_a_service_healthy(tmp_path, upstream: Upstream):
    with refusing() as address:
        endpoints = {"file-service": [upstream.address, address]}
        async with running(tmp_path, endpoints, route(), check_seconds=0.1) as gateway:

            async def judged() -> dict[str, object] | None:
                service = await gateway.service()
                return service if service["state"] != "unknown" else None

            service = await eventually(judged)
    assert service["state"] == "healthy"
    states = {entry["address"]: entry["state"] for entry in service["endpoints"]}
    assert states == {upstream.address: "healthy", address: "unhealthy"}


async def test_a_service_that_is_not_routed_can_be_watched_too(tmp_path, upstream: Upstream):
    checks = f"ui-service=http://{upstream.address}/health"
    async with running(tmp_path, {}, check_seconds=0.1, extra_checks=checks) as gateway:

        async def healthy() -> bool:
            return (await gateway.service("ui-service"))["state"] == "healthy"

        await eventually(healthy)
        assert (await gateway.service("ui-service"))["prefix"] is None


async def test_a_service_that_works_again_does_not_wait_for_its_breaker(tmp_path, upstream: Upstream):
    async with (
        running(tmp_path, {"file-service": [upstream.address]}, route(), check_seconds=0.1) as gateway,
        session(gateway) as http,
    ):
        await upstream.stop()

        async def opened() -> bool:
            await http.get("/api/files/x")
            service = await gateway.service()
            return service["breaker"] == "open" and service["state"] == "unhealthy"

        await eventually(opened)
        await upstream.start()

        async def answers() -> bool:
            async with http.get("/api/files/x") as answer:
                return answer.status == 200

        await eventually(answers, within=5)


async def test_figures_and_metrics_count_what_passed(http: aiohttp.ClientSession, gateway: Gateway):
    for status in (200, 200, 200, 500):
        await http.get(f"/api/files/{status}")
    service = await gateway.service()
    assert (service["requests"], service["error_rate"]) == (4, 0.25)
    assert 0 < service["p95_ms"] < 5000
    text = await (await http.get("/metrics")).text()
    assert 'opsbuddy_gateway_upstream_seconds_count{service="file-service"}' in text
    assert 'opsbuddy_gateway_breaker_state{service="file-service"} 0.0' in text
    assert 'opsbuddy_gateway_endpoints{service="file-service"} 1.0' in text


@cases("path", ["/docs", "/openapi.json", "/health/live", "/health/ready", "/metrics"])
async def test_the_pages_of_the_gateway_itself_answer(http: aiohttp.ClientSession, path: str):
    async with http.get(path) as answer:
        assert answer.status == 200


async def test_a_service_can_be_checked_at_once(tmp_path, upstream: Upstream):
    checks = f"ui-service=http://{upstream.address}/health"
    endpoints = {"file-service": [upstream.address]}
    async with (
        running(tmp_path, endpoints, route(), check_seconds=300, extra_checks=checks) as gateway,
        session(gateway) as http,
    ):
        for name in ("file-service", "ui-service"):
            upstream.healthy = True
            async with http.post(f"/status/{name}/check") as answer:
                assert (answer.status, (await answer.json())["state"]) == (200, "healthy")
            upstream.healthy = False
            async with http.post(f"/status/{name}/check") as answer:
                body = await answer.json()
            assert (body["name"], body["state"]) == (name, "unhealthy")
            assert body["reason"] == "its health check answers 503"
            assert await gateway.service(name) == body
        async with http.post("/status/nothing/check") as answer:
            assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_the_table_in_force_is_shown_with_its_hash_and_what_holds_for_each_route(tmp_path, upstream: Upstream):
    async with (
        running(tmp_path, {"file-service": [upstream.address]}, route()) as gateway,
        session(gateway) as http,
    ):
        async with http.get("/status/routes") as answer:
            shown = await answer.json()
        async with http.get("/status") as answer:
            status = await answer.json()
    assert shown["sha256"] == status["routes"]["sha256"]
    [only] = shown["routes"]
    assert only["prefix"] == route()["prefix"]
    assert only["timeoutSeconds"] > 0
    assert [backend["service"] for backend in only["backends"]] == ["file-service"]


async def test_status_says_after_how_many_failures_a_breaker_opens(tmp_path, upstream: Upstream):
    async with running(tmp_path, {"file-service": [upstream.address]}, route()) as gateway:
        breaker = (await gateway.service())["circuit_breaker"]
    assert breaker["failures"] > 0
    assert (breaker["open_seconds"], breaker["retry_after_seconds"]) == (None, None)
