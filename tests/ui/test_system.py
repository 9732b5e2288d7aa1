"""System in a real browser."""

import pytest
from playwright.async_api import Browser, expect

from tests.support.fake_gateway import FakeGateway, down, service, slow
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
