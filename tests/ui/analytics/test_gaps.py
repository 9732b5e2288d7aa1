"""The tail when it is cut, and when more comes than a browser can hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, Route, expect

from tests.ui.analytics.acts import WAIT, lines, live, log, send
from tests.ui.conftest import opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


@asynccontextmanager
async def cutting(url: str, every: float) -> AsyncIterator[str]:
    """Stand between browser and service, and cut every connection that is older than so many seconds."""
    parts = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(parts.hostname, parts.port)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while piece := await source.read(65536):
                target.write(piece)
                await target.drain()

        try:
            async with asyncio.timeout(every):
                await asyncio.wait(
                    [
                        asyncio.create_task(copy(reader, onward_writer)),
                        asyncio.create_task(copy(onward_reader, writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        except TimeoutError:
            pass
        finally:
            for each in (writer, onward_writer):
                each.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_tail_that_is_cut_again_and_again_shows_each_log_once_and_does_not_flicker(
    browser: Browser, platform: dict[str, str]
) -> None:
    async with (
        cutting(platform["ui-service"], 2) as url,
        opened(browser, f"{url}/analytics?service=ui-cut&tail=1") as watched,
    ):
        page = watched.page
        await live(page)
        await page.evaluate("""() => {
            window.states = [];
            new MutationObserver(() => window.states.push(document.querySelector("#tail-state").textContent))
                .observe(document.querySelector("#tail-state"), { childList: true, subtree: true, characterData: true });
        }""")
        for number in range(20):
            await send(platform, log("ui-cut", f"line {number}"), log("ui-cut", f"line {number}"))
            await page.wait_for_timeout(500)
        says = page.locator(".lines .says")
        await expect(says).to_have_count(40, timeout=WAIT)
        assert await says.all_text_contents() == [f"line {number // 2}" for number in range(40)]
        await expect(page.locator(".lines .gap")).to_have_count(0)
        assert await page.evaluate("window.states.filter(each => each !== 'Live')") == []


async def test_a_reader_with_an_id_that_never_was_gets_one_gap_and_then_what_is_new(platform: dict[str, str]) -> None:
    await send(platform, *(log("ui-never", f"old {number}", 5) for number in range(5)))
    events: list[str] = []
    url = f"{platform['ui-service']}/events?page=analytics&tail=1&service=ui-never"
    async with (
        httpx2.AsyncClient(timeout=20) as http,
        http.stream("GET", url, headers={"Last-Event-ID": "0-99"}) as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("event: ") and "state" not in line:
                events.append(line.removeprefix("event: "))
            if line == "event: gap":
                await send(platform, log("ui-never", "live"))
            if line.startswith("data: ") and "live" in line and "ui-never" in line:
                assert "old" not in line
                break
    assert events.count("gap") == 1
    assert events[-1] == "lines"


async def test_a_browser_never_holds_more_lines_than_it_can_and_says_how_many_it_left_out(
    browser: Browser, platform: dict[str, str]
) -> None:
    async with opened(browser, f"{platform['ui-service']}/analytics?service=ui-gap&tail=1") as watched:
        page = watched.page
        await live(page)
        await page.get_by_role("button", name="Pause").click()
        for part in range(11):
            await send(platform, *(log("ui-gap", f"line {part * 500 + number}") for number in range(500)))
        await expect(page.locator("#newer")).to_have_text("5,000 new", timeout=60_000)
        await page.get_by_role("button", name="Go on").click()
        gap = page.locator(".lines .gap")
        await expect(page.locator(".says").last).to_have_text("line 5499", timeout=60_000)
        await expect(gap).to_have_count(0)  # what is older than the last 1,000 lines of the list has gone with them
        assert 900 <= await lines(page).count() <= 1000


async def test_a_gap_is_marked_and_what_is_missing_there_can_be_loaded(
    browser: Browser, platform: dict[str, str]
) -> None:
    await send(platform, log("ui-gap-load", "before", 5))

    async def forget(route: Route) -> None:
        await send(platform, log("ui-gap-load", "missed"))
        await route.continue_(headers={**route.request.headers, "last-event-id": "0-1"})

    async with opened(browser, f"{platform['ui-service']}/system") as watched:
        page = watched.page
        await page.route("**/events?*tail=1*", forget, times=1)
        await page.goto(f"{platform['ui-service']}/analytics?service=ui-gap-load&tail=1")
        await live(page)
        await send(platform, log("ui-gap-load", "after"))
        rows = page.locator(".lines li")
        await expect(rows).to_have_count(3, timeout=WAIT)
        await expect(rows.nth(1)).to_have_text("Some lines may be missing here · load them")
        await rows.nth(1).get_by_role("button").click()
        await expect(page.locator(".says")).to_have_text(["before", "missed", "after"])
