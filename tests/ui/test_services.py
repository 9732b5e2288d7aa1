"""The page of the services in a real browser."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from tests.support.fake_gateway import FakeGateway, down
from tests.ui.conftest import Ui, opened
from tests.ui.test_every_page import RULES, ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("width", [1440, 390, 320])
async def test_a_service_that_goes_down_says_why_while_the_page_is_open_and_an_open_row_stays_open(
    browser: Browser, ui: Ui, gateway: FakeGateway, width: int
) -> None:
    async with opened(browser, f"{ui.url}/services", width) as watched:
        page = watched.page
        await ready(page)
        row = page.locator("#row-file-service")
        await row.get_by_role("button", name="file-service", exact=True).click()
        await expect(page.locator("#card-file-service")).to_be_visible()
        gateway.put(down("file-service", reason="connection refused"))
        await expect(row.locator(".why")).to_contain_text("file-service has no ready pod")
        await expect(row.locator(".why")).to_contain_text("connection refused")
        await expect(page.locator("#card-file-service")).to_be_visible()
        await expect(row.locator(".route")).to_have_text("/api/files")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        assert found.violations_count == 0, found.generate_report()
