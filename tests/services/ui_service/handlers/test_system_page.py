from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from opsbuddy_ui_service.models.status import ServiceStatus
from opsbuddy_ui_service.views.judgement import circuit
from opsbuddy_ui_service.views.system import table
from tests.support.fake_gateway import FakeGateway, route, service

Summary = Callable[[str], Awaitable[str]]


@pytest.mark.parametrize(
    ("state", "breaker", "words"),
    [
        (
            "closed",
            {"failures": 5},
            "Closed: requests go through; after 5 failures in a row it holds them back.",
        ),
        (
            "open",
            {"failures": 5, "open_seconds": 120.0, "retry_after_seconds": 40.4},
            "Open since 11:58 UTC (2 min): requests are held back, next probe in 40 s.",
        ),
        ("open", {}, "Open: requests are held back."),
        (
            "half_open",
            {"failures": 5, "open_seconds": 61.0},
            "Half open; open since 11:58 UTC (1 min): the next request is the probe whether it is back, the others are held back.",
        ),
        (None, {}, ""),
    ],
)
def test_a_breaker_is_told_in_words(state: str | None, breaker: dict[str, Any], words: str) -> None:
    status = service("file-service", breaker=state, circuit_breaker=breaker)
    parts = circuit(ServiceStatus.model_validate(status), datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert "".join(part.text + (f"{part.at:%H:%M} UTC" if part.at else "") for part in parts) == words


def test_a_route_is_told_with_all_that_holds_for_it() -> None:
    backends = [{"service": "a", "port": 1, "weight": 3}, {"service": "b", "port": 2, "weight": 1}]
    given = route(
        "file-service",
        methods=["GET", "POST"],
        backends=backends,
        timeoutSeconds=1.5,
        retries=0,
        loadBalancing="LeastRequest",
        rateLimit={"requestsPerSecond": 20, "burst": 40, "by": "Token"},
        authentication={"mode": "Required", "methods": ["JWT", "APIKey"], "roles": ["oncall"]},
        cors={"allowOrigins": ["https://ops.example.com"]},
        maxBodyBytes=34_000_000,
    )
    [shown] = table({"sha256": "a", "routes": [given]}).routes
    assert (shown.prefix, shown.rewrite, shown.methods, shown.timeout) == ("/api/files", "/", "GET, POST", "1.5 s")
    assert shown.backends == ("a:1, 75%", "b:2, 25%")
    assert shown.limits == (
        "20 requests a second, 40 at once for each credential",
        "asks for a JWT or an API key with the role oncall",
        "pages of https://ops.example.com may ask",
        "bodies up to 34 MB",
        "held back for 60 s after 5 failures in a row",
        "not tried again",
        "spread to who has least to do",
    )


def test_a_route_without_limits_says_what_holds_all_the_same() -> None:
    [shown] = table({"routes": [{"prefix": "/x", "backends": [{"service": "a", "port": 1}]}]}).routes
    assert (shown.methods, shown.backends, shown.limits) == ("all", ("a:1",), ("not tried again",))


async def test_the_page_shows_the_served_routes_with_the_hash_of_the_table(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.routes = [route("file-service", rewrite="/<b>")]
    await summary("healthy")
    page = (await http.get("/system")).text
    assert "<code>file-service:8001</code> at <code>/&lt;b&gt;</code>" in page
    assert f"<code>{'0' * 64}</code>" in page


async def test_without_the_gateway_the_panel_of_the_routes_says_so_and_the_page_comes(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    await gateway.stop()
    page = await http.get("/system")
    assert page.status_code == 200
    assert "gateway does not answer here" in page.text
