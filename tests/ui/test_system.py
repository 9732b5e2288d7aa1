"""System in a real browser."""

import json
import re

import pytest
from playwright.async_api import Browser, expect

from tests.support.fake_gateway import FakeGateway, down, service, slow
from tests.support.wait import eventually
from tests.ui.conftest import Ui, opened, picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 390, 320])
async def test_system_fits_every_screen_and_shows_the_raw_answers_of_checks(
    browser: Browser, ui: Ui, gateway: FakeGateway, width: int, theme: str
) -> None:
    gateway.put(down("file-service"), slow("analytics-service"))
    async with opened(browser, f"{ui.url}/system", width, color_scheme=theme) as watched:
        page = watched.page
        await expect(page.locator("h1")).to_contain_text("file-service is down since ")
        await page.get_by_role("button", name="Check file-service now").click()
        await expect(page.locator("[data-answer=file-service] pre")).to_contain_text('"breaker": "open"')
        await page.screenshot(path=picture(f"system-{theme}-{width}"), full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert watched.complaints == []
        assert {url for url in watched.asked if not url.startswith((ui.url, "data:"))} == set()


async def test_all_checks_leave_their_answers_and_the_newest_five_stay(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, f"{ui.url}/system") as watched:
        page = watched.page
        await expect(page.locator("#row-file-service .is .state")).to_have_text("Healthy")
        button = page.get_by_role("button", name="Check all now")
        for number in range(1, 8):
            gateway.put(service("file-service", requests=number))
            await button.click()
            await expect(page.locator("[data-answer=file-service] pre").first).to_contain_text(f'"requests": {number}')
            await expect(button).not_to_have_attribute("aria-busy", "true")
        await expect(page.locator("[data-answer=file-service] pre")).to_have_count(5)
        await expect(page.locator("[data-answer=gateway] pre")).to_have_count(5)


async def test_what_changes_shows_on_the_open_page(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, f"{ui.url}/system") as watched:
        page = watched.page
        await expect(page.locator("#row-file-service .is .state")).to_have_text("Healthy")
        gateway.put(down("file-service"))
        await expect(page.locator("#row-file-service .is .state")).to_have_text("Down", timeout=3000)
        await expect(page.locator("#row-file-service .endpoint").first).to_have_text("10.244.1.1:8001 unhealthy")


async def test_the_log_of_answers_has_every_call_and_each_opens_to_its_body(browser: Browser, ui: Ui) -> None:
    async with opened(browser, f"{ui.url}/system") as watched:
        page = watched.page
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=ui.url)
        await expect(page.locator("#responses-count")).to_contain_text("Nothing was asked in this tab yet")
        await page.get_by_role("button", name="Check file-service now").click()
        entry = page.locator("#responses-list li")
        await expect(entry).to_have_count(1)
        await expect(entry.locator("summary")).to_contain_text("/api/services/file-service/check")
        await expect(entry.locator(".state")).to_have_text("200")
        await entry.locator("summary").click()
        await expect(entry.get_by_label("Answer")).to_contain_text('"service": "file-service"')
        await entry.get_by_role("button", name="Copy as curl").click()
        assert await page.evaluate("navigator.clipboard.readText()") == (
            f"curl -X POST '{ui.url}/api/services/file-service/check'"
        )
        await page.reload()
        await expect(entry).to_have_count(1)
        assert watched.complaints == []


async def test_the_log_of_answers_is_filtered_by_the_address_and_cleared(browser: Browser, ui: Ui) -> None:
    async with opened(browser, f"{ui.url}/system") as watched:
        page = watched.page
        entries = page.locator("#responses-list li")
        await page.get_by_role("button", name="Check file-service now").click()
        await page.get_by_role("button", name="Check utility-service now").click()
        await expect(entries).to_have_count(2)
        await page.get_by_label("Method, path or body has").fill("utility-service/check")
        await expect(entries).to_have_count(1)
        await expect(page.locator("#responses-count")).to_have_text("1 of 2 calls")
        await page.reload()
        await expect(entries).to_have_count(1)
        await page.get_by_label("Method, path or body has").fill("")
        await page.get_by_label("Status").select_option("failed")
        await expect(entries).to_have_count(0)
        await page.get_by_role("button", name="Clear the log").click()
        await expect(page.locator("#responses-count")).to_contain_text("Nothing was asked")


async def test_panels_that_ask_again_are_one_entry_and_what_they_answered_is_text(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, f"{ui.url}/files") as watched:
        page = watched.page
        await expect(page.locator("#files .trouble")).to_be_visible()

        async def asked_again() -> bool:
            calls = await page.evaluate("sessionStorage.getItem('calls')")
            return any(call["times"] > 1 for call in json.loads(calls or "[]"))

        await eventually(asked_again, within=20, what="a panel in trouble asks again")
        await page.goto(f"{ui.url}/system")
        entry = page.locator("#responses-list li")
        await expect(entry).to_have_count(1)
        await expect(entry.locator(".figures")).to_contain_text("times, this is the last")
        await entry.locator("summary").click()
        await expect(entry.get_by_label("Answer")).to_contain_text("<section")


async def test_breakers_and_routes_are_told_in_words(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    held = {"failures": 5, "open_seconds": 20.0, "retry_after_seconds": 40.0}
    gateway.put(down("file-service", circuit_breaker=held))
    async with opened(browser, f"{ui.url}/system") as watched:
        page = watched.page
        await expect(page.locator("#row-file-service")).to_contain_text(
            re.compile(r"Open since \d\d:\d\d \(20 s\): requests are held back, next probe in 40 s\.")
        )
        await expect(page.locator("#routes li").first).to_contain_text("file-service:8001 at /")
