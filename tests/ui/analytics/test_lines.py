"""A line: opened, with its neighbours, however long it is and whatever it says."""

import pytest
from playwright.async_api import Browser, expect

from tests.ui.analytics.acts import WAIT, lines, live, log, send
from tests.ui.conftest import opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

INSIDE = "document.documentElement.scrollWidth - innerWidth"


async def test_a_line_opens_to_all_it_has_and_leads_to_its_neighbours(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(
        platform,
        *(log("ui-open", f"step {number}", 60 - number) for number in range(10)),
        log("ui-open", "the one", 50, operation="start", request_id="ui-open-7", data={"pod": "a", "n": 1}),
        *(log("ui-open", f"step {number}", 60 - number) for number in range(11, 20)),
    )
    url = f"{platform['ui-service']}/analytics?service=ui-open&text=the+one"
    async with opened(browser, url, permissions=["clipboard-read", "clipboard-write"]) as watched:
        page = watched.page
        await expect(lines(page)).to_have_count(1)
        summary = lines(page).locator("summary")
        await summary.focus()
        await page.keyboard.press("Enter")
        whole = page.locator(".whole")
        for text in ("the one", "ui-open-7", '"pod": "a"', "start"):
            await expect(whole).to_contain_text(text)
        await whole.get_by_role("button", name="Copy request_id").click()
        assert await page.evaluate("navigator.clipboard.readText()") == "ui-open-7"
        await whole.get_by_role("button", name="Copy this line as JSON").click()
        assert '"n": 1' in await page.evaluate("navigator.clipboard.readText()")
        await whole.get_by_role("button", name="Copy a link to this line").click()
        link = await page.evaluate("navigator.clipboard.readText()")
        await whole.get_by_role("link", name="Lines around it").click()
        await expect(page.locator("#marked")).to_be_in_viewport()
        await expect(lines(page)).to_have_count(20)
        assert page.url == link
        await expect(lines(page).nth(9)).to_have_id("marked")  # the newest first
        assert watched.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 320])
async def test_the_longest_names_and_messages_push_nothing_off_a_phone(
    browser: Browser, platform: dict[str, str], width: int, theme: str
) -> None:
    service, logger = f"ui-long-{width}-{theme}-".ljust(128, "s"), "l" * 256
    data = {"k" * 200: "v" * 3000, "x": "\u202e reversed"}
    await send(
        platform,
        log(service, "m" * 4000, 20, logger=logger, operation="o" * 256, level="CRITICAL", data=data),
        log(service, "short", 30),
    )
    async with opened(
        browser, f"{platform['ui-service']}/analytics?service={service}", width, color_scheme=theme
    ) as watched:
        page = watched.page
        await expect(lines(page)).to_have_count(2)
        assert await page.evaluate(INSIDE) <= 0
        long = lines(page).first
        box = await long.bounding_box()
        assert box
        assert box["height"] < 250  # the next line is in sight
        for part in ("time", ".level", ".from"):
            await long.locator(part).scroll_into_view_if_needed()
            await expect(long.locator(part)).to_be_in_viewport()
        await long.locator("summary").click()
        assert await page.evaluate(INSIDE) <= 0
        await expect(long.locator("pre").first).to_have_text("m" * 4000)
        opened_box = await long.locator("pre").first.bounding_box()
        assert opened_box
        assert opened_box["height"] < 300
        await long.get_by_role("button", name="Show all").first.click()
        assert await page.evaluate(INSIDE) <= 0
        await expect(long.locator("dd").first).not_to_have_class("bounded")
        await page.locator("#figures a", has_text=service).scroll_into_view_if_needed()


async def test_what_logs_say_is_text_whatever_it_looks_like(browser: Browser, platform: dict[str, str]) -> None:
    bad = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>\'"&lt;'
    await send(platform, log("ui-<b>markup</b>", bad, 5, level="ERROR", logger=bad, operation=bad, data={bad: bad}))
    async with opened(browser, f"{platform['ui-service']}/analytics?text=onerror&start=5m") as watched:
        page = watched.page
        await expect(page.locator(".says").first).to_have_text(bad)
        await lines(page).first.locator("summary").click()
        await expect(page.locator(".whole pre").last).to_contain_text("window.ran=1")
        await page.get_by_role("link", name="Lines around it").click()
        await expect(page.locator("#marked")).to_be_visible()
        await page.goto(f"{platform['ui-service']}/analytics?tail=1&text=onerror")
        await live(page)
        await send(platform, log("ui-<b>markup</b>", bad + "again", logger=bad))
        await expect(page.locator(".says").last).to_have_text(bad + "again", timeout=WAIT)
        assert await page.evaluate("window.ran") is None
        assert watched.complaints == []
