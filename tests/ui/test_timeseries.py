"""The page of the time series in a real browser: a metric is picked, seen, narrowed, and copied as its query."""

import json
import re
import shlex
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.fake_gateway import FakeGateway
from tests.ui.axe import axe_finds_nothing
from tests.ui.conftest import Ui, Watched, opened, picture, ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;"

# the largest part of a row of the chart that is drawn upon in the colour of the first series
INK = """(() => {
  const canvas = document.querySelector("ob-chart canvas"), ink = getComputedStyle(document.body).color.match(/\\d+/g).map(Number);
  const { width, height, data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const inked = (at) => data[4 * at + 3] > 60 && ink.every((tone, of) => Math.abs(data[4 * at + of] - tone) < 40);
  const rows = new Array(height).fill(0), columns = new Array(width).fill(0);
  for (let at = 0; at < width * height; at += 1) if (inked(at)) rows[Math.floor(at / width)] += 1;
  const longest = Math.max(...rows), line = rows.indexOf(longest);
  for (let at = Math.max(0, line - 6) * width; at < Math.min(height, line + 6) * width; at += 1) if (inked(at)) columns[at % width] += 1;
  return { line: longest / width, pointed: columns.filter((count) => count > 3).length };
})()"""  # how much of the width a level line takes, and how many columns of pixels have more ink above each other than a line has


async def stored(platform: dict[str, str], tags: Mapping[str, str] = {}, *values: float | str) -> str:
    """Write one value a minute for two hosts, up to now, and return the name of their measurement."""
    name, now = f"t{uuid.uuid4().hex[:10]}", time.time()
    values = values or (1, 2, 3, 4, 5)
    points = [
        {
            "measurement": name,
            "tags": {"host": host, **tags},
            "fields": {"usage": value if isinstance(value, str) else value * factor},
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 60 * (len(values) - at))),
        }
        for host, factor in (("a", 1), ("b", 10))
        for at, value in enumerate(values)
    ]
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.post(f"{platform['ui-service']}/api/timeseries/write", json={"points": points})
        assert answer.status_code == 200, answer.text
    return name


@asynccontextmanager
async def shown(
    browser: Browser, platform: dict[str, str], metric: str = "", width: int = 1440, **query: str
) -> AsyncIterator[Watched]:
    asked = {"metric": metric} | query if metric else query
    address = f"{platform['ui-service']}/timeseries?{urlencode(asked)}"
    async with opened(browser, address, width, permissions=["clipboard-read", "clipboard-write"]) as watched:
        await ready(watched.page)
        yield watched


async def copied(page: Page, button: str) -> str:
    await expect(page.get_by_role("button", name="Copied")).to_have_count(0)  # of the time before
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text: str = await page.evaluate("navigator.clipboard.readText()")
    return text


async def answered(platform: dict[str, str], query: Any) -> list[dict[str, Any]]:
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.post(f"{platform['ui-service']}/api/timeseries/query", json=query)
        assert answer.status_code == 200, answer.text
        series: list[dict[str, Any]] = answer.json()["series"]
        return series


async def test_a_metric_is_picked_and_seen_as_a_chart_as_a_table_and_in_figures(
    browser: Browser, platform: dict[str, str]
) -> None:
    name = await stored(platform)
    async with shown(browser, platform) as watched:
        page = watched.page
        await page.get_by_role("combobox", name="Metric").select_option(f"{name}/usage")
        await page.get_by_label("Function").select_option("max")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url(
            re.compile(f"metric={name}%2Fusage&function=max(&every=1m)?$")
        )  # it may be the one there to begin with
        await expect(page.locator("ob-chart canvas")).to_be_visible()
        figures = page.get_by_role("table", name="The series in figures")
        await expect(figures.get_by_role("row")).to_have_count(3)
        await expect(figures.get_by_role("row").nth(2)).to_contain_text("host=b")
        await expect(figures.get_by_role("row").nth(2)).to_contain_text("50")
        await page.get_by_text("Values as a table").click()
        table = page.get_by_role("group", name="Values as a table")
        await expect(table.get_by_role("columnheader")).to_have_text(["Time", "host=a", "host=b"])
        await expect(table.get_by_role("cell", name="50", exact=True)).to_be_visible()
        assert watched.complaints == []


