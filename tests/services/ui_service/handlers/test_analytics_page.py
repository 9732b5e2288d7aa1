import asyncio
import json
import re

import httpx2
import pytest

from opsbuddy_ui_service.settings import UiSettings
from tests.support.analytics_answers import ANSWERS, AT, LOGS, answer, die, refuse
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def settings(gateway: FakeGateway) -> UiSettings:
    return UiSettings(
        gateway_url=gateway.url, refresh_seconds=0.5, gateway_timeout=20
    )  # a busy machine is no dead service


@pytest.fixture(autouse=True)
def answering(gateway: FakeGateway) -> None:
    answer(gateway)


def panel(page: str, name: str) -> str:
    """Return the page from the beginning of a panel on."""
    return page[page.index(f' id="{name}"') :]


async def test_the_page_has_lines_counts_facets_and_statistics_at_once(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/analytics?service=file-service")).text
    assert '<span class="num">6</span> lines, <span class="num bad">1</span> error' in page
    assert "All of this range is here." in page
    assert 'data-tone="bad">Errors</th>' in panel(page, "counts")
    assert "16 %" in panel(page, "day") or "17 %" in panel(page, "day")
    assert "hx-get" not in page[page.index(' id="counts"') : page.index(' id="lines"')]


async def test_what_logs_and_services_are_called_and_say_is_text(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/analytics")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<option>&lt;b&gt;odd&lt;/b&gt;</option>" in page
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


async def test_the_lines_do_not_wait_for_what_is_counted_about_them(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    released = asyncio.Event()
    gateway.held = {f"{LOGS}/histogram": released, f"{LOGS}/facets": released}
    page = (await http.get("/analytics?start=15m")).text
    assert "Startup failed" in page
    address = re.search(r'hx-get="(/panels/analytics/counts[^"]*)" hx-trigger="load"', page)
    assert address
    released.set()
    counts = (await http.get(address[1].replace("&amp;", "&"))).text
    assert "<ob-chart" in counts
    assert "aria-busy" not in counts


async def test_a_range_of_other_days_says_them_in_utc_too(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/analytics?start=2026-01-01T02:00:00Z&end=2026-01-02T03:00:00Z")).text
    assert re.search("1 Jan 02:00:00 . 2 Jan 03:00:00</span> UTC", page)


async def test_the_same_range_is_asked_for_everywhere_and_the_next_page_keeps_it(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    page = (await http.get("/analytics?start=15m&level=ERROR")).text
    asked = [json.loads(each.body) for each in gateway.received if each.path.startswith(LOGS)]
    assert len({(each["start"], each["end"], each["level"]) for each in asked}) == 1
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    gateway.received.clear()
    await http.get(older[1].replace("&amp;", "&"))
    query = next(json.loads(each.body) for each in gateway.received if each.path.endswith("/query"))
    assert (query["start"], query["end"], query["cursor"]) == (asked[0]["start"], asked[0]["end"], "next")


async def test_a_dead_service_takes_down_its_panels_alone_and_they_heal(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    die(gateway)
    page = await http.get("/analytics")
    assert page.status_code == 200
    for name in ("lines", "counts", "facets", "day", "figures"):
        assert "analytics-service does not answer here" in panel(page.text, name)
    assert 'id="entry-form"' in page.text
    answer(gateway)
    for address in set(re.findall(r'hx-get="(/panels/[^"]+)" hx-trigger="every 3s"', page.text)):
        healed = await http.get(address.replace("&amp;", "&"))
        assert healed.status_code == 200
        assert "does not answer" not in healed.text


async def test_one_dead_answer_leaves_the_others(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    refuse(gateway, ("POST", f"{LOGS}/histogram"), 503, detail="Not now.")
    page = (await http.get("/analytics")).text
    assert "Startup failed" in page
    assert page.count("does not answer here") == 1


async def test_what_the_service_finds_wrong_stands_at_its_field(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    reason = "String should have at most 256 characters"
    refuse(gateway, ("POST", f"{LOGS}/query"), 422, detail="Wrong.", errors=[{"field": "service", "reason": reason}])
    page = (await http.get("/analytics?service=" + "s" * 300)).text
    assert f'id="service-wrong">Service {reason}' in page
    assert "does not answer here" not in panel(page, "logs").partition("</section>")[0]


async def test_nothing_is_asked_for_an_address_that_cannot_be_meant(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    page = (await http.get("/analytics?start=soon&level=LOUD")).text
    assert "From is no time" in page
    assert "Level is none of" in page
    assert not [each for each in gateway.received if each.path == f"{LOGS}/query"]


async def test_lines_too_long_for_one_page_are_asked_for_in_fewer(
    http: httpx2.AsyncClient, gateway: FakeGateway
) -> None:
    gateway.answers["POST", f"{LOGS}/query"] = (200, {}, b'"' + b"m" * (5 * 1024 * 1024) + b'"')
    await http.get("/analytics")
    limits = [json.loads(each.body)["limit"] for each in gateway.received if each.path.endswith("/query")]
    assert limits == [100, 20, 5]


async def test_around_a_log_its_neighbours_are_asked_for(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    page = (await http.get(f"/analytics?service=file-service&around={AT}&event=7")).text
    asked = next(json.loads(each.body) for each in gateway.received if each.path.endswith("/context"))
    assert asked == {"service": "file-service", "timestamp": AT, "event_id": "7", "before": 50, "after": 50}
    assert 'id="marked"' in page


async def test_who_asks_is_passed_on(http: httpx2.AsyncClient, gateway: FakeGateway) -> None:
    await http.get("/analytics", headers={"authorization": "Bearer t"})

    asked = [each for each in gateway.received if each.path.startswith("/api/analytics")]
    told = {each.path: {name.lower(): value for name, value in each.headers.items()} for each in asked}
    assert {path: headers.get("authorization") for path, headers in told.items()} == dict.fromkeys(told, "Bearer t")
    assert len(told) == len(ANSWERS) - 1
