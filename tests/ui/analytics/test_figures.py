"""Charts and figures of what is logged."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.async_api import Browser, expect

from tests.ui.analytics.acts import log, parameters, send
from tests.ui.conftest import opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_a_stretch_that_is_marked_in_a_chart_becomes_the_range_of_the_page(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(platform, *(log("ui-brush", f"n {number}", 60 * number) for number in range(1, 55)))
    async with opened(browser, f"{platform['ui-service']}/analytics?service=ui-brush&start=1h") as watched:
        page = watched.page
        box = await page.locator("#counts .u-over").bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        await page.mouse.move(box["x"] + box["width"] * 0.5, middle)
        await expect(page.locator("#counts .key b").first).not_to_be_empty()
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=5)
        await page.mouse.up()
        await page.wait_for_url("**end=**")
        asked = parameters(page)
        assert asked["service"] == "ui-brush"
        span = datetime.fromisoformat(asked["end"]) - datetime.fromisoformat(asked["start"])
        assert timedelta(minutes=13) < span < timedelta(minutes=17)
        await expect(page.locator("#logs-title")).to_contain_text(re.compile(r"^1[3-7] lines"))


async def test_charts_share_their_cursor_and_have_their_figures_as_a_table(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(platform, log("ui-chart", "seen", 30, level="ERROR"))
    async with opened(browser, f"{platform['ui-service']}/analytics") as watched:
        page = watched.page
        plots = page.locator("#day .u-over")
        await expect(plots).to_have_count(2)
        await plots.first.scroll_into_view_if_needed()
        box = await plots.first.bounding_box()
        assert box
        await page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 40)
        times = page.locator("#day .key time")
        await expect(times.first).not_to_be_empty()
        await expect(times.nth(1)).to_have_text(await times.first.inner_text())
        await page.locator("#day summary").first.click()
        await expect(page.locator("#day table").first.locator("tbody tr")).to_have_count(24)


async def test_statistics_of_a_day_and_figures_of_each_service(browser: Browser, platform: dict[str, str]) -> None:
    await send(
        platform,
        *(log("ui-figures", f"{number}", number, level="ERROR" if number < 5 else "INFO") for number in range(20)),
    )
    async with opened(browser, f"{platform['ui-service']}/analytics") as watched:
        page = watched.page
        for name in ("Lines", "Errors", "Error rate", "Last hour"):
            await expect(page.locator("#day dt", has_text=re.compile(f"^{name}$"))).to_be_visible()
        row = page.locator("#figures tr", has_text="ui-figures")
        await expect(row.locator("td")).to_have_text(["5", "20", "0.3", "25 %", "25 %", re.compile("new")])
        await row.get_by_role("link").click()
        await expect(page.locator("#logs-title")).to_have_text("20 lines, 5 errors")
