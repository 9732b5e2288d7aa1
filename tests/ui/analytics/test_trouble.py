"""What refreshes and what breaks takes nothing from the hand, and Home leads here."""

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.support.analytics_answers import LOGS, answer, die
from tests.support.fake_gateway import FakeGateway, down, service
from tests.ui.analytics.acts import WAIT, lines, log, parameters, renewed, send
from tests.ui.conftest import Ui, opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_what_refreshes_takes_nothing_from_the_hand(browser: Browser, platform: dict[str, str]) -> None:
    await send(platform, log("ui-hand", "a line", 5))
    async with opened(browser, f"{platform['ui-service']}/analytics?service=ui-hand") as watched:
        page = watched.page
        await lines(page).first.locator("summary").click()
        await page.locator("#day summary").first.click()
        field = page.get_by_role("search").locator("[name=text]")
        await field.fill("abc")
        await field.evaluate("e => e.setSelectionRange(1, 1)")
        handles = [
            await field.element_handle(),
            await page.locator(".whole dl").element_handle(),
            await page.locator("#day details").first.element_handle(),
            await page.locator("#day .plot canvas").first.element_handle(),
        ]
        before = await page.locator("#figures > p").inner_text()
        await send(platform, log("ui-hand", "another", level="ERROR"))
        await expect(page.locator("#figures > p")).not_to_have_text(before, timeout=30_000)
        await renewed(page, "day")
        for handle in handles:
            assert handle
            assert await handle.evaluate("e => e.isConnected")
        assert await field.evaluate("e => [e.value, e.selectionStart, e === document.activeElement]") == [
            "abc",
            1,
            True,
        ]
        assert await page.locator(".line details").first.evaluate("e => e.open")
        assert await page.locator("#day details").first.evaluate("e => e.open")
        assert watched.complaints == []


async def test_what_is_counted_late_stands_above_the_lines_as_if_it_had_been_there(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    answer(gateway)
    released = asyncio.Event()
    gateway.held = {f"{LOGS}/facets": released}
    try:
        async with opened(browser, f"{ui.url}/analytics") as watched:
            await expect(watched.page.locator("#logs-title")).to_have_text("Logs")
            released.set()
            await expect(watched.page.locator("#logs-title")).to_have_text("6 lines, 1 error")
            await expect(watched.page.get_by_text("6 lines, 1 error")).to_have_count(1)
            assert watched.complaints == []
    finally:
        gateway.held.clear()


async def test_a_service_that_is_killed_shows_on_the_open_page_and_heals(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    answer(gateway)
    async with opened(browser, f"{ui.url}/analytics") as watched:
        page = watched.page
        await expect(page.locator("#truth")).not_to_contain_text("analytics-service")
        for there in (".says", "#day .totals", "#figures table"):
            await expect(page.locator(there).first).to_be_visible()
        field = page.get_by_role("search").locator("[name=text]")
        await field.fill("half a wo")
        die(gateway)
        gateway.put(down("analytics-service"))
        await expect(page.locator("#truth")).to_contain_text("analytics-service is down", timeout=3000)
        for panel in ("#day", "#figures"):
            await expect(page.locator(panel)).to_contain_text("analytics-service does not answer here", timeout=3000)
        await expect(page.locator(".says").first).to_be_visible()  # what was found stays
        await expect(page.locator("#entry-form")).to_be_visible()
        answer(gateway)
        gateway.put(service("analytics-service"))
        await expect(page.locator("#day .totals")).to_be_visible(timeout=WAIT)
        await expect(page.locator("#figures table")).to_be_visible(timeout=WAIT)
        await expect(field).to_have_value("half a wo")
        await expect(field).to_be_focused()


async def test_home_leads_to_the_logs_of_the_moment_when_a_trouble_began(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    answer(gateway)
    gateway.put(down("file-service", since="2026-01-01T02:04:00Z"))
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await page.get_by_role("link", name="Logs of file-service at that time").click()
        await expect(page.locator(".says").first).to_be_visible()
        assert parameters(page) == {
            "service": "file-service",
            "start": "2026-01-01T01:49:00.000Z",
            "end": "2026-01-01T02:34:00.000Z",
        }