async def test_a_series_that_comes_more_seldom_than_its_buckets_is_a_line_and_its_gaps_are_gaps(
    browser: Browser, platform: dict[str, str]
) -> None:
    name = await stored(platform, {}, *[5.0] * 50)
    async with shown(browser, platform, f"{name}/usage", every="30s", start="1h", tag="host=a") as watched:
        await expect(watched.page.locator("ob-chart canvas")).to_be_visible()
        assert (await watched.page.evaluate(INK))["line"] > 0.6
    now = time.time_ns()
    lines = [f"{name},host=c usage=5 {now - back * 60_000_000_000}" for back in (*range(1, 10), *range(40, 50))]
    async with httpx2.AsyncClient(timeout=30) as http:
        assert (await http.post(f"{platform['timeseries-service']}/api/v2/write", content="\n".join(lines))).is_success
    async with shown(browser, platform, f"{name}/usage", every="30s", start="1h", tag="host=c") as watched:
        await expect(watched.page.locator("ob-chart canvas")).to_be_visible()
        assert 0.15 < (await watched.page.evaluate(INK))["line"] < 0.45


async def test_a_value_between_gaps_is_a_point_and_the_line_beside_it_has_none(
    browser: Browser, platform: dict[str, str]
) -> None:
    name, now = f"t{uuid.uuid4().hex[:10]}", time.time_ns()
    lines = [f"{name} usage=5 {now - back * 60_000_000_000}" for back in (2, *range(12, 50))]
    async with httpx2.AsyncClient(timeout=30) as http:
        assert (await http.post(f"{platform['timeseries-service']}/api/v2/write", content="\n".join(lines))).is_success
    async with shown(browser, platform, f"{name}/usage", every="1m", start="1h") as watched:
        await expect(watched.page.locator("ob-chart canvas")).to_be_visible()
        ink = await watched.page.evaluate(INK)
        assert ink["line"] > 0.4
        assert 1 <= ink["pointed"] <= 10
        await watched.page.screenshot(path=picture("lone-point"))


async def test_a_long_name_in_the_list_of_metrics_leaves_the_others_their_room(
    browser: Browser, platform: dict[str, str]
) -> None:
    name = await stored(platform)
    point = {"measurement": "m" * 150, "tags": {"t" * 100: "v"}, "fields": {"f" * 100: 1}}
    async with httpx2.AsyncClient(timeout=30) as http:
        url = f"{platform['ui-service']}/api/timeseries/write"
        assert (await http.post(url, json={"points": [point]})).is_success
    async with shown(browser, platform, width=390) as watched:
        row = watched.page.locator("table.metrics tr", has_text=name)
        await expect(row.locator("td").first).to_have_text("host")
        box = await row.locator("td").first.bounding_box()
        assert box
        assert box["width"] > 80


async def test_before_a_metric_is_picked_there_is_a_chart_of_one_that_is_stored(
    browser: Browser, platform: dict[str, str]
) -> None:
    other, now = await stored(platform), time.time_ns()
    lines = [f"http,service=shop requests={1000 - 60 * back}i {now - back * 60_000_000_000}" for back in range(10)]
    async with httpx2.AsyncClient(timeout=30) as http:
        url = f"{platform['timeseries-service']}/api/v2/write?precision=ns"
        assert (await http.post(url, content="\n".join(lines))).is_success
    async with shown(browser, platform) as watched:
        page = watched.page
        await expect(page.locator("#series-title")).to_have_text("http · requests")
        await expect(page.get_by_label("Function")).to_have_value("rate")
        await expect(page.locator("ob-chart canvas")).to_be_visible()
        await expect(page.get_by_text("No metric is chosen yet")).to_be_visible()
        await expect(page.get_by_role("table", name="The series in figures")).to_contain_text("service=shop")
        await page.locator("#metrics-list").get_by_role("link", name=f"{other} · usage").click()
        await page.wait_for_url(f"**/timeseries?metric={other}%2Fusage")
        await expect(page.locator("#series-title")).to_have_text(f"{other} · usage")
        await expect(page.get_by_text("No metric is chosen yet")).to_have_count(0)
        assert watched.complaints == []


