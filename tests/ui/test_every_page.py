"""What holds of every page of the rail, on the whole platform."""

from collections.abc import AsyncIterator, Iterator
from itertools import product

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from opsbuddy_ui_service.rendering.rail import RAIL
from tests.support.demo import demo
from tests.ui.axe import axe_finds_nothing
from tests.ui.conftest import SIZES, Watched, offset, opened, picture, ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
ADDRESSES = [entry.address for entry in RAIL]
THEMES = ["light", "dark"]
MOST_BYTES = 150_000
SHIFTS = """new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => { for (const shift of list.getEntries()) if (!shift.hadRecentInput) sum += shift.value; })
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(sum), 300));
})"""
BEYOND = """[...document.querySelectorAll("main :is(td, th)")].filter(cell => cell.checkVisibility() && !cell.closest("thead, details"))
  .filter(cell => cell.getBoundingClientRect().right > document.querySelector("main").getBoundingClientRect().right).map(cell => cell.outerHTML)"""
ALONE = """[...document.querySelectorAll("#search .fields button")].filter(button => button.checkVisibility()).filter(button => {
  const own = button.getBoundingClientRect();
  return ![...button.closest(".fields").querySelectorAll("input, select")].some(field => Math.abs(field.getBoundingClientRect().top - own.top) < 8);
}).map(button => button.textContent)"""
WEIGHT = """performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
  .filter(entry => !entry.name.includes("/events")).reduce((sum, entry) => sum + entry.transferSize, 0)"""


def shown(looked_at: tuple[str, str]) -> str:
    address, theme = looked_at
    return f"{address.strip('/') or 'home'}-{theme}"


async def sized(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": SIZES[width]})


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A demo with its day, so that each page has something to show."""
    with demo(tmp_path_factory.mktemp("day"), offset() + 50, environment={"DEMO_DATA": "1"}) as addresses:
        yield addresses


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=product(ADDRESSES, THEMES), ids=shown)
async def watched(request: pytest.FixtureRequest, browser: Browser, platform: dict[str, str]) -> AsyncIterator[Watched]:
    """A page in one theme, opened once, on a phone, for all that is looked at on it."""
    address, theme = request.param
    async with opened(browser, platform["ui-service"] + address, 390, color_scheme=theme) as watched:
        await ready(watched.page)
        yield watched


@pytest.mark.parametrize("width", [1440, 390])
async def test_axe_finds_nothing(watched: Watched, width: int) -> None:
    await sized(watched.page, width)
    await axe_finds_nothing(watched.page)


@pytest.mark.parametrize("width", SIZES)
async def test_it_fits_the_screen(watched: Watched, request: pytest.FixtureRequest, width: int) -> None:
    page = watched.page
    await sized(page, width)
    await page.screenshot(path=picture(request.node.callspec.id), full_page=True)  # paints, so it is laid out
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await page.locator("h1").count() == 1


@pytest.mark.parametrize("width", SIZES)
async def test_no_figure_of_a_table_lies_beyond_the_edge(watched: Watched, width: int) -> None:
    await sized(watched.page, width)
    beyond = await watched.page.evaluate(BEYOND)
    assert beyond == []


@pytest.mark.parametrize("width", [768, 900, 1024, 1180, 1280, 1440])
async def test_the_button_of_a_search_is_never_alone_in_its_row(watched: Watched, width: int) -> None:
    await watched.page.set_viewport_size({"width": width, "height": 900})
    alone = await watched.page.evaluate(ALONE)
    assert alone == []


async def test_on_paper_there_is_nothing_to_fill_in(watched: Watched) -> None:
    await watched.page.emulate_media(media="print")
    try:
        for form in await watched.page.locator("form").all():
            await expect(form).to_be_hidden()
        await expect(watched.page.locator("main")).to_be_visible()
    finally:
        await watched.page.emulate_media(media="screen")


async def test_it_complains_of_nothing_and_asks_nobody_else(watched: Watched, platform: dict[str, str]) -> None:
    assert watched.complaints == []
    assert {asked for asked in watched.asked if not asked.startswith((platform["ui-service"], "data:"))} == set()


@pytest.mark.parametrize("address", ADDRESSES)
async def test_its_first_view_weighs_little_and_nothing_moves(
    browser: Browser, platform: dict[str, str], address: str
) -> None:
    async with opened(browser, platform["ui-service"] + address) as watched:
        await ready(watched.page)
        assert await watched.page.evaluate(WEIGHT) < MOST_BYTES
        assert await watched.page.evaluate(SHIFTS) < 0.01


async def test_the_keyboard_alone_leads_to_every_page(browser: Browser, platform: dict[str, str]) -> None:
    async with opened(browser, platform["ui-service"]) as watched:
        page = watched.page
        for entry in RAIL:
            await ready(page)
            await page.keyboard.press("Control+k")
            palette = page.get_by_role("dialog")
            await expect(palette).to_be_visible()
            await page.keyboard.type(f"go {entry.title}")
            await expect(palette.get_by_role("option", selected=True)).to_have_text(f"Go to {entry.title}g {entry.key}")
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"**{entry.address}")
        for entry in RAIL:
            await ready(page)
            await page.keyboard.press("g")
            await page.keyboard.press(entry.key)
            await page.wait_for_url(f"**{entry.address}")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


async def test_the_theme_is_kept_and_there_before_the_first_paint(browser: Browser, platform: dict[str, str]) -> None:
    async with opened(browser, platform["ui-service"]) as watched:
        page = watched.page
        await ready(page)
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        day = await page.evaluate(ground)
        await page.get_by_role("button", name="Theme").click()
        await page.get_by_role("button", name="Theme: day").click()
        await expect(page.get_by_role("button", name="Theme: night")).to_be_visible()
        night = await page.evaluate(ground)
        assert night != day
        await page.reload()
        assert await page.evaluate(ground) == night
