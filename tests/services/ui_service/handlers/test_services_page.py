import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from opsbuddy_ui_service.factory import build
from opsbuddy_ui_service.settings import UiSettings
from tests.support.apps import client
from tests.support.fake_api_server import FakeApiServer, failing, resource, stamp, written
from tests.support.fake_gateway import FakeGateway, down, service
from tests.support.wait import eventually

Summary = Callable[[str], Awaitable[str]]
SERVICES = ["gateway", "file-service", "utility-service", "analytics-service", "timeseries-service", "ui-service"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer.running(tmp_path / "account") as server:
        server.resources = [resource(name) for name in SERVICES]
        yield server


@pytest.fixture
async def inside(settings: UiSettings, server: FakeApiServer) -> AsyncIterator[httpx2.AsyncClient]:
    """Return the UI as it is in a pod of a cluster."""
    told = {name.lower(): value for name, value in server.environment.items()}
    app, _ = build(UiSettings.model_validate(settings.model_dump() | told | {"kubernetes_timeout": 1}))
    async with client(app) as session:
        yield session


async def heard(http: httpx2.AsyncClient, words: str, path: str = "/services") -> str:
    """Wait until a page has these words, and return it."""

    async def said() -> str:
        page = (await http.get(path)).text
        assert words in page, page
        return page

    return await eventually(said, what=words)


def row_of(page: str, name: str) -> str:
    return page.partition(f'id="row-{name}"')[2].partition("</tbody>")[0]


async def test_each_service_has_its_route_its_pods_its_breaker_and_why_it_is_not_ready(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.put(down("file-service", reason="connection refused"))
    await summary("file-service is down")
    page = (await http.get("/services")).text
    row = page.partition('id="row-file-service"')[2].partition("</tbody>")[0]
    assert "<code>/api/files</code>" in row
    assert '<td role="cell" class="figure num" data-of="pods">0 / 2</td>' in row
    assert "breaker </span>open" in row
    assert re.search(r'class="why">.*file-service has no ready pod\..*connection refused', row)
    assert row.count("10.244.") >= 2
    assert page.count('<tr role="row" class="why">') == 1


async def test_outside_of_a_cluster_it_says_so_and_what_shows_resources(
    http: httpx2.AsyncClient, summary: Summary
) -> None:
    await summary("All six services are healthy.")
    page = (await http.get("/services")).text
    assert "This UI runs outside of a cluster." in page
    assert "<code>kubectl -n opsbuddy get opsbuddyservices -o wide</code>" in page


async def test_a_service_without_a_pod_is_looked_at_by_its_resource(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.put(service("file-service", state="unhealthy", endpoints=[]))
    await summary("file-service is down")
    assert "<code>kubectl -n opsbuddy describe obs file-service</code>" in (await http.get("/services")).text


async def test_in_a_cluster_each_resource_stands_beside_what_the_gateway_sees_of_it(
    inside: httpx2.AsyncClient, server: FakeApiServer, gateway: FakeGateway
) -> None:
    route = {"prefix": "/api/files", "rewrite": "/files"}
    server.put(resource("file-service", route=route, replicas=2, status={"readyReplicas": 2}), resource("batch"))
    gateway.put(down("file-service", reason="connection refused"), service("influxdb", prefix=None))
    page = await heard(inside, "file-service has no ready pod")
    row = row_of(page, "file-service")
    assert re.findall(r"</svg>(\w[\w ]*)</span>", row)[:2] == ["Ready", "Down"]
    assert 'data-of="pods">2 / 2</td>' in row
    assert "<code>/api/files</code>" in row
    assert "by <bdi>helm</bdi>" in row
    assert "as the resource says" in row
    assert "<code>opsbuddy-file-service:0.1.0</code>" in row
    for kind in ("Ready", "Available", "Progressing", "RoutesProgrammed", "Stalled", "Suspended"):
        assert f"<b>{kind}</b>" in row
    assert "Open" in row  # the breaker, in words
    assert "not known" in row_of(page, "batch")
    assert "no resource" in row_of(page, "influxdb")
    assert page.count('<tr role="row" class="row">') == 8


async def test_one_that_is_not_ready_says_why_in_the_operators_words(
    inside: httpx2.AsyncClient, server: FakeApiServer
) -> None:
    server.put(failing("utility-service", "0 of 1 pods are ready: container exits with 1", datetime.now(UTC)))
    row = row_of(await heard(inside, "container exits with 1"), "utility-service")
    assert "<code>PodFailing</code> <bdi>0 of 1 pods are ready: container exits with 1</bdi>" in row
    assert 'data-of="pods">0 / 1</td>' in row


async def test_rows_that_the_address_names_are_open(inside: httpx2.AsyncClient, server: FakeApiServer) -> None:
    page = await heard(
        inside, "OpsBuddyServices of opsbuddy", "/services?service=file-service&service=gateway&service=%3C"
    )
    closed = re.findall(r'id="card-([a-z-]+)" hidden', page)
    assert sorted(closed) == sorted(set(SERVICES) - {"file-service", "gateway"})


async def test_what_resources_hold_is_text(inside: httpx2.AsyncClient, server: FakeApiServer) -> None:
    evil = '"><script>alert(1)</script>'
    hostile = failing(
        "file-service", evil, datetime.now(UTC), image={"repository": evil, "tag": evil}, route={"prefix": evil}
    )
    hostile["status"]["image"] = evil
    hostile["metadata"]["managedFields"] = [written(evil, datetime.now(UTC), {f"f:{evil}": {}})]
    hostile["status"]["conditions"] += [hostile["status"]["conditions"][0] | {"type": evil, "reason": evil}]
    server.put(hostile, resource(evil))
    page = await heard(inside, "OpsBuddyServices of opsbuddy", "/services")
    assert "alert(1)" in page
    assert "<script>" not in page


@pytest.mark.parametrize("answer", [(403, b'{"message": "<b>no</b>"}'), (200, b"{"), (500, b"")])
async def test_without_an_answer_of_the_api_server_what_the_gateway_sees_is_there(
    inside: httpx2.AsyncClient, server: FakeApiServer, gateway: FakeGateway, answer: tuple[int, bytes]
) -> None:
    server.answer = answer
    gateway.put(down("file-service", reason="connection refused"))
    page = await heard(inside, "file-service has no ready pod")
    assert "Not read" in page
    assert "<b>no</b>" not in page
    assert "breaker </span>open" in row_of(page, "file-service")


async def test_home_says_what_was_changed_before_a_trouble_began(
    inside: httpx2.AsyncClient, server: FakeApiServer, gateway: FakeGateway
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=9)
    changed = resource("file-service")
    changed["metadata"]["managedFields"] += [
        written("kubectl-patch", since - timedelta(minutes=2), {"f:image": {"f:tag": {}}}),
        written("kubectl-edit", since + timedelta(minutes=1)),
    ]
    server.put(changed)
    gateway.put(down("file-service", since=stamp(since)))
    page = await heard(inside, ">its resource</a> was ", "/")
    entry = page.partition('id="entry-file-service"')[2].partition("</li>")[0]
    assert "<bdi>changed (image.tag)</bdi> by <bdi>kubectl-patch</bdi>" in entry
    assert "/services?service=file-service" in entry


async def test_home_leads_to_the_metrics_of_the_time_when_a_trouble_began(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.put(down("file-service", since="2026-11-26T02:04:00Z"))
    await summary("file-service is down")
    page = (await http.get("/")).text
    assert (
        "/timeseries?service=file-service&amp;about=requests&amp;start=2026-11-26T01%3A49%3A00.000Z&amp;end=2026-11-26T02%3A34%3A00.000Z"
        in page
    )
