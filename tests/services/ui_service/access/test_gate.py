"""Where the gateway asks everybody who comes, no page is shown before one has signed in."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest
from starlette.datastructures import Headers

from opsbuddy_ui_service.access.gate import HELD, Gate
from opsbuddy_ui_service.factory import build
from opsbuddy_ui_service.rendering.rail import RAIL
from opsbuddy_ui_service.settings import UiSettings
from tests.support.apps import client
from tests.support.fake_gateway import FakeGateway, down, service
from tests.support.wait import eventually

KEY = "0f" * 32
STATE = ("/api/services/status", "/panels/services", "/panels/system/routes", "/events?page=home")


@pytest.fixture
def settings(gateway: FakeGateway) -> UiSettings:
    gateway.key = KEY
    gateway.put(down("file-service"))
    return UiSettings(gateway_url=gateway.url, refresh_seconds=0.05, gateway_timeout=1, pod_namespace="payments")


@pytest.fixture
async def http(settings: UiSettings) -> AsyncIterator[httpx2.AsyncClient]:
    app, _ = build(settings)
    async with client(app) as session:
        await eventually(status(session, 401), what="the gate is shut")
        yield session


def status(http: httpx2.AsyncClient, wanted: int) -> Callable[[], Awaitable[bool]]:
    async def answered() -> bool:
        return (await http.get("/api/services/status")).status_code == wanted

    return answered


@pytest.mark.parametrize("path", [*(entry.address for entry in RAIL), "/files/1", "/favicon.ico", "/nowhere"])
async def test_every_page_leads_to_the_sign_in_and_back(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path, params={"q": "a&b"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next={path}%3Fq%3Da%2526b"
    assert answer.content == b""


@pytest.mark.parametrize("path", STATE)
async def test_programs_are_told_that_they_need_a_credential(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert "file-service" not in answer.text


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"])
async def test_probes_and_the_documentation_stay_open(http: httpx2.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 200


async def test_the_sign_in_shows_nothing_of_the_platform(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/login")).text
    assert "<title>Sign in · OpsBuddy</title>" in page
    assert "file-service" not in page
    assert "icons/stale.svg" in page
    refused = await http.post("/login", data={"credential": "wrong"})
    assert (refused.status_code, "file-service" in refused.text) == (401, False)


async def test_who_is_signed_in_sees_all_and_who_signs_out_nothing(http: httpx2.AsyncClient) -> None:
    back = await http.post("/login", data={"credential": KEY, "next": "/system"})
    assert (back.status_code, back.headers["location"]) == (303, "/system")
    assert "file-service is down" in (await http.get("/")).text
    assert (await http.get("/api/services/status")).json()["live"]
    await http.post("/logout")
    assert (await http.get("/")).headers["location"] == "/login"


async def test_a_program_with_a_credential_that_holds_is_let_through_and_checked_once_in_a_while(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    gateway.received.clear()
    for _ in range(3):
        assert (await http.get("/api/services/status", headers={"x-api-key": KEY})).status_code == 200
    assert len(gateway.received) == 1
    for wrong in ({"x-api-key": "none"}, {"authorization": "Bearer none"}, {"authorization": "Basic YTpi"}):
        assert (await http.get("/api/services/status", headers=wrong)).status_code == 401, wrong
    assert (await http.get("/", headers={"x-api-key": "none"})).status_code == 401


async def test_what_goes_to_the_gateway_is_answered_by_the_gateway(http: httpx2.AsyncClient) -> None:
    assert "send X-API-Key" in (await http.get("/api/files")).json()["detail"]
    assert "Locked</span>" in (await http.get("/panels/utility/system")).text


async def test_a_service_that_is_open_to_all_does_not_open_the_pages_but_an_open_one_of_the_platform_does(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    gateway.put(service("webhooks", prefix="/api/webhooks", credentials=[]), down("file-service", minutes=8))
    assert (await http.get("/")).status_code == 303
    gateway.put(service("file-service", credentials=[]))
    await eventually(status(http, 200), what="a part is open to all, and so is what shows its state")


async def test_the_state_stays_open_where_that_is_wanted(settings: UiSettings) -> None:
    app, _ = build(settings.model_copy(update={"sign_in_first": False}))
    async with client(app) as session:
        assert (await session.get("/")).status_code == 200


async def test_without_the_gateway_the_sign_in_says_why_nobody_is_let_in(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    await gateway.stop()

    async def said() -> bool:
        return "Until it is back nobody can be let in." in (await http.get("/login")).text

    await eventually(said, within=20)
    assert (await http.get("/")).status_code == 303


async def test_a_credential_counts_for_a_while_and_not_for_ever() -> None:
    asked: list[float] = []
    now = 0.0

    class Asked:
        async def check(self, *_: object) -> None:
            asked.append(now)

    gate = Gate(None, None, Asked(), lambda: now)  # type: ignore[arg-type]
    for moment in (0.0, HELD - 1, HELD + 1, HELD + 2):
        now = moment
        await gate._check(Headers({"x-api-key": KEY}), ())
    assert asked == [0.0, HELD + 1]
