"""Home in a real browser."""

import json
import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.fake_gateway import FakeGateway, down, service, slow
from tests.support.wait import eventually
from tests.ui.axe import axe_finds_nothing
from tests.ui.conftest import Ui, opened, picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
NAMES = ["gateway", "file-service", "utility-service", "analytics-service", "timeseries-service", "ui-service"]


async def healthy(page: Page) -> None:
    # on a busy machine the page rightly calls the gateway slow, until the minute is over
    await expect(page.locator("h1")).to_have_text("All six services are healthy.", timeout=75_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 390, 320])
async def test_home_fits_every_screen_complains_of_nothing_and_asks_nobody_else(
    browser: Browser, ui: Ui, gateway: FakeGateway, width: int, theme: str
) -> None:
    long = "a-service-with-a-name-as-long-as-kubernetes-allows-for-a-service"
    gateway.put(down("file-service"), slow("analytics-service"), service(long, prefix="/api/" + "x" * 200))
    async with opened(browser, ui.url, width, color_scheme=theme) as watched:
        page = watched.page
        await expect(page.locator("h1")).to_contain_text("file-service is down since ")
        await expect(page.get_by_text("Welcome to OpsBuddy - AI driven oncall support")).to_be_visible()
        await expect(page.locator(".services tbody")).to_have_count(7)
        for opener in await page.locator(".opener").all():
            await opener.click()
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert await page.evaluate("document.fonts.check('16px \"Atkinson Next\"')")
        await page.screenshot(path=picture(f"home-open-{theme}-{width}"), full_page=True)
        assert watched.complaints == []
        assert {url for url in watched.asked if not url.startswith((ui.url, "data:"))} == set()


@pytest.mark.parametrize("width", [390, 320])
async def test_every_target_on_a_phone_is_large_enough_for_a_thumb(
    browser: Browser, ui: Ui, gateway: FakeGateway, width: int
) -> None:
    gateway.put(down("file-service"))
    async with opened(browser, ui.url, width) as watched:
        await expect(watched.page.locator("h1")).to_contain_text("file-service is down")
        await watched.page.locator(".opener").nth(1).click()
        small = await watched.page.evaluate(
            """[...document.querySelectorAll("button, nav a, .ways a")].map(e => [e.textContent, e.getBoundingClientRect()])
                 .filter(([_, r]) => r.width && (r.height < 44 || r.width < 44)).map(([t, r]) => `${t} ${r.width} x ${r.height}`)"""
        )
        assert small == []


