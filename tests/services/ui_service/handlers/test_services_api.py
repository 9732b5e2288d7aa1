from collections.abc import Awaitable, Callable

import httpx2
import pytest

from tests.support.fake_gateway import FakeGateway, down, slow

Summary = Callable[[str], Awaitable[str]]


async def test_status_names_every_service_with_its_state(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.put(down("file-service"), slow("analytics-service"))
    await summary("file-service is down")
    body = (await http.get("/api/services/status")).json()
    assert body["live"]
    states = {entry["name"]: (entry["status"], entry["state"]) for entry in body["services"]}
    assert states == {
        "gateway": ("healthy", "healthy"),
        "file-service": ("unhealthy", "down"),
        "utility-service": ("healthy", "healthy"),
        "analytics-service": ("healthy", "slow"),
        "timeseries-service": ("healthy", "healthy"),
        "ui-service": ("healthy", "healthy"),
    }


async def test_status_is_unknown_when_the_gateway_is_gone(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    await gateway.stop()
    await summary("The gateway has not been heard from")
    body = (await http.get("/api/services/status")).json()
    assert not body["live"]
    assert {entry["status"] for entry in body["services"]} == {"unknown"}


@pytest.mark.parametrize(
    ("name", "member"), [("file-service", "endpoints"), ("gateway", "service"), ("ui-service", "service")]
)
async def test_a_check_asks_at_once_and_shows_the_raw_answer(
    http: httpx2.AsyncClient, summary: Summary, name: str, member: str
) -> None:
    await summary("healthy")
    body = (await http.post(f"/api/services/{name}/check")).json()
    assert (body["service"], body["state"], body["word"]) == (name, "healthy", "Healthy")
    assert member in body["answer"]
    assert body["duration_ms"] >= 0


async def test_a_check_of_one_service_has_the_gateway_ask_it_now(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    await summary("healthy")
    gateway.checked.clear()
    await http.post("/api/services/file-service/check")
    assert gateway.checked == ["file-service"]


async def test_a_check_of_all_sees_what_changed_just_now(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    await summary("healthy")
    gateway.put(down("file-service"))
    assert (await http.post("/api/services/check")).json()["summary"].startswith("file-service is down")


async def test_a_check_of_a_service_that_is_not_there_names_those_that_are(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/services/nothing/check")
    assert answer.status_code == 404
    assert "file-service" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://test"}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "http://test"}, 200),
        # a proxy in front, of TLS or another port, that calls us by another name than the browser called it
        ({"sec-fetch-site": "same-origin", "origin": "https://ops.example.com:8443"}, 200),
        ({"origin": "https://ops.example.com:8443"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://test"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_pages_of_other_sites_cannot_ask_for_changes(
    http: httpx2.AsyncClient, headers: dict[str, str], status: int
) -> None:
    assert (await http.post("/api/services/check", headers=headers)).status_code == status
