"""Logs are found, and the address is the search."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.ui.analytics.acts import lines, log, parameters, renewed, search, send
from tests.ui.conftest import opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_logs_are_found_by_service_level_time_and_text_and_counted(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(
        platform,
        log("ui-find", "Startup failed: KeyError: 'OBJECT_STORE_URL'", 60, level="ERROR"),
        log("ui-find", "keyerror in words", 50, level="WARNING"),
        log("ui-find", "all is well", 40),
        log("ui-find", "long ago KeyError", 7200, level="ERROR"),
    )
    async with opened(browser, f"{platform['ui-service']}/analytics") as watched:
        page = watched.page
        await search(page, text="KeyError", service="ui-find", start="30m")
        await expect(lines(page)).to_have_count(2)
        assert parameters(page) == {"text": "KeyError", "service": "ui-find", "start": "30m"}
        await expect(page.locator("#logs-title")).to_have_text("2 lines, 1 error")
        await expect(page.locator("mark")).to_have_text(["keyerror", "KeyError"])  # the newest first
        await expect(page.locator(".covers")).to_contain_text("The journal of this service holds all of this range.")
        await expect(page.locator("#counts canvas")).to_be_visible()
        await page.locator("#facets").get_by_role("link", name="ERROR").click()
        await expect(lines(page)).to_have_count(1)
        assert parameters(page)["level"] == "ERROR"
        await search(page, start="3h", level="ERROR")
        await expect(lines(page)).to_have_count(2)
        await search(page, start="soon")
        await expect(page.locator("#start-wrong")).to_contain_text("From is no time")
        assert watched.complaints == []


async def test_a_local_time_is_typed_and_the_address_has_it_in_utc(browser: Browser, platform: dict[str, str]) -> None:
    async with opened(browser, f"{platform['ui-service']}/analytics") as watched:
        page = watched.page
        await search(page, start="2026-01-31 02:44", end="2026-01-31 03:14:30")
        await page.wait_for_url("**start=**")
        assert (parameters(page)["start"], parameters(page)["end"]) == (
            "2026-01-31T01:44:00.000Z",
            "2026-01-31T02:14:30.000Z",
        )
        await expect(page.locator("[name=start]")).to_have_value("2026-01-31 02:44")
        await expect(page.locator(".range")).to_contain_text("31 Jan 02:44:00 \N{EN DASH} 31 Jan 03:14:30 here")
        await expect(page.locator(".range")).to_contain_text("31 Jan 01:44:00 \N{EN DASH} 31 Jan 02:14:30 UTC")
        await expect(page.locator(".empty code")).to_contain_text("curl -X POST")


async def test_older_lines_follow_by_a_cursor_and_nothing_is_skipped(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(platform, *(log("ui-page", f"number {number}", 300 - number) for number in range(230)))
    async with opened(browser, f"{platform['ui-service']}/analytics?service=ui-page") as watched:
        page = watched.page
        seen: list[str] = []
        for count in (100, 100, 30):
            await expect(lines(page)).to_have_count(count)
            seen += await page.locator(".says").all_text_contents()
            if count == 100:
                await page.get_by_role("link", name="Older").click()
                await page.wait_for_load_state()
        assert seen == [f"number {number}" for number in reversed(range(230))]
        await page.get_by_role("link", name="Newest").click()
        await expect(page.locator(".says").first).to_have_text("number 229")


async def test_back_and_forward_and_a_reload_and_a_pasted_address_show_what_belongs_together(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(platform, log("ui-back-a", "first", 30, level="ERROR"), log("ui-back-b", "second", 30))
    start = platform["ui-service"]

    async def shows(page: Page, service: str, message: str, typed: str) -> None:
        await expect(page.locator("[name=service]").first).to_have_value(service)
        await expect(page.locator("[name=start]")).to_have_value(typed)
        await expect(page.locator(".says")).to_have_text([message])
        await expect(page.locator("#facets")).to_contain_text(service)
        await expect(page.locator("#counts canvas")).to_be_visible()
        await expect(page.locator("nav")).to_be_visible()
        assert parameters(page)["service"] == service

    async with opened(browser, f"{start}/analytics") as watched:
        page = watched.page
        await search(page, service="ui-back-a", level="ERROR", start="15m")
        await shows(page, "ui-back-a", "first", "15m")
        typed = (await page.evaluate("new Date(Date.now() - 6e5).toLocaleString('sv')"))[:16]
        await search(page, service="ui-back-b", level="", start=typed)
        await shows(page, "ui-back-b", "second", typed)
        depth = await page.evaluate("history.length")
        number = await page.evaluate("document.querySelector('#day').textContent.length")
        await renewed(page, "figures")
        assert number
        assert await page.evaluate("history.length") == depth
        await page.goto(f"{start}/system")
        await page.go_back()
        await shows(page, "ui-back-b", "second", typed)
        await page.go_back()
        await shows(page, "ui-back-a", "first", "15m")
        await page.go_forward()
        await shows(page, "ui-back-b", "second", typed)
        await page.reload()
        await shows(page, "ui-back-b", "second", typed)
        address = page.url
    async with opened(browser, address) as watched:
        await shows(watched.page, "ui-back-b", "second", typed)
