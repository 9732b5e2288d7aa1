"""The page of the logs in a real browser, on the whole platform."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.support.analytics_answers import answer, die
from tests.support.fake_gateway import FakeGateway, down, service
from tests.support.wait import eventually
from tests.ui.conftest import Ui, opened

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
WAIT = 15_000  # ms: the machine may be busy
INSIDE = "document.documentElement.scrollWidth - innerWidth"


def log(service: str, message: str, ago: float = 0, **members: Any) -> dict[str, Any]:
    """Return a log of so many seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return {
        "timestamp": at.isoformat(),
        "level": "INFO",
        "logger": "test",
        "message": message,
        "service": service,
    } | members


async def send(platform: dict[str, str], *logs: dict[str, Any]) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{platform['analytics-service']}/logs", json={"logs": logs})
        assert (answer.status_code, answer.json()["accepted"]) == (200, len(logs)), answer.text


def lines(page: Page) -> Locator:
    return page.locator(".lines .line")


def parameters(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


async def search(page: Page, **fields: str) -> None:
    """Fill in the form and send it."""
    form = page.get_by_role("search")
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        if name in ("service", "level"):
            await field.select_option(value)
        else:
            await field.fill(value)
    await form.get_by_role("button", name="Search").click()


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
        await expect(page.locator(".range")).to_contain_text("01:44:00 \N{EN DASH} 02:14:30 UTC")
        await expect(page.locator(".empty code")).to_contain_text("curl -X POST")


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
        await eventually(lambda: _renewed(page), within=30, what="the panels are fresh")
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


async def _renewed(page: Page) -> bool:
    return bool(
        await page.evaluate(
            "performance.getEntriesByType('resource').some(e => e.name.includes('/panels/analytics/figures'))"
        )
    )


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
        await eventually(lambda: _asked(page, "/panels/analytics/day"), within=40, what="the day was asked for again")
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


async def _asked(page: Page, address: str) -> bool:
    return bool(
        await page.evaluate("a => performance.getEntriesByType('resource').some(e => e.name.includes(a))", address)
    )


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
        await expect(page.locator("#entry-timestamp-wrong")).to_contain_text("RFC 3339")
        await expect(form.get_by_label("Time")).to_be_focused()
        await expect(form.get_by_label("Message")).to_have_value("rolled back by hand")
        await form.get_by_label("Time").fill("now")
        await form.get_by_role("button", name="Write log").click()
        await expect(page.locator("#notice")).to_contain_text("Written: INFO of ui-entry.")
        await form.get_by_role("link", name="See it").click()
        await expect(page.locator("#marked .whole")).to_contain_text('"ticket": "OPS-7"')


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


# --- with a gateway that the test controls


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


# --- the live tail


async def live(page: Page) -> None:
    await expect(page.locator("#tail-state")).to_have_text("Live", timeout=WAIT)


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