async def test_a_service_and_a_moment_lead_to_the_chart_of_what_was_measured_of_it_then(
    browser: Browser, platform: dict[str, str]
) -> None:
    service = f"s{uuid.uuid4().hex[:10]}"
    name = await stored(platform, {"service": service}, 3, 1, 4, 1, 5)
    async with shown(browser, platform, service=service, start="-1h") as watched:
        page = watched.page
        await page.wait_for_url(f"**metric={name}%2Fusage&start=-1h&every=1m&tag=service%3D{service}")
        await expect(page.locator("ob-chart canvas")).to_be_visible()
        await expect(page.get_by_label("Only series with")).to_have_value(f"service={service}")
        await page.reload()
        await expect(page.get_by_role("table", name="The series in figures")).to_contain_text("host=b")
        assert watched.complaints == []


async def test_a_service_of_which_nothing_is_measured_leads_to_what_it_logged_then(
    browser: Browser, platform: dict[str, str]
) -> None:
    async with shown(browser, platform, service="ui-service", start="-1h") as watched:
        await watched.page.wait_for_url("**/analytics?service=ui-service&start=-1h&instead=metrics#logs")
        await expect(watched.page.get_by_text("No metric of ui-service is stored for this time")).to_be_visible()
        await expect(watched.page.locator("#counts ob-chart")).to_be_visible()
        assert watched.complaints == []


async def test_the_copied_query_and_command_ask_for_what_the_page_shows(
    browser: Browser, platform: dict[str, str]
) -> None:
    name = await stored(platform)
    async with shown(browser, platform, f"{name}/usage", function="max", every="1h", together="true") as watched:
        query = json.loads(await copied(watched.page, "Copy as JSON"))
        [series] = await answered(platform, query)
        assert (query["every"], query["group_by"]) == ("1h", [])
        assert max(value for value in series["values"] if value is not None) == 50
        words = shlex.split(await copied(watched.page, "Copy as curl"))
        assert words[-1] == f"{platform['ui-service']}/api/timeseries/query"
        assert json.loads(words[words.index("-d") + 1])["measurement"] == name


async def test_back_forward_and_reload_show_each_search_with_its_fields(
    browser: Browser, platform: dict[str, str]
) -> None:
    name = await stored(platform)
    async with shown(browser, platform, f"{name}/usage") as watched:
        page = watched.page
        function, lines = page.get_by_label("Function"), page.get_by_role("checkbox", name="one line for all")
        await function.select_option("percentile")
        await page.get_by_label("Which one").fill("50")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**percentile=50**")
        await lines.check()
        await page.get_by_label("From").fill("15m")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**together=true**")
        await expect(page.get_by_role("table", name="The series in figures")).to_contain_text("all together")
        await page.go_back()
        await expect(lines).not_to_be_checked()
        await expect(function).to_have_value("percentile")
        await expect(page.get_by_label("Which one")).to_have_value("50")
        await page.go_back()
        await expect(function).to_have_value("mean")
        await page.go_forward()
        await page.go_forward()
        await page.reload()
        await expect(lines).to_be_checked()
        await expect(page.get_by_label("From")).to_have_value("15m")
        await expect(page.get_by_role("table", name="The series in figures")).to_contain_text("all together")
        await expect(page.get_by_role("navigation", name="Pages")).to_be_attached()


async def test_what_the_service_refuses_is_read_at_its_field_and_what_was_typed_stays(
    browser: Browser, platform: dict[str, str]
) -> None:
    name = await stored(platform)
    async with shown(browser, platform, f"{name}/usage") as watched:
        page = watched.page
        await page.get_by_role("textbox", name="Bucket", exact=True).fill("soon")
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**every=soon**")
        bucket = page.get_by_role("textbox", name="Bucket", exact=True)
        await expect(bucket).to_have_value("soon")
        await expect(bucket).to_have_attribute("aria-invalid", "true")
        await expect(bucket).to_have_accessible_description(re.compile("duration"))
        await expect(page.locator("#series")).to_contain_text("Nothing was asked: bucket")


