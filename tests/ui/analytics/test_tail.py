"""The tail: what comes, while one reads, and at 2,000 lines a minute."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.ui.analytics.acts import WAIT, live, log, parameters, send
from tests.ui.conftest import opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_the_tail_shows_what_comes_and_waits_while_one_reads_further_up(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(platform, *(log("ui-tail", f"old {number}", 100 - number) for number in range(60)))
    async with opened(browser, f"{platform['ui-service']}/analytics?service=ui-tail") as watched:
        page = watched.page
        await page.get_by_role("button", name="Tail").click()
        await live(page)
        assert parameters(page) == {"service": "ui-tail", "tail": "1"}
        await send(platform, log("ui-tail", "new one"), log("ui-other", "not for this tail"), log("ui-tail", "new two"))
        says = page.locator(".lines .says")
        await expect(says).to_have_count(62, timeout=WAIT)
        await expect(says.last).to_have_text("new two")
        await expect(says.last).to_be_in_viewport()
        box = page.locator(".scroller").first
        await box.hover()
        await page.mouse.wheel(0, -400)
        await expect(says.last).not_to_be_in_viewport()
        place = await box.evaluate("e => e.scrollTop")
        await send(platform, *(log("ui-tail", f"more {number}") for number in range(3)))
        button = page.locator("#newer")
        await expect(button).to_have_text("3 new", timeout=WAIT)
        assert await box.evaluate("e => e.scrollTop") == place
        await button.click()
        await expect(says.last).to_have_text("more 2")
        await expect(says.last).to_be_in_viewport()
        await page.get_by_role("button", name="Pause").click()
        await send(platform, log("ui-tail", "while paused"))
        await expect(button).to_have_text("1 new", timeout=WAIT)
        await page.get_by_role("button", name="Go on").click()
        await expect(says.last).to_have_text("while paused")
        assert watched.complaints == []


async def test_two_thousand_lines_a_minute_keep_every_frame_short(browser: Browser, platform: dict[str, str]) -> None:
    """Measured in time of the processor: how long a frame takes on a busy machine says nothing of the page."""
    async with opened(browser, f"{platform['ui-service']}/analytics?service=ui-flood&tail=1") as watched:
        page = watched.page
        await live(page)
        for part in range(3):
            await send(platform, *(log("ui-flood", f"before {part} {number} " + "x" * 80) for number in range(500)))
        await expect(page.locator(".says").last).to_contain_text("before 2 499", timeout=60_000)
        async with tasks_of(page) as took:
            for turn in range(20):
                begun = time.monotonic()
                await send(platform, *(log("ui-flood", f"{turn} {number} " + "y" * 80) for number in range(10)))
                await page.wait_for_timeout(max(0, (begun + 0.3 - time.monotonic()) * 1000))
            await expect(page.locator(".says").last).to_contain_text("19 9", timeout=WAIT)
        assert took
        assert max(took) < 100, sorted(took)[-5:]
        assert await page.locator(".lines li").count() <= 5000


@asynccontextmanager
async def tasks_of(page: Page) -> AsyncIterator[list[float]]:
    """Note how long each task of a page took, frames among them, in ms of its main thread."""
    took: list[float] = []
    events: list[dict[str, Any]] = []
    session = await page.context.new_cdp_session(page)
    ended = asyncio.Event()
    session.on("Tracing.dataCollected", lambda piece: events.extend(piece["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.set())
    wanted = {"includedCategories": ["disabled-by-default-devtools.timeline", "devtools.timeline", "__metadata"]}
    await session.send("Tracing.start", {"traceConfig": wanted, "transferMode": "ReportEvents"})
    yield took
    await session.send("Tracing.end")
    await asyncio.wait_for(ended.wait(), 60)
    pages = {(each["pid"], each["tid"]) for each in events if each["name"] == "FireAnimationFrame"}
    took += [
        each.get("tdur", 0) / 1000
        for each in events
        if each["name"] == "RunTask" and (each["pid"], each["tid"]) in pages
    ]
