"""Whoever reads: on paper, in the colours of their system, without scripts or storage, by plain http, after a sleep, by voice."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from opsbuddy_ui_service.rendering.rail import RAIL
from tests.support.fake_gateway import FakeGateway, down, service
from tests.ui.conftest import Ui, opened, picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
DEAF = """
const Real = EventSource;
window.streams = 0;
window.EventSource = class extends EventTarget {
  constructor(...given) {
    super();
    window.streams += 1;
    if (window.streams > 1) return new Real(...given);
    this.readyState = 1;
  }
  close() {}
};
"""
HIDDEN = """
window.streams = [];
const Real = EventSource;
window.EventSource = class extends Real { constructor(...given) { super(...given); streams.push(this); } };
let hidden = false;
Object.defineProperty(document, "hidden", { get: () => hidden });
window.hide = (value) => { hidden = value; document.dispatchEvent(new Event("visibilitychange")); };
"""
NO_STORAGE = """
for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });
"""
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
STYLE = "(e, name) => getComputedStyle(e)[name]"


async def healthy(page: Page) -> None:
    await expect(page.locator("h1")).to_have_text("All six services are healthy.")


async def test_a_stream_that_only_seems_open_is_opened_anew_after_a_sleep(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, "about:blank") as watched:
        page = watched.page
        await page.clock.install()
        await page.add_init_script(DEAF)
        await page.goto(ui.url)
        await expect(page.locator("#old")).to_contain_text("Nothing heard from OpsBuddy since ")
        assert await page.evaluate("streams") == 1
        gateway.put(down("file-service"))
        await page.clock.fast_forward(60_000)
        await expect(page.locator("h1")).to_contain_text("file-service is down")
        await expect(page.locator("#old")).to_be_empty()
        assert await page.evaluate("streams") == 2


async def test_a_clock_that_is_set_back_keeps_no_old_page_live(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, "about:blank") as watched:
        page = watched.page
        await page.clock.install()
        await page.add_init_script(DEAF)
        await page.goto(ui.url)
        await page.evaluate("{ const real = Date.now; Date.now = () => real() - 3600000; }")
        await expect(page.locator("#old")).to_contain_text("Nothing heard from OpsBuddy since ")


async def test_the_palette_does_what_it_shows_however_the_page_changes_below_it(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        await page.keyboard.press("Control+k")
        await page.keyboard.type("check utility-service now")
        await expect(page.get_by_role("option", name="Check utility-service now")).to_be_visible()
        await page.evaluate(
            """() => { const other = document.createElement("button"); other.textContent = "Do not check utility-service now";
               other.addEventListener("click", () => { window.wrong = true; }); document.querySelector("main").prepend(other); }"""
        )
        gateway.checked.clear()
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-answer=utility-service]")).to_contain_text("Checked ")
        assert gateway.checked == ["utility-service"]
        assert not await page.evaluate("window.wrong")


async def test_single_keys_can_be_switched_off(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        await page.keyboard.press("?")
        await page.get_by_label("Keys without Ctrl").uncheck()
        await page.keyboard.press("Escape")
        await page.reload()
        await healthy(page)
        for key in ("t", "?", "/", "g", "f"):
            await page.keyboard.press(key)
        assert await page.evaluate("localStorage.getItem('theme')") is None
        assert await page.locator("dialog[open]").count() == 0
        await page.keyboard.press("Control+k")
        await expect(page.locator("#palette")).to_be_visible()
        await page.keyboard.type("show the keys")
        await page.keyboard.press("Enter")
        await page.get_by_label("Keys without Ctrl").check()
        await page.keyboard.press("Escape")
        await page.keyboard.press("t")
        assert await page.evaluate("localStorage.getItem('theme')") == "light"


async def test_a_key_works_at_once_when_a_dialog_with_the_focus_closes(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    """Until its next frame a browser leaves the focus in the closed dialog: one task here, so that no frame comes between."""
    async with opened(browser, ui.url) as watched:
        page = watched.page
        await healthy(page)
        await page.evaluate(
            """() => { keys.showModal(); single.focus(); keys.close();
               document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "t", bubbles: true })); }"""
        )
        assert await page.evaluate("localStorage.getItem('theme')") == "light"


async def test_a_browser_that_keeps_nothing_shows_a_live_page(browser: Browser, ui: Ui, gateway: FakeGateway) -> None:
    async with opened(browser, "about:blank") as watched:
        page = watched.page
        await page.add_init_script(NO_STORAGE)
        await page.goto(ui.url)
        await healthy(page)
        gateway.put(down("file-service"))
        await expect(page.locator("h1")).to_contain_text("file-service is down")
        await page.keyboard.press("t")
        await expect(page.locator("html")).to_have_attribute("data-theme", "light")
        await page.get_by_role("button", name="Check utility-service now").first.click()
        await expect(page.locator("[data-answer=utility-service]")).to_contain_text("Checked ")
        assert watched.complaints == []


async def test_commands_are_copied_where_a_page_has_no_clipboard(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    gateway.put(down("file-service"))
    async with opened(browser, "about:blank") as watched:
        page = watched.page
        await page.add_init_script(NO_CLIPBOARD)
        await page.goto(ui.url)
        await page.evaluate("document.addEventListener('copy', () => { window.copied = String(getSelection()); })")
        copy = page.locator("#entry-file-service .ways button")
        await copy.click()
        await expect(copy).to_have_text("Copied")
        await expect(copy).to_be_focused()
        assert "file-service" in await page.evaluate("copied || document.querySelector('textarea')?.value || ''")
        await page.evaluate("document.execCommand = () => false")
        other = page.locator("#card-gateway .command button")
        await page.get_by_role("button", name="gateway", exact=True).click()
        await other.click()
        await expect(page.locator("#notice")).to_contain_text("kubectl -n opsbuddy logs deploy/gateway --tail=50")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_on_paper_stands_what_is_and_no_way_to_change_it(
    browser: Browser, ui: Ui, gateway: FakeGateway, theme: str
) -> None:
    gateway.put(down("file-service"))
    async with opened(browser, ui.url, color_scheme=theme) as watched:
        page = watched.page
        await expect(page.locator("h1")).to_contain_text("file-service is down")
        await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        await page.emulate_media(media="print")
        await expect(page.locator(".rail")).to_be_hidden()
        await expect(page.get_by_role("button", name="Check all now")).to_be_hidden()
        await expect(page.locator("#entry-file-service")).to_contain_text("Down")
        assert await page.locator("html").evaluate(STYLE, "colorScheme") == "light"
        assert await page.locator("h1").evaluate(STYLE, "color") == "rgb(29, 32, 36)"
        assert await page.locator(".beat i.down").first.evaluate(STYLE, "printColorAdjust") == "exact"
        await page.screenshot(path=picture(f"print-{theme}"), full_page=True)


async def test_in_the_colours_of_the_system_bars_and_the_place_in_the_rail_are_seen(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, ui.url, forced_colors="active") as watched:
        page = watched.page
        await healthy(page)
        bar = await page.locator(".beat i").first.evaluate(STYLE, "backgroundColor")
        assert bar != await page.locator("html").evaluate(STYLE, "backgroundColor")
        here, other = page.locator(".rail li a[aria-current]"), page.locator(".rail li a:not([aria-current])").first
        assert await here.evaluate(STYLE, "borderTopColor") != await other.evaluate(STYLE, "borderTopColor")
        await page.screenshot(path=picture("home-forced-colors"))


async def test_without_scripts_a_page_in_which_one_types_does_not_go_by_itself(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, ui.url, java_script_enabled=False) as watched:
        page = watched.page
        await expect(page.locator("meta[http-equiv=refresh]")).to_have_count(1)
        await page.get_by_role("link", name="Refresh").click()
        await healthy(page)
        for name in ("files", "utility", "analytics", "timeseries"):
            await page.goto(f"{ui.url}/{name}")
            await expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)


async def test_a_time_that_no_clock_or_calendar_has_is_said_to_be_none(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, "about:blank") as watched:
        page = watched.page
        for typed in ("25:61", "10:75", "2026-02-31 10:00", "2026-13-01 00:00", "2026-01-01 24:30"):
            await page.goto(f"{ui.url}/analytics")
            await page.locator("[name=start]").fill(typed)
            await page.get_by_role("button", name="Search").click()
            await expect(page).to_have_url(re.compile(r"\?start="))
            await expect(page.locator("#logs")).to_contain_text(re.compile("Nothing was asked: From is no time"))
            await expect(page.locator("[name=start]")).to_have_value(typed)


async def test_tabs_that_nobody_sees_hold_no_connection_and_still_tell_the_truth(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    """A browser has six connections to one server, for all its tabs together."""
    async with opened(browser, "about:blank") as watched:
        first = watched.page
        await first.context.add_init_script(HIDDEN)
        await first.goto(ui.url)
        await healthy(first)
        await first.evaluate("hide(true)")
        for _ in range(7):
            other = await first.context.new_page()
            await other.goto(f"{ui.url}/services")
            await expect(other.locator("#truth")).to_have_text("All six services are healthy.")
            await other.evaluate("hide(true)")
        gateway.put(down("file-service"))
        await expect(first).to_have_title(re.compile("^file-service is down"), timeout=30_000)
        assert await first.evaluate("streams.filter(each => each.readyState !== 2).length") == 0
        await first.evaluate("hide(false)")
        gateway.put(service("file-service"))
        await healthy(first)
        assert await first.evaluate("streams.filter(each => each.readyState !== 2).length") == 1


async def test_however_many_windows_are_seen_each_page_comes_and_tells_what_changed(
    browser: Browser, ui: Ui, gateway: FakeGateway
) -> None:
    async with opened(browser, "about:blank") as watched:
        context = watched.page.context
        await context.add_init_script(HIDDEN)
        pages = [watched.page, *[await context.new_page() for _ in range(8)]]
        for page in pages:
            await page.goto(ui.url)
            await healthy(page)
        gateway.put(down("file-service"))
        for page in pages:
            await expect(page.locator("h1")).to_contain_text("file-service is down")
        held = [await page.evaluate("streams.filter(each => each.readyState !== 2).length") for page in pages]
        assert held[:4] == [1, 1, 1, 1]
        await pages[0].close()
        gateway.put(service("file-service"))
        for page in pages[1:]:
            await healthy(page)


@pytest.mark.parametrize("width", [390, 320])
async def test_the_words_in_the_bar_of_a_phone_are_whole(
    browser: Browser, ui: Ui, gateway: FakeGateway, width: int
) -> None:
    async with opened(browser, "about:blank", width) as watched:
        page = watched.page
        for entry in RAIL:
            await page.goto(ui.url + entry.address)
            await page.evaluate("document.fonts.ready")
            cut = "[...document.querySelectorAll('.rail li a')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"
            assert await page.evaluate(cut) == [], entry.name