async def test_what_the_hand_is_at_outlives_a_refresh(browser: Browser, platform: dict[str, str]) -> None:
    name = await stored(platform)
    async with shown(browser, platform, f"{name}/usage", every="1m") as watched:
        page = watched.page
        await page.get_by_text("Values as a table").click()
        bucket = await page.get_by_role("textbox", name="Bucket", exact=True).element_handle()
        await page.get_by_label("From").fill("abc")
        await page.evaluate("document.activeElement.setSelectionRange(1, 1)")
        async with page.expect_response("**/panels/timeseries?**"):
            await page.evaluate("htmx.ajax('GET', document.getElementById('series').dataset.panel, {target: '#series', swap: 'outerMorph'})")  # fmt: skip
        await expect(page.get_by_role("group", name="Values as a table")).to_be_visible()
        await expect(page.get_by_label("From")).to_have_value("abc")
        assert await page.evaluate("document.activeElement.selectionStart") == 1
        assert await page.evaluate("(element) => element.isConnected", bucket)


async def test_names_and_values_of_others_are_text_and_stay_in_their_place(
    browser: Browser, platform: dict[str, str]
) -> None:
    name = await stored(platform, {HOSTILE[:200]: HOSTILE, "long": "x" * 1000})
    texts = await stored(platform, {}, HOSTILE, "y" * 4000)
    for width in (390, 320):
        for metric, function in ((name, "last"), (texts, "raw")):
            async with shown(browser, platform, f"{metric}/usage", width, function=function) as watched:
                await expect(watched.page.get_by_role("table", name="The series in figures")).to_be_visible()
                assert await watched.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
                assert watched.complaints == []
                if function == "raw":
                    await expect(watched.page.get_by_role("cell", name=HOSTILE).first).to_be_visible()


async def test_of_many_metrics_the_first_are_there_and_each_is_found_by_what_one_types(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    many = [{"measurement": f"m{number:03}", "tags": {"host": "a"}, "fields": ["value"]} for number in range(200)]
    listing = {
        "series": [*many, {"measurement": "disk", "tags": {"mount": "/"}, "fields": ["free"]}],
        "truncated": False,
    }
    kind = {"content-type": "application/json"}
    gateway.answers["GET", "/api/timeseries/series"] = (200, kind, json.dumps(listing).encode())
    gateway.answers["GET", "/api/timeseries/measurements"] = (200, kind, b'{"measurements": ["disk"]}')
    gateway.answers["POST", "/api/timeseries/query"] = (200, kind, b'{"series": [], "truncated": false}')
    async with opened(browser, f"{ui.url}/timeseries") as watched:
        page = watched.page
        rows = page.locator("#metrics-list tbody tr").filter(visible=True)
        await expect(rows).to_have_count(30)
        field = page.get_by_label("Measurement, field or tag has")
        await field.fill("DISK mount")
        await expect(rows).to_have_count(1)
        await expect(page.get_by_role("status").filter(has_text="1 of 201")).to_be_visible()
        await expect(page).to_have_url(re.compile(r"\?find=DISK\+mount$"))
        await page.reload()
        await expect(rows).to_have_text([re.compile("^disk · free")])
        await field.fill("no such metric")
        await expect(rows).to_have_count(0)
        await expect(page.get_by_role("status").filter(has_text="None of 201 has that")).to_be_visible()
        await field.fill("")
        await page.get_by_role("button", name="Show all 201").click()
        await expect(rows).to_have_count(201)
        await expect(rows.nth(30).get_by_role("link")).to_be_focused()
        await expect(page).to_have_url(f"{ui.url}/timeseries")
    for path in ("series", "measurements"):
        del gateway.answers["GET", f"/api/timeseries/{path}"]
    del gateway.answers["POST", "/api/timeseries/query"]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_with_a_metric(browser: Browser, platform: dict[str, str], theme: str) -> None:
    name = await stored(platform)
    url = f"{platform['ui-service']}/timeseries?metric={name}%2Fusage&fill=zero"
    async with opened(browser, url, color_scheme=theme) as watched:
        await ready(watched.page)
        await expect(watched.page.locator("ob-chart canvas")).to_be_visible()
        await axe_finds_nothing(watched.page)