async def test_a_service_going_down_shows_on_the_open_page_with_since_when(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        assert await page.title() == "All six services are healthy. · OpsBuddy"
        gateway.put(down("file-service", since="2026-01-01T02:04:00Z"))
        await expect(page.locator("h1")).to_have_text("file-service is down since 1 Jan 03:04.", timeout=3000)
        await expect(page).to_have_title("file-service is down since 1 Jan 03:04. · OpsBuddy")
        await expect(page.locator("#icon")).to_have_attribute("href", re.compile(r"/icons/bad\.svg$"))
        entry = page.locator(".entry")
        await expect(entry).to_contain_text("has no ready pod")
        await expect(entry).to_contain_text("1 Jan 02:04 UTC")
        await expect(entry).to_contain_text("d ")
        await expect(page.locator("#row-file-service .state").first).to_have_text("Down")
        gateway.put(service("file-service"))
        await healthy(page)
        await expect(entry).to_have_count(0)
        assert watched.complaints == []


async def test_what_needs_attention_leads_to_a_chart_of_what_was_measured_of_it_when_it_began(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    names = {"series": [{"measurement": "http", "tags": {"service": "file-service"}, "fields": ["errors", "requests"]}]}
    times = [f"2026-01-01T02:{minute:02}:00.000Z" for minute in range(10)]
    points = {"tags": {"service": "file-service"}, "timestamps": times, "values": [100 * at for at in range(10)]}
    for what, body in (
        (("GET", "/api/timeseries/series"), names | {"truncated": False}),
        (("GET", "/api/timeseries/measurements"), {"measurements": ["http"]}),
        (("POST", "/api/timeseries/query"), {"series": [points], "truncated": False}),
    ):
        gateway.answers[what] = (200, {"content-type": "application/json"}, json.dumps(body).encode())
    gateway.put(down("file-service", since="2026-01-01T02:04:00Z"))
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await page.get_by_role("link", name="Metrics of file-service at that time").click()
        await page.wait_for_url("**/timeseries?metric=http%2Frequests&**")
        for part in (
            "start=2026-01-01T01%3A49",
            "end=2026-01-01T02%3A34",
            "function=rate",
            "tag=service%3Dfile-service",
        ):
            assert part in page.url
        await expect(page.locator("#series-title")).to_have_text("http · requests")
        await expect(page.locator("ob-chart canvas")).to_be_visible()
        await page.go_back()
        await expect(page.locator("h1")).to_contain_text("file-service is down")
        assert watched.complaints == []


async def test_no_way_leads_to_logs_or_metrics_that_nobody_can_show(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    gateway.put(down("file-service"), down("analytics-service"))
    async with opened(browser, ui.url) as watched:
        entry = watched.page.locator("#entry-file-service")
        await expect(entry).to_contain_text("No logs without analytics-service")
        await expect(entry.get_by_role("link", name="Metrics")).to_be_visible()
        gateway.put(service("analytics-service"), down("timeseries-service"))
        await expect(entry).to_contain_text("No metrics without timeseries-service")
        await expect(entry.get_by_role("link", name="Logs")).to_be_visible()


async def test_an_update_takes_nothing_from_the_hand(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    gateway.put(slow("analytics-service"))
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await expect(page.locator("h1")).to_contain_text("analytics-service is slow")
        opener = page.get_by_role("button", name="utility-service", exact=True)
        await opener.click()
        await page.locator("#card-utility-service .command code").select_text()
        row, node = await opener.element_handle(), await page.locator("#card-utility-service").element_handle()
        chosen = "getSelection().toString()"
        before = await page.evaluate(chosen)
        assert "deploy/utility-service" in before
        for number in (21, 22, 23):  # what is above, beside and in the open card changes
            gateway.put(service("utility-service", p95_ms=number, requests=number))
            gateway.put(down("file-service") if number % 2 else service("file-service"))
            await expect(page.locator("#row-utility-service [data-of=p95]")).to_have_text(f"{number} ms")
            await expect(page.locator("#card-utility-service")).to_contain_text(
                f"Requests{number}", use_inner_text=False
            )
        assert row
        assert node
        assert await row.evaluate("e => e.isConnected && e === document.activeElement && e.ariaExpanded === 'true'")
        assert await node.evaluate("e => e.isConnected && !e.hidden")
        assert await page.evaluate(chosen) == before


async def test_an_entry_is_kept_when_an_older_one_goes(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    gateway.put(slow("analytics-service"), down("file-service"))
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await expect(page.locator(".entry")).to_have_count(2)
        link = page.locator("#entry-file-service a[data-open]")
        await link.focus()
        gateway.put(service("analytics-service"))
        await expect(page.locator(".entry")).to_have_count(1)
        assert await link.evaluate("e => e === document.activeElement")


async def test_a_check_shows_the_raw_answer_and_leaves_it_there(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        await page.get_by_role("button", name="Check file-service now").click()
        answer = page.locator("[data-answer=file-service]")
        await expect(answer).to_contain_text("Checked ")
        await expect(answer.locator("pre")).to_contain_text('"address": "10.244.1.1:8001"')
        gateway.put(service("file-service", p95_ms=77))
        await expect(page.locator("#row-file-service [data-of=p95]")).to_have_text("77 ms")
        await expect(answer.locator("pre")).to_contain_text('"address": "10.244.1.1:8001"')
        await page.get_by_role("button", name="Check all now").click()
        await expect(page.locator("#checked")).to_contain_text("6 services checked at ")
        assert watched.complaints == []


async def test_without_the_gateway_everything_is_not_heard_and_the_page_says_what_to_do(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        await gateway.stop()
        try:
            await expect(page.locator("h1")).to_contain_text("The gateway has not been heard from since ")
            await expect(page.locator(".services .row .state")).to_have_text(["Not heard"] * 5 + ["Healthy"])
            await expect(page.locator(".now")).to_contain_text("Gateway not heard")
            await expect(page.get_by_text("Live", exact=True)).to_be_hidden()
            await expect(page.locator(".entry")).to_contain_text("kubectl -n opsbuddy logs deploy/gateway --tail=50")
            await expect(page.locator("#icon")).to_have_attribute("href", re.compile(r"/icons/stale\.svg$"))
            for opener in await page.locator(".opener").all():
                await opener.click()
            await expect(page.get_by_role("link", name=re.compile("^(Logs|Metrics) of "))).to_have_count(0)
            await expect(page.locator(".entry")).to_contain_text("No logs and no metrics without the gateway")
            await page.screenshot(path=picture("home-gateway-gone"), full_page=True)
        finally:
            await gateway.start()
        await healthy(page)
        assert watched.complaints == []


async def test_a_page_whose_stream_is_cut_calls_itself_old_and_comes_back(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        ok = await page.locator("#row-gateway .state").first.evaluate("e => getComputedStyle(e).color")
        assert ui.stop(within=5) == 0, "an open page holds the process back"
        await expect(page.locator("#old")).to_contain_text("Nothing heard from OpsBuddy since ", timeout=15_000)
        await expect(page.locator(".now")).to_contain_text("Old: heard ")
        await expect(page.locator("#row-gateway .age")).to_contain_text(" s ago")
        await expect(page).to_have_title(re.compile(r"^Old, from \d\d:\d\d: All six services are healthy\."))
        await expect(page.locator("#icon")).to_have_attribute("href", re.compile(r"/icons/stale\.svg$"))
        stale = await page.locator("#row-gateway .state").first.evaluate("e => getComputedStyle(e).color")
        assert stale != ok
        await page.screenshot(path=picture("home-old"), full_page=True)
        await ui.start()
        await expect(page.locator("#old")).to_have_text("", timeout=20_000)
        await healthy(page)
        assert await page.locator("#row-gateway .state").first.evaluate("e => getComputedStyle(e).color") == ok


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_the_midst_of_trouble(
    browser: Browser, ui: Ui, gateway: FakeGateway, theme: str
) -> None:
    gateway.put(down("file-service"), slow("analytics-service"))
    async with opened(browser, ui.url, color_scheme=theme) as watched:
        page = watched.page

        await expect(page.locator(".entry")).to_have_count(2)
        await page.locator("#row-file-service .opener").click()
        await axe_finds_nothing(page, "two services in trouble")
        await gateway.stop()
        await expect(page.locator("h1")).to_contain_text("The gateway has not been heard from")
        await axe_finds_nothing(page, "without the gateway")
        await gateway.start()


async def test_the_page_can_be_used_by_keyboard_alone(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="To the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Check all now")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Refresh")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#card-gateway")).to_be_visible()
        await page.keyboard.press("Enter")
        await expect(page.locator("#card-gateway")).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
async def test_the_table_is_one_for_who_cannot_see_it(
    browser: Browser, ui: Ui, gateway: FakeGateway, width: int
) -> None:
    async with opened(browser, ui.url, width) as watched:
        page = watched.page
        await healthy(page)
        await expect(page.get_by_role("table", name="Services").get_by_role("rowheader")).to_have_count(6)
        headers = await page.get_by_role("columnheader").all_text_contents()
        assert headers == ["Service", "State", "Last 45 min", "Pods", "p95", "Errors", "Check"]
        await expect(page.get_by_role("img", name="Last 45 minutes: 45 healthy").first).to_be_attached()
        for landmark in ("banner", "navigation", "main"):
            await expect(page.get_by_role(landmark)).to_have_count(1)
        assert await page.locator("[aria-live]").count() == 1
        outside = await page.evaluate(
            """[...document.body.children].filter(e => e.checkVisibility() && e.innerText.trim() && !e.matches("header, main, .skip")).map(e => e.outerHTML)"""
        )
        assert outside == []


async def test_nothing_moves_when_motion_is_not_wanted(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, ui.url, reduced_motion="reduce") as watched:
        await healthy(watched.page)
        durations = await watched.page.evaluate(
            "[...new Set([...document.querySelectorAll('*')].map(e => getComputedStyle(e).transitionDuration))]"
        )
        assert durations == ["0s"]


async def test_the_page_does_not_jump_when_its_fonts_arrive(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    gateway.put(down("file-service"), slow("analytics-service"))
    async with opened(browser, ui.url) as watched:
        await expect(watched.page.locator("h1")).to_contain_text("file-service is down")
        await watched.page.reload()  # what was shown before the news of the service came has to make room for them
        await expect(watched.page.locator("h1")).to_contain_text("file-service is down")
        shift = await watched.page.evaluate(
            """new Promise(done => new PerformanceObserver(list => done(list.getEntries().reduce((sum, e) => sum + e.value, 0)))
                 .observe({type: "layout-shift", buffered: true}) || setTimeout(() => done(0), 500))"""
        )
        assert shift < 0.02


async def test_an_inline_script_would_not_run(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, ui.url) as watched:
        await healthy(watched.page)
        await watched.page.evaluate(
            "const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s)"
        )

        async def refused() -> bool:
            return any("Content Security Policy" in complaint for complaint in watched.complaints)

        await eventually(refused)
        assert await watched.page.evaluate("window.ran") is None


async def test_the_documentation_of_the_api_opens(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, f"{ui.url}/docs") as watched:
        await expect(watched.page.get_by_text("/api/services/status")).to_be_visible()
        assert watched.complaints == []
