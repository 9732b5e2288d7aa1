import gzip
import re
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from opsbuddy_ui_service.rendering.assets import Assets
from tests.support.fake_gateway import FakeGateway, down
from tests.support.wait import eventually

Summary = Callable[[str], Awaitable[str]]
PLAIN = {"accept-encoding": "identity"}


async def test_home_welcomes_and_tells_the_truth(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    await summary("All six services are healthy.")
    page = (await http.get("/")).text
    assert "Welcome to OpsBuddy - AI driven oncall support" in page
    assert "<title>All six services are healthy. · OpsBuddy</title>" in page
    assert re.findall(r'<tbody [^>]*id="row-([^"]+)"', page) == [
        "gateway", "file-service", "utility-service", "analytics-service", "timeseries-service", "ui-service",
    ]  # fmt: skip
    gateway.put(down("file-service"))
    await summary("file-service is down")
    page = (await http.get("/")).text
    assert '<em class="bad">file-service is down</em> since <time datetime="' in page
    assert "kubectl -n opsbuddy logs deploy/file-service --tail=50" in page
    assert page.count('<i class="down">') == 9


async def test_home_says_what_to_do_when_the_gateway_is_gone_and_is_live_again_when_it_is_back(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    await summary("All six services are healthy.")
    await gateway.stop()
    await summary("The gateway has not been heard from since ")
    page = await http.get("/")
    assert page.status_code == 200
    assert f"The gateway at {gateway.url} cannot be reached: connection refused." in page.text
    assert "kubectl -n opsbuddy logs deploy/gateway --tail=50" in page.text
    assert page.text.count("Healthy</span>") == 2  # the UI itself, in its row and its card
    assert 'data-heard="no"' in page.text
    await gateway.start()
    await summary("All six services are healthy.")


async def test_system_shows_every_service_in_detail(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.put(down("file-service"))
    await summary("file-service is down")
    page = (await http.get("/system")).text
    assert page.count('<section class="service"') == 6
    assert "10.244.2.1:8001</code> unhealthy" in page
    assert '<a href="/system" data-key="s" aria-current="page">' in page


async def test_a_name_with_markup_is_shown_not_run(
    http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary
) -> None:
    gateway.put(down("file-service", reason="<script>alert(1)</script>"))
    await summary("file-service is down")
    page = (await http.get("/")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_nothing_of_a_page_is_inline_or_from_elsewhere(http: httpx2.AsyncClient, summary: Summary) -> None:
    await summary("healthy")
    answer = await http.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", answer.text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)


async def test_only_the_page_of_the_api_may_have_a_script_of_its_own(http: httpx2.AsyncClient) -> None:
    assert "script-src 'self' 'unsafe-inline'" in (await http.get("/docs")).headers["content-security-policy"]
    assert "sandbox" in (await http.get("/api/services/status")).headers["content-security-policy"]


async def test_files_of_a_page_are_kept_forever_under_an_address_that_names_their_content(
    http: httpx2.AsyncClient,
) -> None:
    page = (await http.get("/")).text
    addresses = set(re.findall(r"/assets/[^\" ]+", page))
    assert len(addresses) >= 8
    for address in addresses:
        answer = await http.get(address, headers=PLAIN)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable"), (
            address
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
    other = await http.get("/assets/0123456789ab/app.css")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
    assert (await http.get(f"/assets/{Assets().digest}/%2e%2e%2fsettings.py")).status_code == 404
    assert (await http.get(f"/assets/{Assets().digest}/README.md")).status_code == 404


@pytest.mark.parametrize("path", ["/nope", "/utility/nope", "/index.html", "/<script>alert(1)</script>"])
async def test_who_reads_an_address_of_no_page_gets_a_page_that_says_so_and_leads_on(
    http: httpx2.AsyncClient, path: str
) -> None:
    answer = await http.get(path, headers={"accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing at" in answer.text
    assert 'href="/analytics"' in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("path", "accept"), [("/nope", "*/*"), ("/api/nope", "text/html"), ("/panels/nope", "text/html")]
)
async def test_who_reads_no_page_gets_a_problem_document(http: httpx2.AsyncClient, path: str, accept: str) -> None:
    answer = await http.get(path, headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_slash_too_many_leads_to_the_page(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/files/?name=a", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (307, "/files?name=a")


async def test_a_page_weighs_less_than_50_kb_besides_fonts_on_the_wire(
    http: httpx2.AsyncClient, summary: Summary
) -> None:
    await summary("healthy")
    page = (await http.get("/")).text
    total = 0
    for address in {"/", *(each for each in re.findall(r"/assets/[^\" ]+", page) if not each.endswith(".woff2"))}:
        async with http.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer:
            total += sum([len(piece) async for piece in answer.aiter_raw()])
    assert 30_000 < total < 50_000, total


@pytest.mark.parametrize("path", ["/", f"/assets/{Assets().digest}/app.css"])
async def test_text_is_compressed_for_who_can_read_it(http: httpx2.AsyncClient, path: str) -> None:
    async with http.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    plain = await http.get(path, headers=PLAIN)
    assert "content-encoding" not in plain.headers
    assert len(raw) < len(plain.content) / 2
    assert gzip.decompress(raw)[:200] == plain.content[:200]


async def test_the_icon_shows_the_state(http: httpx2.AsyncClient, gateway: FakeGateway, summary: Summary) -> None:
    gateway.put(down("file-service"))
    await summary("is down")
    assert (await http.get("/favicon.ico")).headers["location"].endswith("/icons/bad.svg")


async def test_the_service_itself_is_healthy_without_the_gateway(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    await gateway.stop()
    answer = await http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")


async def test_a_panel_blames_no_service_while_it_is_the_gateway_that_is_gone(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    await gateway.stop()

    async def blamed() -> bool:
        page = (await http.get("/analytics")).text
        said = "The gateway does not answer; what analytics-service has to say comes through it."
        return said in page and "analytics-service does not answer" not in page

    await eventually(blamed, what="the gateway is blamed, and no service")
