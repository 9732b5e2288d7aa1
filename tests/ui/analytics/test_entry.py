"""A log is written by hand."""

import asyncio

import pytest
from playwright.async_api import Browser, Route, expect

from tests.ui.conftest import opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_a_log_is_written_by_hand_and_what_is_wrong_stands_at_its_field(
    browser: Browser, platform: dict[str, str]
) -> None:
    async with opened(browser, f"{platform['ui-service']}/analytics") as watched:
        page = watched.page
        form = page.locator("#entry-form")
        await form.get_by_label("Service").fill("ui-entry")
        data = form.get_by_label("Data, if any")
        await data.press_sequentially('{"ticket": OPS')
        await expect(page.locator("#entry-data-wrong")).to_contain_text("Character 12")
        await form.get_by_role("button", name="Write log").click()
        await expect(page.locator("#entry-message-wrong")).to_contain_text("Nothing is written here")
        await data.fill('{"ticket": "OPS-7"}')
        await expect(page.locator("#entry-data-wrong")).to_be_empty()
        await form.get_by_label("Message").fill("rolled back by hand")
        await form.get_by_label("Time").fill("yesterday")
        await form.get_by_role("button", name="Write log").click()
        await expect(page.locator("#entry-timestamp-wrong")).to_contain_text("s no time: expected something like")
        await expect(form.get_by_label("Time")).to_be_focused()
        await expect(form.get_by_label("Message")).to_have_value("rolled back by hand")
        await form.get_by_label("Time").fill("now")
        await form.get_by_role("button", name="Write log").click()
        await expect(page.locator("#notice")).to_contain_text("Written: INFO of ui-entry.")
        await form.get_by_role("link", name="See it").click()
        await expect(page.locator("#marked .whole")).to_contain_text('"ticket": "OPS-7"')


async def test_what_is_typed_while_a_log_is_written_stays(browser: Browser, platform: dict[str, str]) -> None:
    async with opened(browser, f"{platform['ui-service']}/analytics") as watched:
        page = watched.page
        form = page.locator("#entry-form")
        go_on = asyncio.Event()

        async def late(route: Route) -> None:
            await go_on.wait()
            await route.continue_()

        await page.route("**/api/analytics/logs", late)
        await form.get_by_label("Service").fill("ui-meanwhile")
        await form.get_by_label("Message").fill("the first")
        await form.get_by_role("button", name="Write log").click()
        await expect(form.get_by_role("button", name="Write log")).to_have_attribute("aria-busy", "true")
        await form.get_by_label("Message").fill("the next")
        go_on.set()
        await expect(page.locator("#notice")).to_contain_text("Written: INFO of ui-meanwhile.")
        await expect(form.get_by_label("Message")).to_have_value("the next")
