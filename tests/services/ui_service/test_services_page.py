import re
from collections.abc import Awaitable, Callable

import httpx2

from tests.support.fake_gateway import FakeGateway, down, service

Summary = Callable[[str], Awaitable[str]]


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


async def test_it_says_that_it_reads_no_resources_and_what_does(http: httpx2.AsyncClient, summary: Summary) -> None:
    await summary("All six services are healthy.")
    page = (await http.get("/services")).text
    assert "This page does not read the cluster; a shell does:" in page
    assert "<code>kubectl -n opsbuddy get opsbuddyservices -o wide</code>" in page


async def test_a_service_without_a_pod_is_looked_at_by_its_resource(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.put(service("file-service", state="unhealthy", endpoints=[]))
    await summary("file-service is down")
    assert "<code>kubectl -n opsbuddy describe obs file-service</code>" in (await http.get("/services")).text
